# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes of an inventory as a whole are told, each once, with host, variable, value, and what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.checks import deployment as deployment_checks
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

if TYPE_CHECKING:
    from pathlib import Path

SPECS = deployment.specs()
ALL = "r1, d1, d2, p1 and 2 more"
VIP6 = "2001:db8:100::1"


def problems(pem: Path, path: str = "", value: Any = None, groups: dict[str, list[str]] | None = None) -> list[str]:
    """Of a good deployment but for value, which is put where path leads; on all hosts where it begins with `all`."""
    hosts = deployment.deployment(str(pem))
    for host in hosts:
        if path.startswith(("all.", f"{host}.")):
            deployment.put(hosts[host], path.split(".", 1)[1], value)
    groups = {**deployment.GROUPS, **(groups or {})}
    return deployment_checks.deployment_problems(groups, hosts, SPECS, {"loadbalancer_state"})


def test_right(pem: Path) -> None:
    assert problems(pem) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("all.loadbalancer_state", {"bgp": {}}),
        ("all.loadbalancer_verify_retries", 3),
        ("all.loadbalancer_weight", 5),
        ("all.loadbalancer_asn", "65000"),
        ("all.frr_ecmp_bfd_interval", 100),
        ("all.keepalived_daemon_router_id", "x"),
        ("all.my_loadbalancer", "is not ours"),
        ("p1.loadbalancer_asn", 65032),
        ("all.haproxy_l7_health_port", 9000),
    ],
)
def test_also_right(pem: Path, path: str, value: Any) -> None:
    hosts = {} if path != "all.loadbalancer_asn" else {"directors": [], "proxies": ["p1"], "routers": ["r1"]}
    found = problems(pem, path, value, hosts)
    assert [line for line in found if "eBGP" not in line] == []


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "all.frr_ecmp_bfd_intervall",
            300,
            f"{ALL}: frr_ecmp_bfd_intervall is 300, but there is no such variable: did you mean frr_ecmp_bfd_interval?",
        ),
        (
            "d1.loadbalancer_fabrik",
            "x",
            "d1: loadbalancer_fabrik is 'x', but there is no such variable: did you mean loadbalancer_fabric?",
        ),
        (
            "p1.loadbalancer_bgp_passwrd",
            "x",
            "p1: loadbalancer_bgp_passwrd is 'x', but there is no such variable: "
            "did you mean loadbalancer_bgp_password?",
        ),
        (
            "p1.haproxy_l7_timeouts",
            {"conect": "3s"},
            "p1: haproxy_l7_timeouts.conect is '3s', but there is no such option: did you mean connect?",
        ),
        (
            "all.loadbalancer_services.0.listener",
            [],
            f"{ALL}: loadbalancer_services (www).listener is [], but there is no such option: did you mean listeners?",
        ),
        (
            "all.loadbalancer_services.0.listeners.0.port",
            "http",
            f"{ALL}: loadbalancer_services (www).listeners[0].port is 'http', must be a whole number",
        ),
        (
            "all.loadbalancer_backends.0.tls",
            True,
            f"{ALL}: loadbalancer_backends (web).tls is True, must be a dictionary, with server_name: DNS name that is "
            "asked for by SNI, and that the backends' certificates must be for. Without it any certificate of a public "
            "authority would do",
        ),
        ("d1.frr_ecmp_bfd_interval", 5, "d1: frr_ecmp_bfd_interval is 5, must be a number from 10 to 60000"),
        (
            "d1.loadbalancer_interfaces.1.addresses.0",
            "10.20.0.21/33",
            "d1: loadbalancer_interfaces (eth1).addresses is '10.20.0.21/33', must be an IPv4 or IPv6 address, "
            "with a prefix length or without",
        ),
        (
            "c1.loadbalancer_interfaces.1.addresses.0",
            "x",
            "c1: loadbalancer_interfaces (eth1).addresses is 'x', must be an IPv4 or IPv6 address, with a prefix "
            "length or without",
        ),
        ("p1.loadbalancer_asn", None, "p1: loadbalancer_asn is not set, must be a whole number"),
        (
            "p1.loadbalancer_asn",
            4294967295,
            "p1: loadbalancer_asn is 4294967295, must be a number from 1 to 4294967294",
        ),
        ("p1.loadbalancer_weight", 0, "p1: loadbalancer_weight is 0, must be a number from 1 to 65535"),
        ("p1.loadbalancer_interfaces", [], "p1: loadbalancer_interfaces is not set, must be a list"),
        (
            "p1.loadbalancer_fabric",
            "fabirc",
            "p1: loadbalancer_fabric is 'fabirc', must be a link of loadbalancer_interfaces: mgmt, fabric",
        ),
        (
            "p1.loadbalancer_interfaces.1.addresses",
            ["10.20.0.31/24"],
            "p1: loadbalancer_interfaces: addresses on link fabric are ['10.20.0.31'], must have an IPv6 address: "
            f"VIP {VIP6} is one",
        ),
        (
            "d1.loadbalancer_interfaces.1.addresses",
            ["2001:db8:20::21"],
            "d1: loadbalancer_interfaces: addresses on link fabric are ['2001:db8:20::21'], must have an IPv4 "
            "address: VIP 198.51.100.1 is one",
        ),
        (
            "all.loadbalancer_services",
            [],
            "r1, d1, d2, p1 and 1 more: loadbalancer_services is not set, must be a list",
        ),
        (
            "all.loadbalancer_services.0.default_backend",
            "wbe",
            "r1, d1, d2, p1 and 1 more: loadbalancer_services (www).default_backend is 'wbe', must be one of "
            "loadbalancer_backends: web, api",
        ),
        (
            "all.loadbalancer_services.0.vips",
            ["198.51.100.1", "198.51.100.1"],
            "r1, d1, d2, p1 and 1 more: loadbalancer_services (www).vips is ['198.51.100.1', '198.51.100.1'], "
            "which names a VIP twice: must be unique",
        ),
        (
            "p2.haproxy_l7_health_port",
            9000,
            "p2: haproxy_l7_health_port is 9000, must be that of p1, 8090: directors ask all proxies on one port",
        ),
        (
            "all.haproxy_l7_health_tls_port",
            8090,
            "p1, p2: haproxy_l7_health_tls_port is 8090, must differ from haproxy_l7_health_port",
        ),
        (
            "all.haproxy_l7_health_port",
            443,
            "p1, p2: haproxy_l7_health_port is 443, must be another: service www listens on it",
        ),
        (
            "p1.loadbalancer_backends.0.port",
            8088,
            "p1: loadbalancer_backends differs from that of r1, must be the same on all hosts",
        ),
        (
            "d2.loadbalancer_interfaces.1.addresses.0",
            "10.20.0.21/24",
            "d2: loadbalancer_interfaces (eth1).addresses has '10.20.0.21/24', which d1 has already: must be unique",
        ),
        (
            "c1.loadbalancer_interfaces.1.addresses.0",
            "10.20.0.21/24",
            "c1: loadbalancer_interfaces (eth1).addresses has '10.20.0.21/24', which d1 has already: must be unique",
        ),
        (
            "c1.loadbalancer_interfaces.1.addresses.0",
            "198.51.100.1/24",
            "c1: loadbalancer_services (www).vips has '198.51.100.1', which is this host's own address: must be "
            "another",
        ),
        (
            "d1.loadbalancer_asn",
            65011,
            "d1: loadbalancer_asn is 65011, which router r1 has: must differ, because sessions are eBGP",
        ),
    ],
)
def test_wrong(pem: Path, path: str, value: Any, line: str) -> None:
    assert line in problems(pem, path, value)


def test_proxies_that_ask_themselves_may_do_so_on_different_ports(pem: Path) -> None:
    assert problems(pem, "p2.haproxy_l7_health_port", 9000, {"directors": []}) == []


def test_a_vip_of_two_services(pem: Path) -> None:
    second = {**deployment.host(0)["loadbalancer_services"][0], "name": "other", "vips": ["2001:DB8:100::1"]}
    services = [deployment.host(0)["loadbalancer_services"][0], second]
    assert (
        "r1, d1, d2, p1 and 1 more: loadbalancer_services (other).vips has '2001:DB8:100::1', which www has already: "
        "must be unique" in problems(pem, "all.loadbalancer_services", services)
    )


def test_ipv6_on_the_fabric_is_for_vips_of_ipv6_only(pem: Path) -> None:
    hosts = deployment.deployment(str(pem))
    for variables in hosts.values():
        variables["loadbalancer_services"][0]["vips"] = ["198.51.100.1"]
        variables["loadbalancer_interfaces"][1]["addresses"].pop()
    assert deployment_checks.deployment_problems(deployment.GROUPS, hosts, SPECS) == []


def test_the_router_id_needs_ipv4_on_the_fabric(pem: Path) -> None:
    hosts = deployment.deployment(str(pem))
    for variables in hosts.values():
        variables["loadbalancer_services"][0]["vips"] = [VIP6]
    hosts["d1"]["loadbalancer_interfaces"][1]["addresses"] = ["2001:db8:20::21/64"]
    assert deployment_checks.deployment_problems(deployment.GROUPS, hosts, SPECS) == [
        "d1: loadbalancer_interfaces: addresses on link fabric are ['2001:db8:20::21'], must have an IPv4 address: "
        "the BGP router ID is one"
    ]


@pytest.mark.parametrize("group", ["routers", "proxies"])
def test_an_empty_group(pem: Path, group: str) -> None:
    assert problems(pem, groups={group: []}) == [f"inventory: group {group} is [], must have at least one host"]


def test_secrets_are_not_told(pem: Path) -> None:
    lines = problems(pem, "p1.loadbalancer_bgp_password", ["secret"])
    assert lines == ["p1: loadbalancer_bgp_password is ***, must be text"]
    lines = problems(pem, "p1.loadbalancer_password", "secret")
    assert "secret" not in lines[0]


def test_all_is_told_at_once(pem: Path) -> None:
    hosts = deployment.deployment(str(pem))
    hosts["d1"]["loadbalancer_asn"] = "x"
    hosts["p1"]["loadbalancer_interfaces"][1]["addresses"] = []
    groups = {**deployment.GROUPS, "routers": []}
    assert len(deployment_checks.deployment_problems(groups, hosts, SPECS)) == 4


@pytest.mark.parametrize(("proxies", "warned"), [(40, False), (41, True)])
def test_many_proxies_behind_directors_are_warned_about(proxies: int, warned: bool) -> None:
    groups = {"directors": ["d1"], "proxies": [f"p{n}" for n in range(proxies)]}
    assert bool(deployment_checks.deployment_warnings(groups)) == warned
    assert deployment_checks.deployment_warnings({**groups, "directors": []}) == []


@pytest.mark.parametrize(("proxies", "good"), [(4093, True), (4094, False)])
def test_proxies_fit_into_the_kernels_table(proxies: int, good: bool) -> None:
    groups = {"routers": ["r1"], "directors": ["d1"], "proxies": [f"p{n}" for n in range(proxies)]}
    line = (
        "inventory: group proxies has 4094 hosts, must have at most 4093 behind directors: the kernel's Maglev table "
        "has no room for more"
    )
    assert deployment_checks.merged(deployment_checks.group_findings(groups)) == ([] if good else [line])
    assert deployment_checks.group_findings({**groups, "directors": []}) == []
