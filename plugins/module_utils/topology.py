# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an inventory's groups, links and addresses to who speaks with whom.

hostvars is a mapping of host name to its variables, groups one of group name to host names, as Ansible has them.
Private to this collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from .value_checks import canonical

HostVars = Mapping[str, Mapping[str, Any]]
Groups = Mapping[str, Sequence[str]]


def link_addresses(interfaces: Sequence[Mapping[str, Any]], link: str) -> list[str]:
    """Addresses, without prefix lengths, that a host's interfaces have on a link."""
    return [
        str(ipaddress.ip_interface(str(address)).ip)
        for interface in interfaces
        if interface["link"] == link
        for address in interface.get("addresses") or []
    ]


def bgp_neighbors(host: str, groups: Groups, hostvars: HostVars) -> list[dict[str, Any]]:
    """Neighbours of a host, for frr_ecmp_neighbors: routers and the balancers behind them, on the fabric link."""
    routers = list(groups.get("routers") or [])
    balancers = [*(groups.get("directors") or []), *(groups.get("proxies") or [])]
    others = balancers if host in routers else routers
    return [
        {"name": name, "address": address, "asn": int(hostvars[name]["loadbalancer_asn"]), **password(hostvars[name])}
        for name in others
        for address in link_addresses(hostvars[name]["loadbalancer_interfaces"], hostvars[name]["loadbalancer_fabric"])
    ]


def password(variables: Mapping[str, Any]) -> dict[str, Any]:
    """One password for all sessions of the deployment, when there is one."""
    return {"password": variables["loadbalancer_bgp_password"]} if variables.get("loadbalancer_bgp_password") else {}


def router_id(interfaces: Sequence[Mapping[str, Any]], link: str) -> str:
    """The host's first IPv4 address on a link, which nobody else on it has; '' where there is none."""
    return next((address for address in link_addresses(interfaces, link) if ":" not in address), "")


def vips(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """All VIPs, in the order of the services, as the kernel spells them."""
    return [canonical(vip) for service in services for vip in service["vips"]]


def vip_prefixes(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """All VIPs as /32 and /128."""
    return [f"{vip}/{ipaddress.ip_address(vip).max_prefixlen}" for vip in vips(services)]


def real_servers(groups: Groups, hostvars: HostVars) -> list[dict[str, Any]]:
    """Proxies as real servers, for ipvs_maglev_real_servers, in the inventory's order, which is the Maglev order."""
    return [
        {
            "name": name,
            "weight": int(hostvars[name].get("loadbalancer_weight", 1)),
            "addresses": link_addresses(
                hostvars[name]["loadbalancer_interfaces"], hostvars[name]["loadbalancer_fabric"]
            ),
        }
        for name in groups.get("proxies") or []
    ]


def virtual_services(
    services: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Services of IPVS, one for each VIP and listener, each with the real servers of its family in the order of adding.

    services are loadbalancer_services or ipvs_maglev_services, servers ipvs_maglev_real_servers.
    """
    return [
        {
            "address": str(vip),
            "port": int(listener["port"]),
            "protocol": "udp" if listener.get("protocol") == "udp" else "tcp",
            "destinations": [
                {"address": str(address), "weight": int(server.get("weight", 1))}
                for server in servers
                for address in server["addresses"]
                if (":" in str(address)) == (":" in str(vip))
            ],
        }
        for service in services
        for vip in service["vips"]
        for listener in service["listeners"]
    ]


def canonical_tables(
    services: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
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


def missing_real_servers(
    live: Sequence[Mapping[str, Any]],
    services: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Real servers that live tables, as ipvs_info returns them, lack; each "address of VIP port"."""

    def key(service: Mapping[str, Any]) -> tuple[Any, ...]:
        return service["protocol"], ipaddress.ip_address(service["address"]), service["port"]

    present = {
        key(service): {ipaddress.ip_address(entry["address"]) for entry in service["destinations"]}
        for service in live
        if service.get("address")
    }
    return [
        f"{entry['address']} of {service['address']} port {service['port']}"
        for service in virtual_services(services, servers)
        for entry in service["destinations"]
        if ipaddress.ip_address(entry["address"]) not in present.get(key(service), set())
    ]


def checked_services(
    services: Sequence[Mapping[str, Any]],
    certificates: Sequence[Mapping[str, Any]],
    health_port: int,
    health_tls_port: int,
) -> list[dict[str, Any]]:
    """Services for ipvs_maglev_services: each listener is checked, on the proxy, in the protocol that it speaks.

    health_port and health_tls_port are those of the proxies' haproxy_l7.
    """
    domains = {certificate["name"]: certificate.get("domains") or [] for certificate in certificates}

    def check(service: Mapping[str, Any], listener: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/healthcheck/{service['name']}"
        if listener["protocol"] != "https":
            return {"type": "http", "port": health_port, "path": path}
        names = [domain for name in listener["certificates"] for domain in domains[name]]
        return {"type": "https", "port": health_tls_port, "path": path, **({"host": names[0]} if names else {})}

    return [
        {
            "name": service["name"],
            "vips": list(service["vips"]),
            "listeners": [
                {"port": listener["port"], "protocol": "tcp", "check": check(service, listener)}
                for listener in service["listeners"]
            ],
        }
        for service in services
    ]
