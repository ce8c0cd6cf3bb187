# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be refused, and that the message names the entry; all before the kernel sees anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.declaration import DeclarationError, declare
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.plan import make_plan
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.rules import alike
from ansible_collections.multitier.loadbalancer.tests.unit.support.memory_kernel import MemoryKernel

V4: dict[str, Any] = {"address": "198.51.100.1", "port": 80}
V6: dict[str, Any] = {"address": "2001:db8::1", "port": 80}
SERVICE = "service tcp 198.51.100.1:80"
SERVER = f"{SERVICE}, destination 10.0.0.1:80"


def with_server(service: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {**(service or V4), "destinations": [{"address": "10.0.0.1", **options}]}


def message(*services: dict[str, Any], state: str = "replaced", **arguments: Any) -> str:
    with pytest.raises(DeclarationError) as caught:
        make_plan(MemoryKernel().read(), declare(services), state, **arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, "services entry 1: it needs an address or a fwmark, and not both"),
        ({**V4, "fwmark": 1}, "services entry 1: it needs an address or a fwmark, and not both"),
        ({"fwmark": 0}, "services entry 1: fwmark is 0, it must be 1 to 4294967295"),
        ({"fwmark": 1, "port": 80}, "services entry 1: a fwmark service has no port"),
        ({"address": "www", "port": 80}, "services entry 1 (www): address 'www' is not an IPv4 or IPv6 address"),
        ({"address": "198.51.100.1"}, "services entry 1 (198.51.100.1): it needs a port"),
        ({**V4, "port": 65536}, "services entry 1 (198.51.100.1): port is 65536, it must be 0 to 65535"),
        ({**V4, "family": "ipv6"}, "services entry 1 (198.51.100.1): family is ipv6, but the address is ipv4"),
        ({**V4, "port": 0}, "service tcp 198.51.100.1:0: port 0 (any port) needs a persistence_timeout"),
        ({**V4, "scheduler": "maglev"}, f"{SERVICE}: unknown scheduler 'maglev', known are rr, "),
        (
            {**V4, "scheduler_flags": ["sh-port"]},
            f"{SERVICE}: scheduler flag 'sh-port': mh knows mh-fallback, mh-port",
        ),
        ({**V4, "persistence_timeout": -1}, f"{SERVICE}: persistence_timeout is -1, it must be 0 to 2678400"),
        ({**V4, "prefix_length": 33}, f"{SERVICE}: prefix_length is 33, it must be 1 to 32"),
        ({**V4, "one_packet": True}, f"{SERVICE}: one_packet is for udp, not for tcp"),
        (with_server(weight=65536), f"{SERVER}: weight is 65536, it must be 0 to 65535"),
        (with_server(weight=-1), f"{SERVER}: weight is -1"),
        (with_server(last_weight=-1), f"{SERVICE}, destination 1 (10.0.0.1): last_weight is -1"),
        (with_server(address=None), f"{SERVICE}, destination 1: it needs an address"),
        (with_server(address="10.0.0.256"), f"{SERVICE}, destination 1 (10.0.0.256): address '10.0.0.256' is not"),
        (with_server(address="224.0.0.1"), "address 224.0.0.1 is not the address of a host"),
        (with_server(V6, address="fe80::1"), "address fe80::1 is a link-local address"),
        (with_server(port=8080), f"{SERVICE}, destination 10.0.0.1:8080: with forwarding: dr packets keep their port"),
        (with_server(port=0, forwarding="masquerade"), "port 0 is not a port to send to"),
        (with_server(port=-1, forwarding="masquerade"), "port is -1, it must be 0 to 65535"),
        (with_server(tunnel_type="gue"), f"{SERVER}: tunnel_type is for forwarding: tunnel, not for dr"),
        (with_server(tunnel_port=1, forwarding="masquerade"), "tunnel_port is for forwarding: tunnel, not for masq"),
        (with_server(forwarding="tunnel", tunnel_type="gue"), f"{SERVER}: tunnel_type: gue needs a tunnel_port"),
        (with_server(forwarding="tunnel", tunnel_port=6080), "tunnel_port is for tunnel_type: gue, not for ipip"),
        (with_server(forwarding="tunnel", tunnel_checksum="checksum"), "is for tunnel_type: gue and gre, not for ipip"),
        (
            with_server(forwarding="tunnel", tunnel_type="gre", tunnel_checksum="remote"),
            "tunnel_checksum: remote is for tunnel_type: gue, not for gre",
        ),
        (
            with_server(address="2001:db8::21"),
            f"{SERVICE}, destination [2001:db8::21]:80: an IPv6 real server behind an IPv4 service needs "
            "forwarding: tunnel, not dr",
        ),
        (with_server(V6, forwarding="masquerade"), "an IPv4 real server behind an IPv6 service needs forwarding"),
        (with_server(lower_threshold=5), "lower_threshold is greater than upper_threshold"),
        (with_server(upper_threshold=2**31), "upper_threshold is 2147483648"),
        (
            {**V4, "destinations": [{"address": "10.0.0.1"}, {"address": "10.0.0.1", "port": 80}]},
            f"{SERVICE}: destination 10.0.0.1:80 is declared twice",
        ),
    ],
)
def test_refused(service: dict[str, Any], expected: str) -> None:
    assert expected in message(service)


def test_a_service_declared_twice_in_two_spellings() -> None:
    twice = message({"address": "2001:db8::1", "port": 80}, {"address": "2001:DB8:0::1", "port": 80})
    assert twice == "service tcp [2001:db8::1]:80: declared twice (services entry 2)"


def test_the_second_entry_is_named_and_the_first_not_applied() -> None:
    assert message(V4, {**V6, "scheduler": "x"}).startswith("service tcp [2001:db8::1]:80: unknown scheduler 'x'")


def test_more_destinations_than_slots() -> None:
    servers = [{"address": f"10.0.{byte >> 8}.{byte & 255}"} for byte in range(1, 253)]
    text = message({**V4, "destinations": servers}, maglev_table_size=251)
    assert text.startswith(f"{SERVICE}: 252 destinations, but the table of the scheduler mh has 251 slots")


def test_mixed_families_while_a_sync_daemon_runs() -> None:
    service = with_server(V6, forwarding="tunnel")
    assert "while a connection synchronisation daemon runs" in message(service, sync_runs=True)
    assert make_plan([], declare([service]), "replaced").after


def test_flags_by_number_are_flags_by_name() -> None:
    after = make_plan([], declare([{**V4, "scheduler_flags": ["flag-1", "mh-port"]}]), "replaced").after[0]
    assert after.settings.scheduler_flags == {"mh-fallback", "mh-port"}


def test_flags_do_not_pass_to_another_scheduler() -> None:
    before = make_plan([], declare([{**V4, "scheduler_flags": ["mh-port"]}]), "replaced").after
    after = make_plan(before, declare([{**V4, "scheduler": "sh"}]), "present").after[0]
    assert after.settings.scheduler_flags == frozenset()


def test_a_new_tunnel_type_forgets_the_old_port() -> None:
    gue = with_server(forwarding="tunnel", tunnel_type="gue", tunnel_port=6080)
    before = make_plan([], declare([gue]), "replaced").after
    after = make_plan(before, declare([with_server(tunnel_type="gre")]), "present").after[0].destinations[0]
    assert (after.tunnel_type, after.tunnel_port, after.forwarding) == ("gre", 0, "tunnel")


def test_servers_that_hash_alike() -> None:
    servers = [{"address": f"2001:db8::{byte}", "forwarding": "tunnel"} for byte in (1, 2)]
    after = make_plan([], declare([{**V4, "destinations": servers}]), "replaced").after[0]
    assert alike(after) == [("[2001:db8::2]:80", "[2001:db8::1]:80")]
    assert alike(make_plan([], declare([with_server()]), "replaced").after[0]) == []
