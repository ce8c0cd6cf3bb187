# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs held by VRRP: exactly one holder, whatever happens, and requests go on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.lab.conftest import recap, told, wait_until

VIPS = {"ipv4": "10.20.0.100", "ipv6": "2001:db8:20::100"}
FAMILIES = sorted(VIPS)
HOSTS = ("d1", "d2")


def holders(node: Any, family: str, hosts: tuple[str, ...] = HOSTS) -> list[str]:
    return [name for name in hosts if f" {VIPS[family]}/" in node(name).check_output("ip -o addr show eth1")]


def ask(client: Any, family: str) -> str:
    """Name of the host that answered, empty when nobody did."""
    vip = f"[{VIPS[family]}]" if family == "ipv6" else VIPS[family]
    return client.run(f"curl -sgm 2 http://{vip}:8080/ | jq -r .backend").stdout.strip()


def probe(client: Any, family: str, seconds: int) -> None:
    """Requests, ten a second, in the background; the time of each that failed goes to a file."""
    vip = f"[{VIPS[family]}]" if family == "ipv6" else VIPS[family]
    client.check_output(
        f"rm -f /tmp/{family}.*; (end=$(( $(date +%s) + {seconds} )); while [ $(date +%s) -lt $end ]; do "
        f"curl -sgm 1 -o /dev/null http://{vip}:8080/ || date +%s.%N >> /tmp/{family}.failed; sleep 0.1; done; "
        f"touch /tmp/{family}.done) > /dev/null 2>&1 &"
    )


def longest_gap(client: Any, family: str) -> float:
    wait_until("the requests are over", lambda: client.file(f"/tmp/{family}.done").exists, 120, 1)
    times = [float(line) for line in client.run(f"cat /tmp/{family}.failed").stdout.split()]
    return max(times) - min(times) + 1 if times else 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_exactly_one_host_holds_the_vip_and_it_is_the_one_of_highest_priority(
    node: Any, client: Any, family: Any
) -> None:
    wait_until("d1 holds the VIP alone", lambda: holders(node, family) == ["d1"])
    for dummy in range(10):
        assert holders(node, family) == ["d1"]
        time.sleep(0.3)
    assert ask(client, family) == "d1"


def test_check_mode_on_a_converged_pair_reports_no_change(playbook: Any) -> None:
    result = playbook("site.yml", "--check", "--diff")
    assert result.returncode == 0, told(result.stdout)
    assert {counters["changed"] for counters in recap(result.stdout).values()} == {0}


def test_advertisements_are_unicast_where_peers_are_named_and_multicast_elsewhere(node: Any) -> None:
    seen = node("d2").check_output("timeout 5 tcpdump -pnqi eth1 'proto 112 or ip6 proto 112' 2>/dev/null; true")
    assert "10.20.0.21 > 10.20.0.22" in seen
    assert "> ff02::12" in seen


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stopped_daemon_hands_over_at_once_and_takes_back(node: Any, client: Any, family: Any) -> None:
    probe(client, family, 20)
    time.sleep(2)
    node("d1").check_output("systemctl stop keepalived")
    try:
        wait_until("d2 holds the VIP", lambda: holders(node, family) == ["d2"], 10)
        assert ask(client, family) == "d2"
    finally:
        node("d1").check_output("systemctl start keepalived")
    wait_until("d1 holds the VIP again", lambda: holders(node, family) == ["d1"], 30)
    assert longest_gap(client, family) < 10


def test_a_lost_host_is_taken_over_from_in_both_families_and_comes_back(node: Any, client: Any, lab: Any) -> None:
    for family in FAMILIES:
        probe(client, family, 25)
    time.sleep(2)
    lab("kill", "d1")
    try:
        wait_until("d2 holds both VIPs", lambda: all(holders(node, family, ("d2",)) for family in FAMILIES), 15)
        wait_until("d2 answers on both", lambda: {ask(client, family) for family in FAMILIES} == {"d2"}, 15)
        for family in FAMILIES:
            assert 0 < longest_gap(client, family) < 12
    finally:
        lab("start", "d1")
    wait_until("d1 holds both VIPs", lambda: all(holders(node, family) == ["d1"] for family in FAMILIES), 60)


def test_bad_input_stops_before_a_host_is_changed(playbook: Any) -> None:
    result = playbook("site.yml", "-e", '{"keepalived_vrrp_advertisement_interval": 0}')
    assert result.returncode != 0
    assert "keepalived_vrrp_advertisement_interval is 0, must be a number from 0.01 to 40.95" in result.stdout
