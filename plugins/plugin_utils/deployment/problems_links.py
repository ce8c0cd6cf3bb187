# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with interfaces, and with the links that they are on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..checks.values import entry_name, interface_name_problem, show
from . import addresses
from .findings import Finding
from .model import Deployment, Host, Interface, Route

LINK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
MTU = (1280, 65535)  # IPv6 needs 1280 (RFC 8200)
USUAL_MTU = 1500
ALIKE = 0.8


def findings(deployment: Deployment) -> Iterator[Finding]:
    """All of it."""
    for host in deployment.hosts.values():
        yield from _interfaces(host)
    yield from _owners(deployment)
    yield from _links(deployment)
    yield from _networks(deployment)
    yield from _mtus(deployment)


def _interfaces(host: Host) -> Iterator[Finding]:
    names: set[str] = set()
    for index, interface in enumerate(host.interfaces):
        where = entry_name("loadbalancer_interfaces", index, {"name": interface.name})
        yield from ((host.name, line) for line in interface_name_problem(f"{where}.name", interface.name))
        if not LINK_NAME.fullmatch(interface.link):
            yield (
                host.name,
                f"{where}.link is {show(interface.link)}, must be made of letters, digits, '.', '_' and '-'",
            )
        if interface.name in names:
            yield host.name, f"loadbalancer_interfaces has {interface.name} twice, must have each interface once"
        names.add(interface.name)
        if interface.mtu is not None and not MTU[0] <= interface.mtu <= MTU[1]:
            yield host.name, f"{where}.mtu is {interface.mtu}, must be a number from {MTU[0]} to {MTU[1]}"
        yield from ((host.name, line) for line in _gateways(where, interface))


def _gateways(where: str, interface: Interface) -> Iterator[str]:
    """Gateways and routes that lead nowhere."""
    networks = [addresses.network(text) for text in interface.addresses]
    own = [addresses.bare(text) for text in interface.addresses]
    for gateway in dict.fromkeys(
        [*interface.gateways, *(gateway for route in interface.routes for gateway in route.gateways)]
    ):
        if gateway in own:
            yield f"{where}.gateways has {show(gateway)}, which is this host: must be another"
        elif not addresses.is_link_local(gateway) and not any(addresses.contains(net, gateway) for net in networks):
            known = ", ".join(networks) or "it has none"
            yield f"{where}.gateways has {show(gateway)}, must be in a network of the interface: {known}"
    for route in interface.routes:
        yield from _route(f"{where}.routes ({route.destination})", route)


def _route(where: str, route: Route) -> Iterator[str]:
    if not route.gateways:
        yield f"{where}.gateways is [], must have at least one gateway"
    if any(addresses.is_ipv6(gateway) != addresses.is_ipv6(route.destination) for gateway in route.gateways):
        yield f"{where}.gateways is {show(list(route.gateways))}, must be of one family with the destination"


def _owners(deployment: Deployment) -> Iterator[Finding]:
    """Addresses that two interfaces claim; link-local ones may be the same on two links."""
    owner: dict[str, tuple[str, str]] = {}
    for host in deployment.hosts.values():
        for interface in host.interfaces:
            where = f"loadbalancer_interfaces ({interface.name}).addresses"
            for text in interface.addresses:
                key = addresses.bare(text) + (f" on {interface.link}" if addresses.is_link_local(text) else "")
                if key in owner:
                    other = owner[key][0] if owner[key][0] != host.name else f"{owner[key][1]} of this host"
                    yield host.name, f"{where} has {show(text)}, which {other} has already: must be unique"
                owner.setdefault(key, (host.name, interface.name))


def _links(deployment: Deployment) -> Iterator[Finding]:
    """Links that only one host is on, and that are called nearly like another."""
    hosts: dict[str, list[str]] = {}
    for host in deployment.hosts.values():
        for interface in host.interfaces:
            hosts.setdefault(interface.link, []).append(host.name)
    for link, names in hosts.items():
        others = [name for name in hosts if name != link and len(hosts[name]) > 1]
        near = difflib.get_close_matches(link, others, n=1, cutoff=ALIKE) if len(names) == 1 else []
        if near:
            yield names[0], f"loadbalancer_interfaces: nobody else is on link {show(link)}: did you mean {near[0]}?"


def _networks(deployment: Deployment) -> Iterator[Finding]:
    """Networks that overlap: on one link all hosts see the same ones, and no network is on two links."""
    first: dict[str, tuple[str, str]] = {}  # network to its link and the first host in it
    for host in deployment.hosts.values():
        for interface in host.interfaces:
            where = f"loadbalancer_interfaces ({interface.name}).addresses"
            for text in interface.addresses:
                if addresses.is_link_local(text):
                    continue
                net = addresses.network(text)
                for known, (link, owner) in first.items():
                    if (known, link) == (net, interface.link) or not addresses.overlap(known, net):
                        continue
                    there = f"{owner} has the network {known} on link {link}"
                    if link == interface.link:
                        yield host.name, f"{where} has {show(text)}, but {there}: must be the same network there"
                    else:
                        line = f"{where} has {show(text)} on link {interface.link}, but {there}: must be one link"
                        yield host.name, f"{line}, or another network"
                    break
                first.setdefault(net, (interface.link, host.name))


def _mtus(deployment: Deployment) -> Iterator[Finding]:
    """Hosts that have another MTU on a link than the first host on it."""
    first: dict[str, tuple[str, int]] = {}
    for host in deployment.hosts.values():
        for interface in host.interfaces:
            mtu = interface.mtu or USUAL_MTU
            other, wanted = first.setdefault(interface.link, (host.name, mtu))
            if mtu != wanted:
                yield (
                    host.name,
                    f"loadbalancer_interfaces ({interface.name}).mtu is {mtu}, but {other} has {wanted} on link "
                    f"{interface.link}: must be the same",
                )
