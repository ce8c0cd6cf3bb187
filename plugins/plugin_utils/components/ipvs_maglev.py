# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The director: IPVS with the Maglev scheduler, checked by keepalived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks.services import sockets
from ..checks.values import (
    PORT,
    canonical,
    domain_problem,
    dotted_name_problem,
    duplicates,
    family_name,
    is_ipv6,
    name_problem,
    path_problem,
    ranges,
    vip_problem,
)
from ..deployment import addresses
from ..deployment.groups import MAGLEV_MAXIMUM
from ..deployment.model import DIRECTORS, PROXIES, Deployment, Host, Listener, Service
from ..expectations import Check, check, difference
from ..ipvs_tables import key, virtual_services
from ._base import Component

ROLE = "ipvs_maglev"
SETTING_RANGES = {
    "check_interval": (1, 3600),
    "check_timeout": (1, 60),
    "check_retries": (0, 10),
    "check_retry_delay": (1, 60),
    "quorum_percent": (1, 100),
    "hysteresis_percent": (0, 50),
    "connection_table_bits": (8, 27),
}


def health_check(deployment: Deployment, service: Service, listener: Listener) -> dict[str, Any]:
    """How a listener is checked: on the proxy, in the protocol that it speaks."""
    proxy = deployment.tier(PROXIES)[0].settings["haproxy_l7"]
    path = f"/healthcheck/{service.name}"
    if listener.application != "https":
        return {"type": "http", "port": proxy["haproxy_l7_health_port"], "path": path}
    domains = {certificate.name: certificate.domains for certificate in deployment.certificates}
    names = [domain for name in listener.certificates for domain in domains[name]]
    host = {"host": names[0]} if names else {}
    return {"type": "https", "port": proxy["haproxy_l7_health_tls_port"], "path": path, **host}


def real_server_problems(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Problems of the real servers."""
    if not servers:
        return [f"{ROLE}_real_servers is [], must have at least one real server"]
    found = []
    if len(servers) > MAGLEV_MAXIMUM:
        found.append(
            f"{ROLE}_real_servers has {len(servers)} entries, must have at most {MAGLEV_MAXIMUM}: "
            "the kernel's Maglev table has no room for more"
        )
    for server in servers:
        where = f"{ROLE}_real_servers ({server['name']})"
        found += dotted_name_problem(f"{where}.name", server["name"])
        found += ranges(f"{where}.", {"weight": server.get("weight", 1)}, {"weight": (1, 65535)})
        if not server["addresses"]:
            found.append(f"{where}.addresses is [], must have one address for each family that the VIPs have")
        for address in server["addresses"]:
            found += vip_problem(f"{where}.addresses", address)
    found += duplicates(f"{ROLE}_real_servers", (server["name"] for server in servers))
    return found + duplicates(f"{ROLE}_real_servers", (a for server in servers for a in server["addresses"]))


def listener_problems(where: str, listener: Mapping[str, Any]) -> list[str]:
    """Problems of one listener and of its check."""
    check = listener["check"]
    found = ranges(f"{where}.", listener, {"port": PORT})
    if check.get("port") is not None:
        found += ranges(f"{where}.check.", check, {"port": PORT})
    if check.get("host") is not None:
        found += domain_problem(f"{where}.check.host", check["host"])
    return found + path_problem(f"{where}.check.path", check.get("path") or "/")


FORWARDING = "dr"
FLAGS = ("mh-fallback", "mh-port")


def expected_tables(values: Mapping[str, Any], deployment: Deployment) -> dict[str, str]:
    """What a director's table should say, by virtual service; real servers in the kernel's order, newest first."""
    out = {address for proxy in deployment.tier(PROXIES) if proxy.excluded for address in proxy.fabric_addresses()}
    return {
        key(service): " ".join(
            [
                "mh",
                *FLAGS,
                *(
                    f"{addresses.endpoint(entry['address'], service['port'])}="
                    f"{0 if entry['address'] in out else entry['weight']}"
                    for entry in reversed(service["destinations"])
                ),
            ]
        )
        for service in virtual_services(values["services"], values["real_servers"])
    }


def live_tables(services: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The same of what ipvs_info returned; another forwarding method than direct is named."""
    return {
        key(service): " ".join(
            [
                service["scheduler"],
                *sorted(service["scheduler_flags"]),
                *(
                    f"{entry['name']}={entry['weight']}"
                    + ("" if entry["forwarding"] == FORWARDING else f" by {entry['forwarding']}")
                    for entry in service["destinations"]
                ),
            ]
        )
        for service in services
        if service.get("address")
    }


class IpvsMaglev(Component):
    """The director: IPVS with the Maglev scheduler, checked by keepalived."""

    role = ROLE
    order = 30
    serving_units = ("keepalived.service",)
    sources = {"services": "loadbalancer_services", "real_servers": "the group proxies"}

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On directors."""
        return deployment.routed and host.tier == DIRECTORS

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """All services, each listener with its check, and the proxies as real servers."""
        return {
            "services": [
                {
                    "name": service.name,
                    "vips": list(service.vips),
                    "listeners": [
                        {
                            "port": listener.port,
                            "protocol": listener.transport,
                            "check": health_check(deployment, service, listener),
                        }
                        for listener in service.listeners
                    ],
                }
                for service in deployment.services
            ],
            "real_servers": [
                {"name": server.name, "addresses": list(server.addresses), "weight": server.weight}
                for server in deployment.real_servers()
            ],
        }

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """Times and shares."""
        return ranges(ROLE, values, SETTING_RANGES)

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Services, real servers, how both fit together, and the times."""
        servers, services = values["real_servers"], values["services"]
        found = self.setting_problems(values) + real_server_problems(servers)
        for service in services:
            where = f"{ROLE}_services ({service['name']})"
            found += name_problem(f"{where}.name", service["name"])
            for vip in service["vips"]:
                found += vip_problem(f"{where}.vips", vip)
                found += [
                    f"{where}.vips: {vip} is {family_name(is_ipv6(vip))}, but real server {server['name']} has only "
                    f"{server['addresses']}, must have an address of that family: direct server return cannot change it"
                    for server in servers
                    if not any(is_ipv6(address) == is_ipv6(vip) for address in server["addresses"])
                ]
            for listener in service["listeners"]:
                found += listener_problems(f"{where}.listeners", listener)
        vips = {canonical(vip) for service in services for vip in service["vips"]}
        for server in servers:
            found += [
                f"{ROLE}_real_servers ({server['name']}).addresses has {address!r}, which is a VIP: must be another"
                for address in server["addresses"]
                if canonical(address) in vips
            ]
        found += duplicates(f"{ROLE}_services", (service["name"] for service in services))
        return found + duplicates(f"{ROLE}_services", sockets(services))

    def first_round(self, values: Mapping[str, Any]) -> int:
        """Until the last real server that does not answer is known for it."""
        tries = values["check_retries"] + 1
        pauses = values["check_retries"] * values["check_retry_delay"]
        return int(values["check_interval"] + tries * values["check_timeout"] + pauses)

    def gates(self, host: Host, deployment: Deployment) -> list[dict[str, Any]]:
        """A gate for each VIP: all of its listeners must have their quorum."""
        listeners: dict[str, list[dict[str, Any]]] = {}
        for service in deployment.services:
            for vip in service.vips:
                listeners.setdefault(vip, []).extend(
                    {"address": vip, "protocol": listener.transport, "port": listener.port}
                    for listener in service.listeners
                )
        return [{"name": vip, "vips": [vip], "virtual_servers": servers} for vip, servers in listeners.items()]

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """A flow may arrive at any director in the middle, and its ICMP errors too (docs/directors.md)."""
        return {
            "net.ipv4.vs.sloppy_tcp": "1",
            "net.ipv4.vs.schedule_icmp": "1",
            "net.ipv4.vs.expire_nodest_conn": "1",
            "net.ipv4.vs.conn_reuse_mode": "1",
            "net.ipv4.vs.conntrack": "0",
            "net.ipv4.vs.pmtu_disc": "1",
            "net.ipv4.vs.expire_quiescent_template": "1",
            "net.ipv4.conf.all.send_redirects": "0",
            "net.ipv4.conf.default.send_redirects": "0",
        }

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """The kernel has the virtual services of the deployment, each with its real servers in order."""
        wanted = expected_tables(self.variables(host, deployment), deployment)
        found = live_tables(state.get("services") or [])
        yield difference("ipvs_tables", host.name, "IPVS tables", wanted, found, f"{len(wanted)} as wanted")
        if state.get("connection_table_size"):
            # read when the module is loaded: what was set later waits for the next boot
            buckets = 2 ** host.settings[ROLE][f"{ROLE}_connection_table_bits"]
            size = state["connection_table_size"]
            yield check("ipvs_connection_table", host.name, "IPVS connection table", buckets, size)
