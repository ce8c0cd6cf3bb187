# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPVS should hold, from the variables of the role ipvs_maglev: services, and real servers in Maglev order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .deployment import addresses

Entries = Sequence[Mapping[str, Any]]


def virtual_services(services: Entries, servers: Entries) -> list[dict[str, Any]]:
    """Services of IPVS, one for each VIP and listener, with the real servers of its family in the order of adding."""
    return [
        {
            "address": str(vip),
            "port": int(listener["port"]),
            "protocol": listener.get("protocol") or "tcp",
            "destinations": [
                {"address": str(address), "weight": int(server.get("weight", 1))}
                for server in servers
                for address in server["addresses"]
                if addresses.is_ipv6(str(address)) == addresses.is_ipv6(str(vip))
            ],
        }
        for service in services
        for vip in service["vips"]
        for listener in service["listeners"]
    ]


def canonical_tables(services: Entries, servers: Entries) -> list[dict[str, Any]]:
    """The order of virtual_services, for the module ipvs; weights are left to whoever checks the real servers.

    A real server that is moved while it is at weight 0 keeps the slots of its declared weight.
    """
    return [
        {
            **service,
            "destinations": [
                {"address": entry["address"], "last_weight": entry["weight"]} for entry in service["destinations"]
            ],
        }
        for service in virtual_services(services, servers)
    ]


def key(service: Mapping[str, Any]) -> str:
    """What tells a virtual service from the others: transport, address and port."""
    return f"{service['protocol']} {addresses.endpoint(addresses.address(service['address']), service['port'])}"


def missing_real_servers(live: Entries, services: Entries, servers: Entries) -> list[str]:
    """Real servers that live tables, as ipvs_info returns them, lack; each "address of VIP port"."""
    present = {
        key(service): {addresses.address(entry["address"]) for entry in service["destinations"]}
        for service in live
        if service.get("address")
    }
    return [
        f"{entry['address']} of {service['address']} port {service['port']}"
        for service in virtual_services(services, servers)
        for entry in service["destinations"]
        if addresses.address(entry["address"]) not in present.get(key(service), set())
    ]
