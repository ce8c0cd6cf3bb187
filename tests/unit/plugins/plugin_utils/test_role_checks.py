# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role demands of its variables, beyond its argument spec."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.checks.roles import (
    CHECKS,
    MAGLEV_MAXIMUM,
    RANGES,
    role_problems,
)
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

from tools import role_specs

if TYPE_CHECKING:
    from pathlib import Path

VIP6 = "2001:db8:100::1"
TIME = "must be a time such as 10s or 5m: a number and ms, s, m, h or d, from 1ms to 2147483647ms"
GOOD: dict[str, dict[str, Any]] = {
    "frr_ecmp": {
        "asn": 65011,
        "router_id": "10.20.0.11",
        "neighbors": [
            {"name": "d1", "address": "10.20.0.21", "asn": 65021},
            {"name": "d1", "address": "2001:db8:20::21", "asn": 65021},
        ],
        "announce": ["198.51.100.1", VIP6],
        "accept": ["0.0.0.0/0", "2001:db8:100::1/128"],
    },
    "vips": {"local": ["198.51.100.1", VIP6], "announced": [VIP6]},
    "dsr_loopback": {"vips": ["198.51.100.1", VIP6]},
    "vip_gate": {
        "gates": [
            {"name": "www", "vips": ["198.51.100.1"], "url": "http://[2001:db8::1]:8090/healthcheck/www"},
            {"name": "dns", "vips": [VIP6], "virtual_servers": [{"address": VIP6, "port": 53, "protocol": "udp"}]},
        ],
        "units": ["haproxy.service"],
        "after": ["frr.service"],
    },
    "ipvs_maglev": {
        "services": [
            {
                "name": "www",
                "vips": ["198.51.100.1", VIP6],
                "listeners": [
                    {"port": 80, "check": {"type": "http", "port": 8090, "path": "/healthcheck"}},
                    {"port": 443, "check": {"type": "tcp"}},
                ],
            }
        ],
        "real_servers": [
            {"name": "p1", "addresses": ["10.20.0.31", "2001:db8:20::31"], "weight": 2},
            {"name": "p2", "addresses": ["10.20.0.32", "2001:db8:20::32"]},
        ],
    },
    "keepalived_vrrp": {
        "instances": [
            {
                "name": "v4",
                "interface": "eth1",
                "virtual_router_id": 51,
                "addresses": ["198.51.100.1/32"],
                "peers": ["10.20.0.22"],
                "source_address": "10.20.0.21",
            },
            {"name": "v6", "interface": "eth1", "virtual_router_id": 51, "addresses": [VIP6], "priority": 254},
        ]
    },
    "haproxy_l7": {},  # services are added below
}


def values(role: str) -> dict[str, Any]:
    """Good values of all of a role's variables, by their names without the role's."""
    found = {name.removeprefix(f"{role}_"): value for name, value in role_specs.defaults(role).items()}
    if role == "haproxy_l7":
        shared = deployment.host(1)
        found |= {name: shared[f"loadbalancer_{name}"] for name in ("services", "backends")}
    return {**found, **copy.deepcopy(GOOD[role])}


def problems(role: str, pem: Path, path: str = "", value: Any = None) -> list[str]:
    tree = values(role)
    if role == "haproxy_l7":
        tree["certificates"] = [{"name": "www", "file": str(pem)}]
    if path:
        deployment.put(tree, path, value)
    return role_problems(tree, role)


@pytest.mark.parametrize("role", GOOD)
def test_right(role: str, pem: Path) -> None:
    assert problems(role, pem) == []


def test_every_role_that_can_be_validated_has_checks() -> None:
    validated = {role for role in role_specs.roles() if "validate" in role_specs.entry_points(role)}
    assert validated == set(CHECKS) == set(RANGES) == set(GOOD)


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, ranges in RANGES.items() for name in ranges])
def test_every_range_holds_its_limits_and_the_default(role: str, name: str, pem: Path) -> None:
    low, high = RANGES[role][name]
    line = f"{role}_{name} is {{}}, must be a number from {low} to {high}"
    assert not [
        text for value in (low, high) for text in problems(role, pem, name, value) if text.startswith(line[:40])
    ]
    for value in (low - 1, high + 1):
        assert line.format(value) in problems(role, pem, name, value)


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, ranges in RANGES.items() for name in ranges])
def test_every_range_is_documented(role: str, name: str) -> None:
    description = role_specs.entry_points(role)["main"]["options"][f"{role}_{name}"]["description"]
    low, high = RANGES[role][name]
    assert f"{low} to {high}" in description


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("router_id", VIP6, f"frr_ecmp_router_id is {VIP6!r}, must be an IPv4 address"),
        (
            "neighbors.0.address",
            "d1",
            "frr_ecmp_neighbors (d1).address is 'd1', must be an IPv4 or IPv6 address without a prefix length",
        ),
        ("neighbors.0.asn", 0, "frr_ecmp_neighbors (d1).asn is 0, must be a number from 1 to 4294967294"),
        (
            "neighbors.0.asn",
            65011,
            "frr_ecmp_neighbors (d1).asn is 65011, must differ from frr_ecmp_asn: sessions are eBGP",
        ),
        (
            "neighbors.0.password",
            "two words",
            "frr_ecmp_neighbors (d1).password is '***', must be 1 to 80 ASCII characters without white space",
        ),
        (
            "neighbors.0.address",
            "2001:DB8:20::21",
            "frr_ecmp_neighbors: '2001:db8:20::21' is listed twice; it must be unique",
        ),
        (
            "announce.0",
            "198.51.100.0/24",
            "frr_ecmp_announce is '198.51.100.0/24', must be an IPv4 or IPv6 address without a prefix length",
        ),
        (
            "accept.0",
            "198.51.100.1/24",
            "frr_ecmp_accept is '198.51.100.1/24', must be a prefix such as 198.51.100.1/32, without host bits",
        ),
    ],
)
def test_frr_ecmp(pem: Path, path: str, value: Any, line: str) -> None:
    assert problems("frr_ecmp", pem, path, value) == [line]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("vip", "dsr_loopback_vips is 'vip', must be an IPv4 or IPv6 address without a prefix length"),
        (VIP6, f"dsr_loopback_vips: {VIP6!r} is listed twice; it must be unique"),
    ],
)
def test_dsr_loopback(pem: Path, value: Any, line: str) -> None:
    assert problems("dsr_loopback", pem, "vips.0", value) == [line]


DEVICE = "must be the name of a network device: letters, digits, . _ and -, at most 15"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("local.0", "vip", "vips_local is 'vip', must be an IPv4 or IPv6 address without a prefix length"),
        ("local.0", VIP6.upper(), f"vips_local: {VIP6!r} is there twice, must be unique"),
        ("announced.0", "::1", "vips_announced is '::1', must be a unicast address that can be routed to"),
        ("interface", "lo proto 3", f"vips_interface is 'lo proto 3', {DEVICE}"),
        ("interface", "vips0\nroute", f"vips_interface is 'vips0\\nroute', {DEVICE}"),
        ("local_protocol", 4, "vips_local_protocol is 4, must be a number from 5 to 255"),
        ("marker_protocol", 78, "vips_marker_protocol is 78, must differ from vips_local_protocol"),
    ],
)
def test_vips(pem: Path, path: str, value: Any, line: str) -> None:
    assert problems("vips", pem, path, value) == [line]


GATE = "vip_gate_gates (www)"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("gates.0.vips", [], f"{GATE}.vips is [], must have at least one VIP"),
        ("gates.0.vips.0", "x", f"{GATE}.vips is 'x', must be an IPv4 or IPv6 address without a prefix length"),
        ("gates.0.url", None, f"{GATE} has url None and virtual_servers None, must have one of them"),
        (
            "gates.0.url",
            "https://a/",
            f"{GATE}.url is 'https://a/', must be like http://127.0.0.1:8090/healthcheck/www",
        ),
        ("gates.0.rise", 0, f"{GATE}.rise is 0, must be a number from 1 to 100"),
        (
            "gates.1.virtual_servers.0.port",
            0,
            "vip_gate_gates (dns).virtual_servers.port is 0, must be a number from 1 to 65535",
        ),
        ("gates.1.name", "www", "vip_gate_gates: 'www' is there twice, must be unique"),
        ("hold", 601, "vip_gate_hold is 601, must be a number from 0 to 600"),
        ("units.0", "haproxy", "vip_gate_units has 'haproxy', must be the name of a unit, such as haproxy.service"),
        ("after.0", "a;b", "vip_gate_after has 'a;b', must be the name of a unit, such as haproxy.service"),
    ],
)
def test_vip_gate(pem: Path, path: str, value: Any, line: str) -> None:
    assert line in problems("vip_gate", pem, path, value)


MAGLEV = "ipvs_maglev_real_servers"
WWW = "ipvs_maglev_services (www)"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("real_servers", [], f"{MAGLEV} is [], must have at least one real server"),
        ("real_servers.0.weight", 0, f"{MAGLEV} (p1).weight is 0, must be a number from 1 to 65535"),
        (
            "real_servers.0.addresses.0",
            "p1",
            f"{MAGLEV} (p1).addresses is 'p1', must be an IPv4 or IPv6 address without a prefix length",
        ),
        ("real_servers.0.addresses.0", "10.20.0.32", f"{MAGLEV}: '10.20.0.32' is listed twice; it must be unique"),
        (
            "real_servers.0.addresses",
            [],
            f"{MAGLEV} (p1).addresses is [], must have one address for each family that the VIPs have",
        ),
        (
            "real_servers.0.addresses",
            ["10.20.0.31"],
            f"{WWW}.vips: {VIP6} is IPv6, but real server p1 has only ['10.20.0.31'], must have an address of that "
            "family: direct server return cannot change it",
        ),
        (
            "services.0.vips.0",
            "198.51.100",
            f"{WWW}.vips is '198.51.100', must be an IPv4 or IPv6 address without a prefix length",
        ),
        ("services.0.vips.0", VIP6, f"ipvs_maglev_services: '{VIP6} port 80' is listed twice; it must be unique"),
        ("services.0.listeners.1.port", 0, f"{WWW}.listeners.port is 0, must be a number from 1 to 65535"),
        (
            "services.0.listeners.0.check.port",
            65536,
            f"{WWW}.listeners.check.port is 65536, must be a number from 1 to 65535",
        ),
        ("services.0.listeners.0.check.path", "x", f"{WWW}.listeners.check.path is 'x', must begin with /"),
    ],
)
def test_ipvs_maglev(pem: Path, path: str, value: Any, line: str) -> None:
    assert line in problems("ipvs_maglev", pem, path, value)


@pytest.mark.parametrize(("count", "good"), [(MAGLEV_MAXIMUM, True), (MAGLEV_MAXIMUM + 1, False)])
def test_real_servers_fit_into_the_kernels_table(pem: Path, count: int, good: bool) -> None:
    servers = [
        {"name": f"p{n}", "addresses": [f"10.20.{n // 256}.{n % 256}", f"2001:db8:20::{n:x}"]}
        for n in range(1, count + 1)
    ]
    line = f"{MAGLEV} has 4094 entries, must have at most 4093: the kernel's Maglev table has no room for more"
    assert problems("ipvs_maglev", pem, "real_servers", servers) == ([] if good else [line])


VRRP = "keepalived_vrrp_instances (v4)"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "instances.0.name",
            "v 4",
            "keepalived_vrrp_instances (v 4).name is 'v 4', must be made of letters, digits, _ and -, at most 63 "
            "of them, and not begin with -",
        ),
        ("instances.0.name", "v6", "keepalived_vrrp_instances: 'v6' is listed twice; it must be unique"),
        ("instances.0.virtual_router_id", 256, f"{VRRP}.virtual_router_id is 256, must be a number from 1 to 255"),
        ("instances.0.priority", 255, f"{VRRP}.priority is 255, must be a number from 1 to 254"),
        ("instances.0.preempt_delay", 1001, f"{VRRP}.preempt_delay is 1001, must be a number from 0 to 1000"),
        ("instances.0.addresses", [], f"{VRRP}.addresses is [], must have at least one address"),
        (
            "instances.0.addresses.0",
            "x",
            f"{VRRP}.addresses is 'x', must be an IPv4 or IPv6 address, with a prefix length or without",
        ),
        (
            "instances.0.peers.0",
            "d2",
            f"{VRRP}.peers is 'd2', must be an IPv4 or IPv6 address without a prefix length",
        ),
        (
            "instances.0.source_address",
            None,
            f"{VRRP}.source_address is not set, must be this host's address when there are peers",
        ),
        (
            "instances.0.peers.0",
            VIP6,
            f"{VRRP} has IPv4 and IPv6 addresses, must have one family: use an instance for each",
        ),
        (
            "instances.1.addresses",
            ["198.51.100.2"],
            "keepalived_vrrp_instances: 'virtual_router_id 51 of IPv4 on eth1' is listed twice; it must be unique",
        ),
    ],
)
def test_keepalived_vrrp(pem: Path, path: str, value: Any, line: str) -> None:
    assert problems("keepalived_vrrp", pem, path, value) == [line]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "services.0.default_backend",
            "wbe",
            "haproxy_l7_services (www).default_backend is 'wbe', must be one of haproxy_l7_backends: web, api",
        ),
        (
            "health_addresses",
            ["p1"],
            "haproxy_l7_health_addresses is 'p1', must be an IPv4 or IPv6 address without a prefix length",
        ),
        ("health_addresses", [], "haproxy_l7_health_addresses is [], must have at least one address of this host"),
        ("health_port", 8453, "haproxy_l7_health_tls_port is 8453, must differ from haproxy_l7_health_port"),
        ("health_tls_port", 80, "haproxy_l7_health_tls_port is 80, must be another: service www listens on it"),
        ("hard_stop_after", "0s", f"haproxy_l7_hard_stop_after is '0s', {TIME}"),
        ("timeouts.connect", 3, f"haproxy_l7_timeouts.connect is 3, {TIME}"),
    ],
)
def test_haproxy_l7(pem: Path, path: str, value: Any, line: str) -> None:
    assert problems("haproxy_l7", pem, path, value) == [line]
