# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From groups, links and addresses to what each role is given."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import topology
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

HOSTS = deployment.deployment("")
GROUPS = deployment.GROUPS
SERVICES = HOSTS["r1"]["loadbalancer_services"]


def test_addresses_on_a_link() -> None:
    interfaces = HOSTS["r1"]["loadbalancer_interfaces"]
    assert topology.link_addresses(interfaces, "fabric") == ["10.20.0.11", "2001:db8:20::11"]
    assert topology.link_addresses(interfaces, "servers") == []
    assert topology.link_addresses([{"name": "eth1", "link": "fabric"}], "fabric") == []


@pytest.mark.parametrize(
    ("host", "names"), [("r1", ["d1", "d2", "p1", "p2"]), ("d1", ["r1"]), ("d2", ["r1"]), ("p1", ["r1"])]
)
def test_routers_speak_with_the_others_and_they_with_routers(host: str, names: list[str]) -> None:
    neighbors = topology.bgp_neighbors(host, GROUPS, HOSTS)
    assert [neighbor["name"] for neighbor in neighbors] == [name for name in names for dummy in ("IPv4", "IPv6")]


def test_a_neighbour_has_address_and_asn_and_no_password() -> None:
    assert topology.bgp_neighbors("d1", GROUPS, HOSTS) == [
        {"name": "r1", "address": "10.20.0.11", "asn": 65011},
        {"name": "r1", "address": "2001:db8:20::11", "asn": 65011},
    ]


def test_a_neighbour_has_the_password_where_there_is_one() -> None:
    hosts = {**HOSTS, "r1": {**HOSTS["r1"], "loadbalancer_bgp_password": "secret"}}
    assert {neighbor["password"] for neighbor in topology.bgp_neighbors("d1", GROUPS, hosts)} == {"secret"}


def test_two_tiers_have_no_directors() -> None:
    groups = {name: hosts for name, hosts in GROUPS.items() if name != "directors"}
    assert {neighbor["name"] for neighbor in topology.bgp_neighbors("r1", groups, HOSTS)} == {"p1", "p2"}


def test_the_router_id_is_the_first_ipv4_address_of_the_link() -> None:
    assert topology.router_id(HOSTS["d1"]["loadbalancer_interfaces"], "fabric") == "10.20.0.21"
    assert topology.router_id(HOSTS["d1"]["loadbalancer_interfaces"], "servers") == ""


def test_vips() -> None:
    assert topology.vips(SERVICES) == ["198.51.100.1", "2001:db8:100::1"]
    assert topology.vip_prefixes(SERVICES) == ["198.51.100.1/32", "2001:db8:100::1/128"]


def test_real_servers_are_in_the_order_of_the_inventory() -> None:
    groups = {**GROUPS, "proxies": ["p2", "p1"]}
    hosts = {**HOSTS, "p1": {**HOSTS["p1"], "loadbalancer_weight": "3"}}
    assert topology.real_servers(groups, hosts) == [
        {"name": "p2", "weight": 1, "addresses": ["10.20.0.32", "2001:db8:20::32"]},
        {"name": "p1", "weight": 3, "addresses": ["10.20.0.31", "2001:db8:20::31"]},
    ]


def checks(services: list[dict[str, Any]], certificates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (service,) = topology.checked_services(services, certificates, 8090, 8453)
    return [listener["check"] for listener in service["listeners"]]


def test_each_listener_is_checked_in_its_own_protocol() -> None:
    certificates = [{"name": "www", "domains": ["www.example.com", "example.com"]}]
    assert checks(SERVICES, certificates) == [
        {"type": "http", "port": 8090, "path": "/healthcheck/www"},
        {"type": "https", "port": 8453, "path": "/healthcheck/www", "host": "www.example.com"},
    ]


def test_a_certificate_without_domains_is_asked_for_no_name() -> None:
    assert "host" not in checks(SERVICES, [{"name": "www"}])[1]


SERVERS = topology.real_servers(GROUPS, HOSTS)


def test_virtual_services_have_the_real_servers_of_their_family_in_the_order_of_the_inventory() -> None:
    found = topology.virtual_services(SERVICES, SERVERS)
    assert [(service["address"], service["port"], service["protocol"]) for service in found] == [
        ("198.51.100.1", 80, "tcp"),
        ("198.51.100.1", 443, "tcp"),
        ("2001:db8:100::1", 80, "tcp"),
        ("2001:db8:100::1", 443, "tcp"),
    ]
    assert [[entry["address"] for entry in service["destinations"]] for service in found[1:3]] == [
        ["10.20.0.31", "10.20.0.32"],
        ["2001:db8:20::31", "2001:db8:20::32"],
    ]


def test_the_canonical_order_names_no_weight_but_the_slots_of_one_that_is_down() -> None:
    servers = [{**SERVERS[0], "weight": 3}, SERVERS[1]]
    (first, *dummy) = topology.canonical_tables(SERVICES, servers)
    assert first["destinations"] == [
        {"address": "10.20.0.31", "last_weight": 3},
        {"address": "10.20.0.32", "last_weight": 1},
    ]


def test_what_keepalived_has_not_added_yet_is_missing() -> None:
    live = topology.virtual_services(SERVICES, SERVERS)
    assert topology.missing_real_servers(live, SERVICES, SERVERS) == []
    live[0]["destinations"].pop()
    live[3]["address"] = "2001:db8:100::9"
    assert topology.missing_real_servers(live, SERVICES, SERVERS) == [
        "10.20.0.32 of 198.51.100.1 port 80",
        "2001:db8:20::31 of 2001:db8:100::1 port 443",
        "2001:db8:20::32 of 2001:db8:100::1 port 443",
    ]
