# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a deployment whose values are right each by itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..checks.values import entry_name, show
from . import addresses, build
from .findings import INVENTORY, Finding
from .model import DIRECTORS, PROXIES, ROUTERS, TIERS, Deployment, Host, Interface

INTERFACE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # IFNAMSIZ, and what every tool's configuration takes
LINK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
MTU = (1280, 65535)  # IPv6 needs 1280 (RFC 8200)
# 0 and 65535 (RFC 7607, 7300) and the last one are reserved; 23456 stands for those of four bytes (RFC 6793)
RESERVED_ASNS = (0, 23456, 65535, 4294967295)
OWN_PORTS = {179: "BGP", 3784: "BFD", 3785: "BFD", 4784: "BFD"}
ALIKE = 0.8


def findings(deployment: Deployment, variables: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """All of it; variables are what the hosts of the inventory say."""
    found: list[Finding] = []
    for host in deployment.hosts.values():
        found += _interfaces(host)
    found += _owners(deployment)
    found += _links(deployment)
    found += _networks(deployment)
    if not deployment.routed:
        return found
    for host in deployment.members:
        found += _place(deployment, host)
        found += _asn(host)
    found += _shared(deployment, variables)
    found += _meeting(deployment)
    found += _asns(deployment)
    found += _vips(deployment)
    found += _ports(deployment)
    found += _routes(deployment)
    return found


def _interfaces(host: Host) -> Iterator[Finding]:
    names: set[str] = set()
    for index, interface in enumerate(host.interfaces):
        where = entry_name("loadbalancer_interfaces", index, {"name": interface.name})
        if not INTERFACE_NAME.fullmatch(interface.name) or interface.name.strip(".") == "":
            yield (
                host.name,
                f"{where}.name is {show(interface.name)}, must be 1 to 15 letters, digits, '.', '_' and '-'",
            )
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
        yield from _gateways(host, where, interface)


def _gateways(host: Host, where: str, interface: Interface) -> Iterator[Finding]:
    networks = [addresses.network(text) for text in interface.addresses]
    for gateway in [*interface.gateways, *(gateway for route in interface.routes for gateway in route.gateways)]:
        if not addresses.is_link_local(gateway) and not any(addresses.contains(net, gateway) for net in networks):
            yield (
                host.name,
                f"{where}.gateways has {show(gateway)}, must be in a network of the interface: "
                f"{', '.join(networks) or 'it has none'}",
            )


def _place(deployment: Deployment, host: Host) -> Iterator[Finding]:
    """A host's place on its fabric link."""
    links = [interface.link for interface in host.interfaces]
    if links.count(host.fabric) != 1:
        known = ", ".join(dict.fromkeys(links)) or "it has none"
        wanted = "be a link of loadbalancer_interfaces" if host.fabric not in links else "have one interface"
        yield host.name, f"loadbalancer_fabric is {show(host.fabric)}, must {wanted}: {known}"
        return
    own = host.fabric_addresses()
    for ipv6, why in _needed(deployment):
        of_family = [text for text in own if addresses.is_ipv6(text) == ipv6]
        where = f"loadbalancer_interfaces: addresses on link {host.fabric} are {show(own)}"
        name = "IPv6" if ipv6 else "IPv4"
        if not of_family:
            yield host.name, f"{where}, must have an {name} address: {why}"
        if len(of_family) > 1:
            yield host.name, f"{where}, must have one {name} address, which its neighbours know it by"


def _needed(deployment: Deployment) -> list[tuple[bool, str]]:
    """Families that each host must have, and why."""
    needed = {False: "the BGP router ID is one"}  # whatever the VIPs are
    for vip in reversed(deployment.vips):
        needed[addresses.is_ipv6(vip)] = f"VIP {vip} is one"
    return sorted(needed.items())


def _asn(host: Host) -> Iterator[Finding]:
    if not 1 <= host.asn <= 4294967294 or host.asn in RESERVED_ASNS:
        reserved = ", ".join(str(number) for number in RESERVED_ASNS[1:3])
        yield (
            host.name,
            f"loadbalancer_asn is {host.asn}, must be a number from 1 to 4294967294 other than {reserved}",
        )
    if not 1 <= host.weight <= 65535:
        yield host.name, f"loadbalancer_weight is {host.weight}, must be a number from 1 to 65535"


def _shared(deployment: Deployment, variables: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What must be the same on all hosts of the tiers."""
    members = [host.name for host in deployment.members]
    for name in build.SHARED:
        for host in members[1:]:
            mine, theirs = variables[host].get(name), variables[members[0]].get(name)
            if mine is not theirs and mine != theirs:
                yield host, f"{name} differs from that of {members[0]}, must be the same on all hosts"


def _owners(deployment: Deployment) -> Iterator[Finding]:
    """Addresses that two hosts claim; link-local ones may be the same on two links."""
    owner: dict[str, str] = {}
    for host in deployment.hosts.values():
        for index, interface in enumerate(host.interfaces):
            where = f"{entry_name('loadbalancer_interfaces', index, {'name': interface.name})}.addresses"
            for text in interface.addresses:
                key = addresses.bare(text) + (f" on {interface.link}" if addresses.is_link_local(text) else "")
                other = owner.setdefault(key, host.name)
                if other != host.name:
                    yield host.name, f"{where} has {show(text)}, which {other} has already: must be unique"


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
    """Hosts that see one link with other networks, or another MTU, than the first host on it."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    mtus: dict[str, tuple[str, int]] = {}
    for host in deployment.hosts.values():
        for interface in host.interfaces:
            where = f"loadbalancer_interfaces ({interface.name})"
            mtu = interface.mtu or 1500
            other, wanted = mtus.setdefault(interface.link, (host.name, mtu))
            if mtu != wanted:
                yield (
                    host.name,
                    f"{where}.mtu is {mtu}, but {other} has {wanted} on link {interface.link}: must be the same",
                )
            for text in interface.addresses:
                net = addresses.network(text)
                for (link, known), (owner, _seen) in list(first.items()):
                    overlap = addresses.contains(known, addresses.bare(text)) or addresses.contains(
                        net, addresses.bare(known)
                    )
                    if link == interface.link and known != net and overlap:
                        yield (
                            host.name,
                            f"{where}.addresses has {show(text)}, but on link {link} {owner} has the network {known}: "
                            "must be the same",
                        )
                first.setdefault((interface.link, net), (host.name, text))


def _meeting(deployment: Deployment) -> Iterator[Finding]:
    """Hosts that share no link, or no network on it, with those that they must reach directly."""
    fabrics = {tier: {host.fabric for host in deployment.tier(tier)} for tier in TIERS}
    for host in deployment.members:
        others = TIERS[1:] if host.tier == ROUTERS else (ROUTERS,)
        shared = set().union(*(fabrics[tier] for tier in others))
        there = ", ".join(sorted(shared))
        if host.fabric not in shared:
            who = "a director or a proxy" if host.tier == ROUTERS else "a router"
            yield host.name, f"loadbalancer_fabric is {show(host.fabric)}, must be a link that {who} is on: {there}"
            continue
        if not deployment.neighbors(host) and host.tier == PROXIES and deployment.has_directors:
            continue  # its way out is its own
        met = {addresses.is_ipv6(end.address) for end in deployment.neighbors(host)}
        for ipv6, _why in _needed(deployment):
            own = [text for text in host.on_link(host.fabric) if addresses.is_ipv6(text) == ipv6]
            if own and ipv6 not in met:
                yield (
                    host.name,
                    f"loadbalancer_interfaces: {own[0]} on link {host.fabric} is in no network of "
                    f"{'a host behind it' if host.tier == ROUTERS else 'a router'} there, must be in one",
                )
    for proxy in deployment.tier(PROXIES) if deployment.has_directors else ():
        if proxy.fabric not in fabrics[DIRECTORS]:
            there = ", ".join(sorted(fabrics[DIRECTORS]))
            yield (
                proxy.name,
                f"loadbalancer_fabric is {show(proxy.fabric)}, must be the link of the directors, {there}: "
                "direct server return needs it",
            )


def _asns(deployment: Deployment) -> Iterator[Finding]:
    """Routers that have the AS number of a host behind them. Hosts of one tier may share one."""
    for session in deployment.sessions:
        router, node = deployment.hosts[session.router.host], deployment.hosts[session.node.host]
        if router.asn == node.asn:
            yield (
                node.name,
                f"loadbalancer_asn is {node.asn}, which router {router.name} has: must differ (eBGP)",
            )


def _vips(deployment: Deployment) -> Iterator[Finding]:
    """VIPs that something else is, or that lie in a network of a link."""
    owner = {
        addresses.bare(text): host.name
        for host in deployment.hosts.values()
        for i in host.interfaces
        for text in i.addresses
    }
    networks = {
        addresses.network(text): i.link
        for host in deployment.hosts.values()
        for i in host.interfaces
        for text in i.addresses
    }
    servers = {server["address"]: pool["name"] for pool in deployment.backends for server in pool["servers"]}
    for service in deployment.services:
        where = f"loadbalancer_services ({service.name}).vips"
        if len(set(service.vips)) < len(service.vips):
            yield INVENTORY, f"{where} is {show(list(service.vips))}, which names a VIP twice: must be unique"
        for vip in dict.fromkeys(service.vips):
            if vip in owner:
                yield INVENTORY, f"{where} has {show(vip)}, which is an address of {owner[vip]}: must be another"
                continue
            if vip in servers:
                yield (
                    INVENTORY,
                    f"{where} has {show(vip)}, which is a server of the backend {servers[vip]}: must be another",
                )
            for net, link in networks.items():
                if addresses.contains(net, vip):
                    yield (
                        INVENTORY,
                        f"{where} has {show(vip)}, which is in the network {net} of link {link}, must be outside: "
                        "hosts there would ask for it by ARP, and nobody answers",
                    )


def _ports(deployment: Deployment) -> Iterator[Finding]:
    """Ports that two listeners of a VIP share, that a daemon of ours has, or that a redirect misses."""
    owner: dict[tuple[str, str], str] = {}
    tls = {
        vip
        for s in deployment.services
        for one in s.listeners
        if (one.application, one.port) == ("https", 443)
        for vip in s.vips
    }
    for service in deployment.services:
        where = f"loadbalancer_services ({service.name}).listeners"
        for listener in service.listeners:
            if listener.port in OWN_PORTS:
                yield (
                    INVENTORY,
                    f"{where}.port is {listener.port}, must be another: that is {OWN_PORTS[listener.port]}'s",
                )
            for vip in dict.fromkeys(service.vips):
                other = owner.setdefault((vip, listener.socket), service.name)
                if other != service.name:
                    line = f"{where}.port is {listener.port}, but service {other} has {vip} port {listener.socket}"
                    yield INVENTORY, f"{line} already: must be unique"
            if listener.redirect_to and not set(service.vips) <= tls:
                yield (
                    INVENTORY,
                    f"{where}.redirect_to of port {listener.port} is {show(listener.redirect_to)}, "
                    "but nothing serves https on port 443 of each of its VIPs: must be a listener of https there",
                )


def _routes(deployment: Deployment) -> Iterator[Finding]:
    """Routes that an earlier one hides."""
    for service in deployment.services:
        seen: list[str] = []
        for route in service.declared.get("routes") or []:
            prefix = str(route["path_prefix"]).rstrip("/")
            hiding = next((other for other in seen if prefix == other or prefix.startswith(f"{other}/")), None)
            if hiding is not None:
                yield (
                    INVENTORY,
                    f"loadbalancer_services ({service.name}).routes.path_prefix is {show(route['path_prefix'])}, "
                    f"but {hiding or '/'} comes first and takes its requests: "
                    "must come before it, or go",
                )
            seen.append(prefix)
