# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the deployment says of each host, and how much of an inventory's faults is told at once.

That wrong inventories are refused is for tests/unit/inventories.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.action.compile import as_data
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import components
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import compiler, groups, references
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.findings import merged
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.model import from_data
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

TWO_TIERS: dict[str, list[str]] = {**deployment.GROUPS, "directors": []}


def changed(path: str = "", value: Any = None) -> dict[str, dict[str, Any]]:
    """Variables of all hosts, one of them changed; on all hosts where the path begins with `all`."""
    hosts = deployment.deployment("/www.pem")
    for host in hosts:
        if path.startswith(("all.", f"{host}.")):
            deployment.put(hosts[host], path.split(".", 1)[1], value)
    return hosts


def variables(host: str, hosts: dict[str, dict[str, Any]], of: dict[str, list[str]] | None = None) -> dict[str, Any]:
    whole = deployment.compiled(hosts, of)
    return components.role_variables(whole.hosts[host], whole)


@pytest.mark.parametrize(
    ("host", "names"), [("r1", ["d1", "d2", "p1", "p2"]), ("d1", ["r1"]), ("d2", ["r1"]), ("p1", ["r1"])]
)
def test_routers_speak_with_the_others_and_they_with_routers(host: str, names: list[str]) -> None:
    neighbors = variables(host, changed())["frr_ecmp_neighbors"]
    assert [neighbor["name"] for neighbor in neighbors] == [name for name in names for dummy in ("IPv4", "IPv6")]


def test_a_neighbour_has_address_and_asn_and_a_password_only_by_reference() -> None:
    bare = [{"name": "r1", "address": text, "asn": 65011, "bfd": True} for text in ("10.20.0.11", "2001:db8:20::11")]
    assert variables("d1", changed())["frr_ecmp_neighbors"] == bare
    hosts = changed("all.loadbalancer_bgp_password", "hush")
    reference = {"password": {"$inventory": "loadbalancer_bgp_password"}}
    assert variables("d1", hosts)["frr_ecmp_neighbors"] == [{**one, **reference} for one in bare]
    assert "hush" not in json.dumps(as_data(deployment.compiled(hosts)))


def test_a_key_in_the_inventory_is_not_in_the_deployment() -> None:
    pem = "-----BEGIN PRIVATE KEY-----"
    hosts = changed("all.loadbalancer_certificates", [{"name": "www", "pem": pem, "domains": ["www.example.com"]}])
    assert pem not in json.dumps(as_data(deployment.compiled(hosts)))


def test_two_tiers_have_proxies_that_announce_and_three_have_directors() -> None:
    assert {entry["name"] for entry in variables("r1", changed(), TWO_TIERS)["frr_ecmp_neighbors"]} == {"p1", "p2"}
    vips = ["198.51.100.1", "2001:db8:100::1"]
    assert variables("p1", changed(), TWO_TIERS)["frr_ecmp_announce"] == vips
    assert variables("p1", changed())["frr_ecmp_announce"] == []
    assert variables("d1", changed())["frr_ecmp_announce"] == vips
    assert variables("r1", changed())["frr_ecmp_accept"] == ["198.51.100.1/32", "2001:db8:100::1/128"]


def test_the_router_id_is_the_first_ipv4_address_of_the_fabric() -> None:
    assert variables("d1", changed())["frr_ecmp_router_id"] == "10.20.0.21"


def test_real_servers_are_in_the_order_of_the_inventory() -> None:
    hosts = changed("p1.loadbalancer_weight", "3")
    swapped = {**deployment.GROUPS, "proxies": ["p2", "p1"]}
    assert variables("d1", hosts, swapped)["ipvs_maglev_real_servers"] == [
        {"name": "p2", "weight": 1, "addresses": ["10.20.0.32", "2001:db8:20::32"]},
        {"name": "p1", "weight": 3, "addresses": ["10.20.0.31", "2001:db8:20::31"]},
    ]


@pytest.mark.parametrize(
    ("ports", "domains", "host"),
    [
        ({}, ["www.example.com", "example.com"], {"host": "www.example.com"}),
        ({"haproxy_l7_health_port": 9090, "haproxy_l7_health_tls_port": 9443}, [], {}),
    ],
)
def test_each_listener_is_checked_in_its_own_protocol_where_proxies_answer(
    ports: dict[str, int], domains: list[str], host: dict[str, str]
) -> None:
    hosts = changed("all.loadbalancer_certificates.0.domains", domains)
    for proxy in ("p1", "p2"):
        hosts[proxy] |= ports
    (service,) = variables("d1", hosts)["ipvs_maglev_services"]
    clear, tls = (ports or {"": 8090, " ": 8453}).values()
    assert [listener["check"] for listener in service["listeners"]] == [
        {"type": "http", "port": clear, "path": "/healthcheck/www"},
        {"type": "https", "port": tls, "path": "/healthcheck/www", **host},
    ]


@pytest.mark.parametrize("of", [deployment.GROUPS, TWO_TIERS])
def test_a_deployment_survives_its_way_as_data(of: dict[str, list[str]]) -> None:
    whole = deployment.compiled(changed(), of)
    assert from_data(json.loads(json.dumps(as_data(whole)))) == whole


@pytest.mark.parametrize("of", [deployment.GROUPS, TWO_TIERS])
def test_what_many_hosts_have_alike_is_there_once_and_each_gets_it(of: dict[str, list[str]]) -> None:
    whole = deployment.compiled(changed("all.loadbalancer_bgp_password", "hush"), of)
    data = json.loads(json.dumps(as_data(whole)))
    assert data["variables"]["p1"]["haproxy_l7_services"] == {"$deployment": "services"}
    assert data["variables"]["p1"]["haproxy_l7_backends"] == {"$deployment": "backends"}
    for host in whole.members:
        found = references.resolved(data["variables"][host.name], data["shared"], lambda name, _default: f"the {name}")
        wanted = references.resolved(
            components.role_variables(host, whole), data["shared"], lambda name, _default: f"the {name}"
        )
        assert found == wanted
        assert "$" not in json.dumps(found)


def test_every_variable_that_a_role_is_given_is_one_of_its_options_and_no_inventorys() -> None:
    for of in (deployment.GROUPS, TWO_TIERS):
        whole = deployment.compiled(changed(), of)
        for host in whole.members:
            assert set(components.role_variables(host, whole)) <= set(components.derived())


def test_all_is_told_at_once_and_what_hosts_have_alike_once() -> None:
    hosts = changed("all.loadbalancer_services.0.listener", 1)
    hosts["d1"]["loadbalancer_asn"] = "x"
    hosts["p1"]["frr_ecmp_bfd_intervall"] = 1
    found = compiler.compile_inventory(hosts, {**deployment.GROUPS, "routers": []}).problems
    assert [line.split(": ")[0] for line in found] == ["inventory", "d1", "d1, d2, p1, p2 and 1 more", "p1"]


def test_faults_of_services_and_of_hosts_are_told_together() -> None:
    hosts = changed("all.loadbalancer_services.0.default_backend", "wbe")
    hosts["p1"]["loadbalancer_fabric"] = "mgmt"
    hosts["d1"]["frr_ecmp_bfd_interval"] = 1
    found = compiler.compile_inventory(hosts, deployment.GROUPS).problems
    assert {line.split(" is ")[0] for line in found} >= {
        "inventory: loadbalancer_services (www).default_backend",
        "p1: loadbalancer_fabric",
        "d1: frr_ecmp_bfd_interval",
    }


def test_lines_have_no_characters_that_a_terminal_obeys() -> None:
    assert merged([("p1", "x is a\nb\x1b[2J")]) == ["p1: x is a\\nb\\x1b[2J"]


@pytest.mark.parametrize(("proxies", "warned"), [(40, False), (41, True)])
def test_many_proxies_behind_directors_are_warned_about(proxies: int, warned: bool) -> None:
    found = {"directors": ["d1"], "proxies": [f"p{n}" for n in range(proxies)]}
    assert bool(groups.warnings(found)) == warned
    assert groups.warnings({**found, "directors": []}) == []


@pytest.mark.parametrize(("proxies", "good"), [(4093, True), (4094, False)])
def test_proxies_fit_into_the_kernels_table(proxies: int, good: bool) -> None:
    found = {"routers": ["r1"], "directors": ["d1"], "proxies": [f"p{n}" for n in range(proxies)]}
    line = (
        "inventory: group proxies has 4094 hosts, must have at most 4093 behind directors: the kernel's Maglev table "
        "has no room for more"
    )
    assert merged(groups.sizes(found)) == ([] if good else [line])
    assert list(groups.sizes({**found, "directors": []})) == []
