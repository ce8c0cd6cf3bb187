# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three tiers: directors with one table, direct server return, announcements that wait for health."""

from __future__ import annotations

import time
from typing import Any

from tests.lab.conftest import get_many, info, routes_watched, until_lines, wait_until

VIPS = {"198.51.100.1", "198.51.100.2", "2001:db8:100::1", "2001:db8:100::2"}


def order(director: Any) -> dict[str, list[tuple[str, int]]]:
    """Real servers in kernel order, with weights, of each virtual service."""
    services = info(director, "ipvs_info")["services"]
    return {
        service["name"]: [(entry["name"], entry["weight"]) for entry in service["destinations"]] for service in services
    }


def announced(director: Any) -> set[str]:
    return set(director.check_output("vip-announce status").split())


def test_both_directors_take_part_and_no_reply_passes_them(client: Any, node: Any, groups: Any) -> None:
    """Counted on each director's wire: packets to the VIPs, IPv4 and IPv6, and none from them."""
    vips = ("198.51.100.2", "2001:db8:100::2")
    for name in groups["directors"]:
        # its own frames only: a bridge floods what it has not learnt yet
        mine = node(name).check_output("cat /sys/class/net/eth1/address")
        dump = "timeout 60 tcpdump -Z root -plnqi eth1"
        for number, vip in enumerate(vips):
            node(name).check_output(
                f"({dump} ether dst {mine} and dst host {vip} and tcp > /tmp/to{number} 2>/dev/null & "
                f"{dump} ether host {mine} and src host {vip} and tcp > /tmp/from{number} 2>/dev/null &)"
            )
    time.sleep(2)
    get_many(client, f"http://{vips[0]}/", 30)
    get_many(client, f"http://[{vips[1]}]/", 30)
    time.sleep(2)
    for name in groups["directors"]:
        node(name).check_output("pkill -x tcpdump")
        for number, vip in enumerate(vips):
            counts = node(name).check_output(f"grep -c '>' /tmp/to{number}; grep -c '>' /tmp/from{number}; true")
            to, back = counts.split()
            assert int(to) > 10, f"{name} saw {to} packets to {vip}"
            assert int(back) == 0, f"{name} saw {back} packets from {vip}"


def test_a_stopped_proxy_changes_nothing_in_the_tables_but_its_weight(client: Any, node: Any, groups: Any) -> None:
    before = {name: order(node(name)) for name in groups["directors"]}
    assert before["d1"] == before["d2"]
    node("p2").check_output("systemctl stop haproxy")
    try:

        def drained() -> bool:
            return all(
                weight == (0 if ".32:" in server or "::32]" in server else 1)
                for name in groups["directors"]
                for servers in order(node(name)).values()
                for server, weight in servers
            )

        wait_until("p2 has weight 0 on both directors", drained, 60, 1)
        for name in groups["directors"]:
            names = {key: [server for server, dummy in servers] for key, servers in order(node(name)).items()}
            assert names == {key: [server for server, dummy in servers] for key, servers in before[name].items()}
        seen = {answer["remote_address"] for answer in get_many(client, "http://198.51.100.2/", 30)}
        assert seen == {"10.30.0.31", "10.30.0.33"}
    finally:
        node("p2").check_output("systemctl start haproxy")
    wait_until(
        "the tables are as before", lambda: {name: order(node(name)) for name in groups["directors"]} == before, 60, 1
    )


def test_a_director_that_loses_its_quorum_withdraws_and_comes_back(node: Any, groups: Any) -> None:
    for name in ("p1", "p2"):
        node(name).check_output("systemctl stop haproxy")
    try:
        wait_until("no director announces", lambda: not any(announced(node(name)) for name in groups["directors"]))
    finally:
        for name in ("p1", "p2"):
            node(name).check_output("systemctl start haproxy")
    wait_until("all announce all", lambda: all(announced(node(name)) == VIPS for name in groups["directors"]))


def test_a_gate_that_is_killed_or_reloaded_withdraws_nothing(node: Any) -> None:
    director = node("d1")
    wait_until("all VIPs are announced", lambda: announced(director) == VIPS)
    with routes_watched(director) as lines:
        director.check_output("systemctl kill -s KILL vip-gate")
        wait_until("it runs again", lambda: director.run("systemctl is-active vip-gate").rc == 0)
        director.check_output("systemctl reload vip-gate keepalived")
        time.sleep(3)
    assert lines() == []
    assert announced(director) == VIPS


def test_health_checks_that_crash_withdraw_until_new_ones_passed(node: Any) -> None:
    """Its parent lives on and starts them anew, which no unit of systemd sees."""
    director = node("d1")
    wait_until("all VIPs are announced", lambda: announced(director) == VIPS)
    director.check_output("kill -KILL $(cat /run/checkers.pid)")
    wait_until("nothing is announced", lambda: not announced(director), 10, 0.2)
    time.sleep(5)
    assert announced(director) == set(), "announced before new checks passed"
    wait_until("all VIPs are announced", lambda: announced(director) == VIPS)


def test_a_director_announces_nothing_before_its_first_round_of_checks_is_over(node: Any) -> None:
    director = node("d1")
    director.check_output("systemctl restart keepalived")
    started = time.monotonic()
    assert announced(director) == set()
    time.sleep(5)
    assert announced(director) == set(), "announced before the hold was over"
    wait_until("all VIPs are announced", lambda: announced(director) == VIPS)
    assert time.monotonic() - started > 8


def test_a_director_withdraws_before_its_table_goes(node: Any) -> None:
    """While keepalived stops, there is a time without announcements in which connections are still forwarded."""
    director = node("d1")
    wait_until("all VIPs are announced", lambda: announced(director) == VIPS)
    director.check_output("systemctl stop --no-block keepalived")
    try:
        wait_until("nothing is announced", lambda: not announced(director), 20, 0.1)
        assert "->" in director.check_output("ipvsadm -Ln"), "the table went with the announcement"
        wait_until("the table is empty", lambda: "10.20.0.31" not in director.check_output("ipvsadm -Ln"))
    finally:
        director.check_output("systemctl start keepalived")
    wait_until("all VIPs are announced again", lambda: announced(director) == VIPS)


def test_a_packet_in_the_middle_of_a_connection_is_taken_by_any_director(client: Any, node: Any, lab: Any) -> None:
    """Downloads go on when the director that they came through is switched off."""
    wait_until("both directors take part", lambda: all(announced(node(name)) == VIPS for name in ("d1", "d2")))
    client.check_output(
        "rm -f /tmp/kill.ends; for i in $(seq 10); do for vip in 198.51.100.2 '[2001:db8:100::2]'; do "
        "(curl -sgm 90 -o /dev/null --limit-rate 40k -r 0-800000 http://$vip/download; echo $? >> /tmp/kill.ends) "
        "> /dev/null 2>&1 & done; done; sleep 3"
    )
    lab("kill", "d2")
    try:
        ends = until_lines(client, "/tmp/kill.ends", 20, 120)
        assert ends.count("0") == 20, ends
    finally:
        lab("start", "d2")
    wait_until("d2 announces all by itself", lambda: announced(node("d2")) == VIPS, 120, 2)
