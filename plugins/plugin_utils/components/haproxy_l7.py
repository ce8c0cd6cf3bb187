# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The L7 proxy: HAProxy."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import certificates
from ..checks.services import service_problems, sockets
from ..checks.values import OWN_PORTS, PORT, address_problem, duplicates, is_ipv6, ranges, time_problem
from ..deployment import addresses
from ..deployment.findings import Finding
from ..deployment.model import PROXIES, Deployment, Host
from ..expectations import Check, check
from ._base import Component

ROLE = "haproxy_l7"
SETTING_RANGES = {
    "health_port": PORT,
    "health_tls_port": PORT,
    "maxconn": (1, 2000000),
}
SAME = ("health_port", "health_tls_port")


def health_port_problems(ports: Sequence[Any], services: Sequence[Mapping[str, Any]]) -> list[str]:
    """Problems of the ports, in clear and over TLS, on which a proxy answers health checks."""
    problems = []
    if int(ports[0]) == int(ports[1]):
        problems.append(f"{ROLE}_health_tls_port is {ports[1]}, must differ from {ROLE}_health_port")
    for name, value in zip((f"{ROLE}_{name}" for name in SAME), ports):
        if int(value) in OWN_PORTS:
            problems.append(f"{name} is {value}, must be another: that is {OWN_PORTS[int(value)]}'s")
        taken = [
            service["name"]
            for service in services
            if int(value) in (int(listener["port"]) for listener in service["listeners"])
        ]
        if taken:
            problems.append(f"{name} is {value}, must be another: service {taken[0]} listens on it")
    return problems


class HaproxyL7(Component):
    """The L7 proxy: HAProxy."""

    role = ROLE
    order = 30
    serving_units = ("haproxy.service",)
    sources = {
        "services": "loadbalancer_services",
        "backends": "loadbalancer_backends",
        "certificates": "loadbalancer_certificates",
        "health_addresses": "loadbalancer_interfaces",
    }

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On proxies."""
        return deployment.routed and host.tier == PROXIES

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """All services and backends; health checks are answered on the fabric."""
        return {
            "services": [service.declared for service in deployment.services],
            "backends": list(deployment.backends),
            "certificates": {"$inventory": "loadbalancer_certificates", "default": []},
            "health_addresses": host.fabric_addresses(),
        }

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """Ports, times and limits."""
        found = ranges(ROLE, values, SETTING_RANGES)
        found += time_problem(f"{ROLE}_hard_stop_after", values["hard_stop_after"])
        for name, value in values["timeouts"].items():
            found += time_problem(f"{ROLE}_timeouts.{name}", value)
        return found

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Services, backends and certificates, the health check's addresses, and the times."""
        found = service_problems(ROLE, values["services"], values["backends"], values["certificates"])
        found += duplicates(f"{ROLE}_services", sockets(values["services"]))
        found += duplicates(f"{ROLE}_health_addresses", values["health_addresses"])
        found += health_port_problems([values[name] for name in SAME], values["services"])
        for address in values["health_addresses"]:
            found += address_problem(f"{ROLE}_health_addresses", address)
        if not values["health_addresses"]:
            found.append(f"{ROLE}_health_addresses is [], must have at least one address of this host")
        return found + self.setting_problems(values)

    def file_problems(self, values: Mapping[str, Any], read: certificates.Reader) -> list[str]:
        """What the certificates hold."""
        now = datetime.datetime.now(datetime.UTC)
        return certificates.findings(ROLE, values["certificates"], values["backends"], read, now)[0]

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Directors ask all proxies on the same ports."""
        proxies = deployment.tier(PROXIES)
        served = [service.declared for service in deployment.services]
        for host in proxies:
            ports = [host.settings[ROLE][f"{ROLE}_{name}"] for name in SAME]
            yield from ((host.name, line) for line in health_port_problems(ports, served))
        for name in (f"{ROLE}_{name}" for name in SAME):
            wanted = proxies[0].settings[ROLE][name] if proxies else None
            for host in proxies[1:] if deployment.has_directors else ():
                found = host.settings[ROLE][name]
                if found != wanted:
                    yield (
                        host.name,
                        f"{name} is {found}, but on {proxies[0].name} it is {wanted}: must be the same on all proxies",
                    )

    def gates(self, host: Host, deployment: Deployment) -> list[dict[str, Any]]:
        """A gate for each service: its health check on this host must answer 200."""
        place = addresses.endpoint(host.router_id, host.settings[ROLE][f"{ROLE}_health_port"])
        return [
            {
                "name": service.name,
                "vips": list(service.vips),
                "url": f"http://{place}/healthcheck/{service.name}",
            }
            for service in deployment.services
        ]

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """HAProxy starts, and reloads, whether a VIP is on the host at that moment or not."""
        vips = [vip for service in values["services"] for vip in service["vips"]]
        ipv6 = {"net.ipv6.ip_nonlocal_bind": "1"} if any(map(is_ipv6, vips)) else {}
        return {"net.ipv4.ip_nonlocal_bind": "1", **ipv6}

    def excludes(self, values: Mapping[str, Any]) -> bool:
        """A proxy that the operator has taken out of the pool."""
        return bool(values["excluded"])

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """HAProxy holds every backend for up."""
        found = {
            f"{backend['name']}/{server['name']}": state["haproxy"]
            .get(backend["name"], {})
            .get(server["name"], "absent")
            for backend in deployment.backends
            for server in backend["servers"]
        }
        down = {name: status for name, status in found.items() if status != "UP"}
        good = f"{len(found)} up"
        yield check("backends", host.name, "backends of the proxy", good, down or good, not down)
