# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a running deployment, in either shape, and what it must withstand."""

from __future__ import annotations

import time
from typing import Any

from tests.lab.conftest import changed_hosts, next_hops, told, until_lines, wait_until

PLAIN = "198.51.100.2"


def announcers(groups: dict[str, list[str]]) -> list[str]:
    return groups["directors"] or groups["proxies"]


def test_check_mode_on_a_converged_deployment_reports_no_change(playbook: Any) -> None:
    result = playbook("site.yml", "--check", "--diff", mitogen=True)
    assert result.returncode == 0, told(result.stdout)
    assert changed_hosts(result.stdout) == set(), told(result.stdout)


def test_a_node_can_announce_only_the_vips_that_it_serves(node: Any, groups: Any) -> None:
    """A marker for another prefix stays on the node; and when the node forgets its filter, the routers keep theirs."""
    name = announcers(groups)[0]
    speaker, router = node(name), node("r1")
    rogue = "198.51.100.99"
    show = "vtysh -c 'show bgp ipv4 unicast neighbors 10.20.0.11 advertised-routes json'"
    asn = speaker.check_output("sed -n 's/^router bgp //p' /etc/frr/frr.conf")
    speaker.check_output(f"ip route add blackhole {rogue}/32 proto 77")
    try:
        time.sleep(3)
        assert PLAIN in speaker.check_output(show)
        assert rogue not in speaker.check_output(show)
        lines = [
            "configure terminal",
            f"router bgp {asn}",
            "address-family ipv4 unicast",
            "no neighbor fabric4 prefix-list send4 out",
            "no redistribute kernel route-map announce4",
            "redistribute kernel",
        ]
        speaker.check_output("vtysh " + " ".join(f"-c '{line}'" for line in lines))
        wait_until("the node sends what it should not", lambda: rogue in speaker.check_output(show))
        time.sleep(2)
        assert next_hops(router, rogue) == []
        assert next_hops(router, PLAIN) != []
    finally:
        speaker.run(f"ip route del blackhole {rogue}/32 proto 77")
        speaker.check_output("/usr/lib/frr/frr-reload.py --reload /etc/frr/frr.conf")


def test_a_dead_announcer_is_out_of_the_routers_fibs_in_a_second_or_so(lab: Any, node: Any, groups: Any) -> None:
    """BFD: its link is cut, with the carrier still up, as behind a switch."""
    name = announcers(groups)[0]
    router = node("r1")
    before = next_hops(router, PLAIN)
    lost = node(name).check_output("ip -4 -o addr show eth1 | awk '{print $4}'").split("/")[0]
    # started before the cut, on the router itself, so that only the router's clock counts
    router.check_output(
        f"rm -f /tmp/gone; (timeout 30 ip -o monitor route | grep --line-buffered '{PLAIN} ' | "
        f"while read -r line; do case $line in *'{lost} '*) ;; *) date +%s.%N > /tmp/gone; break ;; esac; done) "
        "> /dev/null 2>&1 & sleep 1"
    )
    lab("cut", f"{name}:eth1")
    cut_at = float(router.check_output("date +%s.%N"))
    try:
        wait_until("the next hop is gone", lambda: len(next_hops(router, PLAIN)) == len(before) - 1, 20)
        took = float(until_lines(router, "/tmp/gone", 1, 20)[0]) - cut_at
        assert took < 3, f"took {took:.1f} s"  # 0.9 s of BFD, and a lab of few CPUs; without BFD it would be 9 s
    finally:
        lab("mend", f"{name}:eth1")
    wait_until("the next hop is back", lambda: next_hops(router, PLAIN) == before)


def test_a_reload_of_haproxy_breaks_no_download(client: Any, node: Any, groups: Any) -> None:
    """Long downloads over all proxies go on while every HAProxy is reloaded."""
    client.check_output(
        "rm -f /tmp/reload.ends; for i in $(seq 6); do for vip in 198.51.100.2 '[2001:db8:100::2]'; do "
        "(curl -sgm 60 -o /dev/null --limit-rate 60k -r 0-600000 http://$vip/download; echo $? >> /tmp/reload.ends) "
        "> /dev/null 2>&1 & done; done; sleep 2"
    )
    for name in groups["proxies"]:
        node(name).check_output("systemctl reload haproxy")
    assert client.run("test -s /tmp/reload.ends").rc != 0, "the downloads were over before the reloads"
    assert until_lines(client, "/tmp/reload.ends", 12, 90) == ["0"] * 12


def test_the_health_check_fails_when_the_node_is_excluded_or_its_backends_are_dead(node: Any, groups: Any) -> None:
    proxy = node(groups["proxies"][0])
    address = proxy.check_output("ip -4 -o addr show eth1 | awk '{print $4}'").split("/")[0]
    ask = f"curl -s -o /dev/null -m 3 -w '%{{http_code}}' http://{address}:8090/healthcheck"
    assert proxy.check_output(ask) == "200"
    for name in groups["backends"]:
        node(name).check_output("systemctl stop lab-applications")
    try:
        wait_until("the health check fails without backends", lambda: proxy.check_output(ask) == "503")
    finally:
        for name in groups["backends"]:
            node(name).check_output("systemctl start lab-applications")
    wait_until("the health check is good again", lambda: proxy.check_output(ask) == "200")
    proxy.check_output("echo excluded >> /etc/haproxy/node-state.lst && systemctl reload haproxy")
    try:
        wait_until("the health check fails for an excluded node", lambda: proxy.check_output(ask) == "503")
    finally:
        proxy.check_output("sed -i /^excluded/d /etc/haproxy/node-state.lst && systemctl reload haproxy")
    wait_until("the health check is good at the end", lambda: proxy.check_output(ask) == "200")
    # the balancers take back what they had taken out meanwhile
    wait_until(
        "all announce all again",
        lambda: all(len(node(name).check_output("vip-announce status").split()) == 4 for name in announcers(groups)),
    )
