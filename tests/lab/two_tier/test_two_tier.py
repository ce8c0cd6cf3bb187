# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tiers: each proxy announces its VIPs while it is healthy."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.conftest import get_many, next_hops, routes_watched, told, wait_until

if TYPE_CHECKING:
    from pathlib import Path

RUNNING = "vtysh -c 'show running-config'"
VIPS = {"198.51.100.1", "198.51.100.2", "2001:db8:100::1", "2001:db8:100::2"}


def announced(proxy: Any) -> set[str]:
    return set(proxy.check_output("vip-announce status").split())


def announces(proxy: Any, vips: set[str]) -> bool:
    """Whether these are announced, and no others."""
    return announced(proxy) == vips


def paths(node: Any, prefix: str) -> list[int]:
    """Next hops that each router has."""
    return [len(next_hops(node(router), prefix)) for router in ("r1", "r2")]


@pytest.mark.parametrize("vip", ["198.51.100.2", "[2001:db8:100::2]"])
def test_a_stopped_proxy_is_withdrawn_before_it_stops_and_comes_back(client: Any, node: Any, vip: Any) -> None:
    proxy, bare = node("p2"), vip.strip("[]")
    failed = "/tmp/failed"
    client.check_output(
        f"rm -f {failed}; (end=$(( $(date +%s) + 15 )); while [ $(date +%s) -lt $end ]; do "
        f"curl -sgm 2 -o /dev/null http://{vip}/ || echo x >> {failed}; sleep 0.05; done; "
        f"echo done >> {failed}) > /dev/null 2>&1 & sleep 1"
    )
    proxy.check_output("systemctl stop haproxy")
    try:
        assert announced(proxy) == set()
        wait_until("both routers have two next hops", lambda: paths(node, bare) == [2, 2])
        wait_until("the requests are over", lambda: "done" in client.check_output(f"cat {failed}; true"), 90, 1)
        lines = client.check_output(f"cat {failed}").split()
        assert lines.count("x") == 0, "requests failed while a proxy was stopped"
    finally:
        proxy.check_output("systemctl start haproxy")
    wait_until("it announces again", lambda: announced(proxy) == VIPS)
    wait_until("both routers have three next hops", lambda: paths(node, bare) == [3, 3])


def test_an_unhealthy_proxy_withdraws_its_vips_and_an_excluded_one_too(node: Any, groups: Any) -> None:
    proxy = node("p3")
    proxy.check_output("echo excluded >> /etc/haproxy/node-state.lst && systemctl reload haproxy")
    try:
        wait_until("it announces nothing", lambda: not announced(proxy))
    finally:
        proxy.check_output("sed -i /^excluded/d /etc/haproxy/node-state.lst && systemctl reload haproxy")
    wait_until("it announces again", lambda: announced(proxy) == VIPS)


def test_a_crashed_proxy_comes_back_by_itself(client: Any, node: Any) -> None:
    node("p1").check_output("systemctl kill -s KILL haproxy")
    wait_until("it announces again", lambda: announced(node("p1")) == VIPS)
    url = "http://198.51.100.2/"
    wait_until("all three serve", lambda: len({entry["remote_address"] for entry in get_many(client, url, 30)}) == 3)


def test_a_vip_and_a_service_that_come_and_go_disturb_no_other(playbook: Any, node: Any, inventory: Any) -> None:
    """Both in one change: the gate of the older service has one VIP more, and there is a new gate."""
    proxy = node("p1")
    services = json.loads(json.dumps(inventory["_meta"]["hostvars"]["p1"]["loadbalancer_services"]))
    services[0]["vips"].append("198.51.100.11")
    services.append({**services[1], "name": "extra", "vips": ["2001:DB8:100::12"]})
    more = VIPS | {"198.51.100.11", "2001:db8:100::12"}
    extra = json.dumps({"loadbalancer_services": services})
    with routes_watched(proxy) as lines:
        for words, expected in (["-e", extra], more), ([], VIPS):
            result = playbook("site.yml", "--limit", "p1", *words, mitogen=True)
            assert result.returncode == 0, told(result.stdout)
            wait_until(f"it announces {expected}", partial(announces, proxy, expected))
    assert not [line for line in lines() if any(f" {vip} " in line for vip in VIPS)]


def test_a_bgp_password_joins_the_sessions_and_is_shown_nowhere(
    playbook: Any, node: Any, groups: Any, tmp_path: Path
) -> None:
    """Set, then taken away again: neither the output of site.yml nor a log has it, nor a certificate's key.

    The same for BFD's timers, which FRR takes back only when it is told the default.
    """
    speakers = groups["proxies"] + groups["routers"]
    file = tmp_path / "password.yml"
    file.write_text("loadbalancer_bgp_password: Tr0ub4dor\nfrr_ecmp_bfd_interval: 250\nfrr_ecmp_bfd_multiplier: 4\n")
    try:
        given = playbook("site.yml", "--diff", "-v", "-e", f"@{file}", mitogen=True)
        assert given.returncode == 0, told(given.stdout)
        assert "password ********" in given.stdout
        for name in speakers:
            assert "password Tr0ub4dor" in node(name).file("/etc/frr/frr.conf").content_string
            assert "transmit-interval 250" in node(name).check_output(RUNNING)
        verified = playbook("playbooks/verify.yml", "-e", f"@{file}")
        assert verified.returncode == 0, told(verified.stdout)
    finally:
        taken = playbook("site.yml", "--diff", "-v", mitogen=True)
    assert taken.returncode == 0, told(taken.stdout)
    assert "Tr0ub4dor" not in given.stdout + given.stderr + verified.stdout + taken.stdout + taken.stderr
    for name in speakers:
        secrets = "journalctl --quiet --no-pager | grep -c -e Tr0ub4dor -e 'PRIVATE KEY'"
        assert node(name).run(secrets).stdout.strip() == "0"
        assert node(name).run("grep -rqs Tr0ub4dor /var/log/frr /run/frr").rc == 1
        running = node(name).check_output(RUNNING)
        assert [word for word in ("password", "interval", "multiplier") if word in running] == []
        assert node(name).file("/etc/frr/frr.conf").mode == 0o640
    verified = playbook("playbooks/verify.yml")
    assert verified.returncode == 0, told(verified.stdout)
