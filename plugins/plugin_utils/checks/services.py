# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether services, backends and certificates fit together.

The playbooks' loadbalancer_services and those of the role that proxies them have the same structure, which was checked
before; prefix says which of them a message names. Private to this collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .values import (
    PORT,
    address_problem,
    canonical,
    domain_problem,
    dotted_name_problem,
    duplicates,
    name_problem,
    path_problem,
    range_problem,
    reference_problem,
    time_problem,
    vip_problem,
)

Entry = Mapping[str, Any]
TOTALS = ("BACKEND", "FRONTEND")  # in HAProxy's statistics, in the place of a server's name


def service_problems(
    prefix: str, services: Sequence[Entry], backends: Sequence[Entry], certificates: Sequence[Entry]
) -> list[str]:
    """Problems of what is served, by variables PREFIX_services, PREFIX_backends and PREFIX_certificates."""
    problems = []
    pools = [backend["name"] for backend in backends]
    names = [certificate["name"] for certificate in certificates]
    problems += duplicates(f"{prefix}_services", (service["name"] for service in services))
    problems += duplicates(f"{prefix}_backends", pools)
    problems += duplicates(f"{prefix}_certificates", names)
    for service in services:
        where = f"{prefix}_services ({service['name']})"
        problems += name_problem(f"{where}.name", service["name"])
        if not service["vips"]:
            problems.append(f"{where}.vips is [], must have at least one VIP")
        for vip in service["vips"]:
            problems += vip_problem(f"{where}.vips", vip)
        if not service["listeners"]:
            problems.append(f"{where}.listeners is [], must have at least one listener")
        for listener in service["listeners"]:
            problems += listener_problems(f"{where}.listeners", listener, f"{prefix}_certificates", names)
        problems += route_problems(where, service, f"{prefix}_backends", pools)
    for backend in backends:
        problems += backend_problems(f"{prefix}_backends ({backend['name']})", backend)
    for certificate in certificates:
        problems += certificate_problems(f"{prefix}_certificates ({certificate['name']})", certificate)
    return problems


def sockets(services: Sequence[Entry]) -> list[str]:
    """What each listener of each VIP binds to."""
    return [
        f"{canonical(vip)} port {listener['port']}{'/udp' if listener.get('protocol') == 'udp' else ''}"
        for service in services
        for vip in service["vips"]
        for listener in service["listeners"]
    ]


def listener_problems(where: str, listener: Entry, target: str, names: Sequence[str]) -> list[str]:
    """Problems of one listener; names are those of the certificates that the variable target has."""
    problems = range_problem(f"{where}.port", listener["port"], PORT)
    used = listener.get("certificates") or []
    if listener["protocol"] == "https" and not used:
        problems.append(f"{where}.certificates of port {listener['port']} is [], must name the certificates of https")
    if listener["protocol"] == "https" and listener.get("redirect_to") == "https":
        problems.append(f"{where}.redirect_to of port {listener['port']} is 'https', must be on a listener of http")
    if listener["protocol"] != "https" and used:
        problems.append(f"{where}.certificates of port {listener['port']} is {used!r}, must be on a listener of https")
    problems += duplicates(f"{where}.certificates of port {listener['port']}", used)
    return problems + [
        problem for name in used for problem in reference_problem(f"{where}.certificates", name, target, names)
    ]


def route_problems(where: str, service: Entry, target: str, pools: Sequence[str]) -> list[str]:
    """Problems of where a service sends requests, and of how many it takes."""
    problems = []
    for route in service.get("routes") or []:
        problems += path_problem(f"{where}.routes.path_prefix", route["path_prefix"])
        problems += reference_problem(f"{where}.routes.backend", route["backend"], target, pools)
    problems += reference_problem(f"{where}.default_backend", service["default_backend"], target, pools)
    limit = service.get("rate_limit")
    if limit:
        problems += range_problem(f"{where}.rate_limit.requests", limit["requests"], (1, 4294967295))
        problems += time_problem(f"{where}.rate_limit.per", limit["per"])
    return problems


def backend_problems(where: str, backend: Entry) -> list[str]:
    """Problems of one pool of backends."""
    problems = name_problem(f"{where}.name", backend["name"])
    problems += range_problem(f"{where}.port", backend["port"], PORT)
    if backend.get("health_path") is not None:
        problems += path_problem(f"{where}.health_path", backend["health_path"], query=True)
    tls = backend.get("tls")
    if tls:
        problems += domain_problem(f"{where}.tls.server_name", tls["server_name"])
        problems += absolute_problem(f"{where}.tls.ca", tls.get("ca"))
    if not backend["servers"]:
        problems.append(f"{where}.servers is [], must have at least one backend")
    problems += duplicates(f"{where}.servers", (server["name"] for server in backend["servers"]))
    problems += duplicates(
        f"{where}.servers",
        (f"{canonical(one['address'])} port {one.get('port') or backend['port']}" for one in backend["servers"]),
    )
    for server in backend["servers"]:
        here = f"{where}.servers ({server['name']})"
        problems += dotted_name_problem(f"{here}.name", server["name"])
        if server["name"] in TOTALS:
            problems.append(f"{here}.name is {server['name']!r}, must be another: HAProxy calls its totals so")
        problems += address_problem(f"{here}.address", server["address"])
        if server.get("port") is not None:
            problems += range_problem(f"{here}.port", server["port"], PORT)
    return problems


def certificate_problems(where: str, certificate: Entry) -> list[str]:
    """Problems of one certificate."""
    problems = dotted_name_problem(f"{where}.name", certificate["name"])
    for domain in certificate.get("domains") or []:
        problems += domain_problem(f"{where}.domains", domain, wildcard=True)
    return problems + certificate_problem(where, certificate)


def certificate_problem(where: str, certificate: Entry) -> list[str]:
    """One line when it is not said where the certificate is. What it holds is for plugin_utils/certificates.py."""
    path, pem = certificate.get("file"), certificate.get("pem")
    if bool(path) == bool(pem):
        return [f"{where} has {'both file and pem' if path else 'neither file nor pem'}, must have one of them"]
    return absolute_problem(f"{where}.file", path)


def absolute_problem(where: str, path: Any) -> list[str]:
    """One line when a path on the controller means another file in another working directory."""
    if not path or os.path.isabs(str(path)):
        return []
    return [f"{where} is {path!r}, must be an absolute path: begin it with {{{{ inventory_dir }}}}"]
