# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what is served, beside the rest of the deployment: VIPs, ports and routes."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks.values import OWN_PORTS, show
from . import addresses
from .findings import INVENTORY, Finding
from .model import Deployment, Service


def findings(deployment: Deployment) -> Iterator[Finding]:
    """All of it."""
    if not deployment.services:
        yield INVENTORY, "loadbalancer_services is [], must have at least one service"
    for line in [*_vips(deployment), *_ports(deployment), *_routes(deployment)]:
        yield INVENTORY, line


def _vips(deployment: Deployment) -> Iterator[str]:
    """VIPs that something else is, or that lie in a network of a link."""
    placed = [
        (host, interface, text)
        for host in deployment.hosts.values()
        for interface in host.interfaces
        for text in interface.addresses
    ]
    owner = {addresses.bare(text): host.name for host, _interface, text in placed}
    networks = {addresses.network(text): interface.link for _host, interface, text in placed}
    servers = {server["address"]: pool["name"] for pool in deployment.backends for server in pool["servers"]}
    for service in deployment.services:
        where = f"loadbalancer_services ({service.name}).vips"
        if len(set(service.vips)) < len(service.vips):
            yield f"{where} is {show(list(service.vips))}, which names a VIP twice: must be unique"
        for vip in dict.fromkeys(service.vips):
            if vip in owner:
                yield f"{where} has {show(vip)}, which is an address of {owner[vip]}: must be another"
                continue
            if vip in servers:
                yield f"{where} has {show(vip)}, which is a server of the backend {servers[vip]}: must be another"
            for net, link in networks.items():
                if addresses.contains(net, vip):
                    line = f"{where} has {show(vip)}, which is in the network {net} of link {link}, must be outside"
                    yield f"{line}: hosts there would ask for it by ARP, and nobody answers"


def _ports(deployment: Deployment) -> Iterator[str]:
    """Ports that two listeners of a VIP share, that a daemon of ours has, or that a redirect misses."""
    owner: dict[tuple[str, str], str] = {}
    tls = {
        vip
        for service in deployment.services
        for one in service.listeners
        if (one.application, one.port) == ("https", 443)
        for vip in service.vips
    }
    for service in deployment.services:
        where = f"loadbalancer_services ({service.name}).listeners"
        for port in dict.fromkeys(one.port for one in service.listeners):
            if port in OWN_PORTS:
                yield f"{where}.port is {port}, must be another: that is {OWN_PORTS[port]}'s"
        yield from _twice(where, service, owner)
        for listener in service.listeners:
            if listener.redirect_to and not set(service.vips) <= tls:
                line = f"{where}.redirect_to of port {listener.port} is {show(listener.redirect_to)}"
                yield f"{line}, but a VIP has no https on port 443: must be a listener of https there on each VIP"


def _twice(where: str, service: Service, owner: dict[tuple[str, str], str]) -> Iterator[str]:
    """Sockets that an earlier listener has; owner says which service has which, and is kept."""
    sockets = [listener.socket for listener in service.listeners]
    for socket in dict.fromkeys(one for one in sockets if sockets.count(one) > 1):
        yield f"{where} has port {socket} twice, must have it once"
    for vip in dict.fromkeys(service.vips):
        for listener in service.listeners:
            other = owner.setdefault((vip, listener.socket), service.name)
            if other != service.name:
                line = f"{where}.port is {listener.port}, but service {other} has {vip} port {listener.socket}"
                yield f"{line} already: must be unique"


def _routes(deployment: Deployment) -> Iterator[str]:
    """Routes that an earlier one hides."""
    for service in deployment.services:
        seen: list[str] = []
        for route in service.declared.get("routes") or []:
            prefix = str(route["path_prefix"]).rstrip("/")
            hiding = next((other for other in seen if prefix == other or prefix.startswith(f"{other}/")), None)
            if hiding is not None:
                line = f"loadbalancer_services ({service.name}).routes.path_prefix is {show(route['path_prefix'])}"
                yield f"{line}, but {hiding or '/'} comes first and takes its requests: must come before it, or go"
            seen.append(prefix)
