# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Written, but not yet seen to pass: no scenario runs these. Move a test to faults/ once it was seen."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.conftest import recap, until_lines, wait_until

PLAIN = "198.51.100.2"


def announcers(groups: dict[str, list[str]]) -> list[str]:
    return groups["directors"] or groups["proxies"]


def test_check_mode_on_a_converged_deployment_reports_no_change(playbook: Any) -> None:
    result = playbook("site.yml", "--check", "--diff")
    assert result.returncode == 0, result.stdout[-4000:]
    assert {counters["changed"] for counters in recap(result.stdout).values()} == {0}, result.stdout[-4000:]


def test_what_somebody_changed_by_hand_is_seen_and_put_right(playbook: Any, node: Any, groups: Any) -> None:
    """One run repairs VIPs, kernel parameters, announcements and FRR's running configuration."""
    first, second, announcer = groups["proxies"][0], groups["proxies"][1], announcers(groups)[0]
    node(first).check_output("ip route add local 198.51.100.77/32 dev lo proto 78 table local")
    node(second).check_output("ip route del local 2001:db8:100::1/128 dev lo proto 78 table local")
    node(second).check_output("sysctl -qw net.ipv4.conf.all.arp_ignore=0")
    node(announcer).check_output("ip route add blackhole 198.51.100.78/32 proto 77")
    node("r1").check_output("vtysh -c 'conf t' -c 'router bgp 65011' -c 'timers bgp 5 20'")

    predicted = playbook("site.yml", "--check", "--diff")
    counters = recap(predicted.stdout)
    assert {name for name, count in counters.items() if count["changed"]} == {first, second, announcer, "r1"}

    result = playbook("site.yml")
    assert result.returncode == 0, result.stdout[-4000:]
    counters = recap(result.stdout)
    assert {name for name, count in counters.items() if count["changed"]} == {first, second, announcer, "r1"}
    assert "198.51.100.77" not in node(first).check_output("ip route show table local proto 78")
    assert "2001:db8:100::1" in node(second).check_output("ip -6 route show table local proto 78")
    assert node(second).sysctl("net.ipv4.conf.all.arp_ignore") == 1
    assert "198.51.100.78" not in node(announcer).check_output("vip-announce status")
    assert "timers bgp" not in node("r1").check_output("vtysh -c 'show running-config'")


def test_a_configuration_that_haproxy_refuses_does_not_replace_the_working_one(
    playbook: Any, node: Any, client: Any, groups: Any
) -> None:
    proxy = node(groups["proxies"][0])
    before = proxy.file("/etc/haproxy/haproxy.cfg").content_string
    # more than HAProxy's timers can hold, which only HAProxy knows
    extra = json.dumps({"haproxy_l7_timeouts": {"tunnel": "99999d"}})
    result = playbook("site.yml", "-e", extra, "--limit", groups["proxies"][0])
    assert result.returncode != 0
    assert "timer overflow" in result.stdout.replace("\\n", " "), result.stdout[-4000:]
    assert proxy.file("/etc/haproxy/haproxy.cfg").content_string == before
    assert proxy.check_output("haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl is-active haproxy").endswith(
        "active"
    )


def test_a_reload_of_haproxy_breaks_no_download(client: Any, node: Any, groups: Any) -> None:
    """Long downloads over all proxies go on while every HAProxy is reloaded."""
    client.check_output(
        "rm -f /tmp/reload.ends; for i in $(seq 12); do "
        f"(curl -sm 60 -o /dev/null --limit-rate 50k -r 0-600000 http://{PLAIN}/download; echo $? >> /tmp/reload.ends) "
        "> /dev/null 2>&1 & done; sleep 2"
    )
    for name in groups["proxies"]:
        node(name).check_output("systemctl reload haproxy")
    assert set(until_lines(client, "/tmp/reload.ends", 12, 90)) == {"0"}


def test_the_health_check_fails_when_the_node_is_excluded_or_its_backends_are_dead(node: Any, groups: Any) -> None:
    proxy = node(groups["proxies"][0])
    address = proxy.check_output("ip -4 -o addr show eth1 | awk '{print $4}'").split("/")[0]
    ask = f"curl -s -o /dev/null -m 3 -w '%{{http_code}}' http://{address}:8090/healthcheck"
    assert proxy.check_output(ask) == "200"
    for name in groups["backends"]:
        node(name).check_output("systemctl stop nginx")
    try:
        wait_until("the health check fails without backends", lambda: proxy.check_output(ask) == "503")
    finally:
        for name in groups["backends"]:
            node(name).check_output("systemctl start nginx")
    wait_until("the health check is good again", lambda: proxy.check_output(ask) == "200")
    proxy.check_output("echo excluded >> /etc/haproxy/node-state.lst && systemctl reload haproxy")
    try:
        wait_until("the health check fails for an excluded node", lambda: proxy.check_output(ask) == "503")
    finally:
        proxy.check_output("sed -i /^excluded/d /etc/haproxy/node-state.lst && systemctl reload haproxy")
    wait_until("the health check is good at the end", lambda: proxy.check_output(ask) == "200")
