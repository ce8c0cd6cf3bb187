# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tiers: each proxy announces its VIPs while it is healthy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import get_many, next_hops, wait_until

VIPS = {"198.51.100.1", "198.51.100.2", "2001:db8:100::1", "2001:db8:100::2"}


def announced(proxy: Any) -> set[str]:
    return set(proxy.check_output("vip-announce status").split())


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
