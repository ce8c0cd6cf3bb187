# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPVS should hold, from the variables of the role ipvs_maglev."""

from __future__ import annotations

from typing import Any

from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import ipvs_tables

SERVICES = [
    {
        "name": "www",
        "vips": ["198.51.100.1", "2001:db8:100::1"],
        "listeners": [{"port": 80}, {"port": 443, "protocol": "tcp"}, {"port": 443, "protocol": "udp"}],
    }
]
SERVERS: list[dict[str, Any]] = [
    {"name": "p1", "addresses": ["10.20.0.31", "2001:db8:20::31"]},
    {"name": "p2", "addresses": ["10.20.0.32", "2001:db8:20::32"], "weight": 1},
]


def test_virtual_services_have_the_real_servers_of_their_family_in_the_order_of_the_inventory() -> None:
    found = ipvs_tables.virtual_services(SERVICES, SERVERS)
    assert [ipvs_tables.key(service) for service in found] == [
        "tcp 198.51.100.1:80",
        "tcp 198.51.100.1:443",
        "udp 198.51.100.1:443",
        "tcp [2001:db8:100::1]:80",
        "tcp [2001:db8:100::1]:443",
        "udp [2001:db8:100::1]:443",
    ]
    assert [[entry["address"] for entry in service["destinations"]] for service in found[2:4]] == [
        ["10.20.0.31", "10.20.0.32"],
        ["2001:db8:20::31", "2001:db8:20::32"],
    ]


def test_the_canonical_order_names_no_weight_but_the_slots_of_one_that_is_down() -> None:
    servers = [{**SERVERS[0], "weight": 3}, SERVERS[1]]
    (first, *dummy) = ipvs_tables.canonical_tables(SERVICES, servers)
    assert first["destinations"] == [
        {"address": "10.20.0.31", "last_weight": 3},
        {"address": "10.20.0.32", "last_weight": 1},
    ]


def test_what_keepalived_has_not_added_yet_is_missing() -> None:
    live = ipvs_tables.virtual_services(SERVICES, SERVERS)
    assert ipvs_tables.missing_real_servers(live, SERVICES, SERVERS) == []
    live[0]["destinations"].pop()
    live[4]["address"] = "2001:db8:100::9"
    assert ipvs_tables.missing_real_servers(live, SERVICES, SERVERS) == [
        "10.20.0.32 of 198.51.100.1 port 80",
        "2001:db8:20::31 of 2001:db8:100::1 port 443",
        "2001:db8:20::32 of 2001:db8:100::1 port 443",
    ]
