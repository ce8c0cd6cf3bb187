# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a deployment whose values are right each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import components
from ..checks.values import password_problem, show
from . import addresses, build, problems_links, problems_services
from .findings import Finding
from .model import DIRECTORS, PROXIES, ROUTERS, TIERS, Deployment, Host

# 0 and 65535 (RFC 7607, 7300) and the last one are reserved; 23456 stands for those of four bytes (RFC 6793)
RESERVED_ASNS = (0, 23456, 65535, 4294967295)
Needed = list[tuple[bool, str]]  # families, IPv6 or not, and why


def findings(deployment: Deployment, variables: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """All of it; variables are what the hosts of the inventory say."""
    found = list(problems_links.findings(deployment))
    if not deployment.routed:
        return found
    needed = _needed(deployment)
    for host in deployment.members:
        found += _place(host, needed)
        found += _numbers(host)
        found += _announcer(host)
    found += _shared(deployment, variables)
    found += _passwords(variables)
    found += _meeting(deployment, needed)
    found += _directors(deployment)
    found += _asns(deployment)
    found += problems_services.findings(deployment)
    return found


def _place(host: Host, needed: Needed) -> Iterator[Finding]:
    """A host's place on its fabric link."""
    links = [interface.link for interface in host.interfaces]
    if links.count(host.fabric) != 1:
        known = ", ".join(dict.fromkeys(links)) or "it has none"
        wanted = "be a link of loadbalancer_interfaces" if host.fabric not in links else "have one interface"
        yield host.name, f"loadbalancer_fabric is {show(host.fabric)}, must {wanted}: {known}"
        return
    own = host.fabric_addresses()
    for ipv6, why in needed:
        of_family = [text for text in own if addresses.is_ipv6(text) == ipv6]
        where = f"loadbalancer_interfaces: addresses on link {host.fabric} are {show(own)}"
        name = "IPv6" if ipv6 else "IPv4"
        if not of_family:
            yield host.name, f"{where}, must have an {name} address: {why}"
        if len(of_family) > 1:
            yield host.name, f"{where}, must have one {name} address, which its neighbours know it by"


def _needed(deployment: Deployment) -> Needed:
    """Families that each host must have, and why."""
    needed = {False: "the BGP router ID is one"}  # whatever the VIPs are
    for vip in reversed(deployment.vips):
        needed[addresses.is_ipv6(vip)] = f"VIP {vip} is one"
    return sorted(needed.items())


def _numbers(host: Host) -> Iterator[Finding]:
    if not 1 <= host.asn <= 4294967294 or host.asn in RESERVED_ASNS:
        reserved = ", ".join(str(number) for number in RESERVED_ASNS[1:3])
        yield (
            host.name,
            f"loadbalancer_asn is {host.asn}, must be a number from 1 to 4294967294 other than {reserved}",
        )
    if not 1 <= host.weight <= 65535:
        yield host.name, f"loadbalancer_weight is {host.weight}, must be a number from 1 to 65535"


def _announcer(host: Host) -> Iterator[Finding]:
    known = components.announcers()
    if host.announcer not in known:
        line = f"loadbalancer_announcer is {show(host.announcer)}, must be one of {', '.join(sorted(known))}"
        yield host.name, line


def _shared(deployment: Deployment, variables: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What must be the same on all hosts of the tiers."""
    members = [host.name for host in deployment.members]
    for name in build.SHARED:
        for host in members[1:]:
            mine, theirs = variables[host].get(name), variables[members[0]].get(name)
            if mine is not theirs and mine != theirs:
                yield host, f"{name} differs from that of {members[0]}, must be the same on all hosts"


def _passwords(variables: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """A password that sessions cannot have."""
    for host, values in variables.items():
        if values.get("loadbalancer_bgp_password") is not None:
            for line in password_problem("loadbalancer_bgp_password", values["loadbalancer_bgp_password"]):
                yield host, line


def _meeting(deployment: Deployment, needed: Needed) -> Iterator[Finding]:
    """Hosts that share no link, or no network on it, with those that they speak BGP with."""
    fabrics = {tier: {host.fabric for host in deployment.tier(tier)} for tier in TIERS}
    families: dict[str, set[bool]] = {}
    for session in deployment.sessions:
        for end in (session.router, session.node):
            families.setdefault(end.host, set()).add(addresses.is_ipv6(end.address))
    for host in deployment.members:
        others = TIERS[1:] if host.tier == ROUTERS else (ROUTERS,)
        shared = set().union(*(fabrics[tier] for tier in others))
        if host.fabric not in shared:
            who = "a director or a proxy" if host.tier == ROUTERS else "a router"
            there = ", ".join(sorted(shared))
            yield host.name, f"loadbalancer_fabric is {show(host.fabric)}, must be a link that {who} is on: {there}"
            continue
        if host.name not in families and host.tier == PROXIES and deployment.has_directors:
            continue  # its way out is its own
        for ipv6, _why in needed:
            own = [text for text in host.on_link(host.fabric) if addresses.is_ipv6(text) == ipv6]
            if own and ipv6 not in families.get(host.name, ()):
                who = "a host behind it" if host.tier == ROUTERS else "a router"
                line = f"loadbalancer_interfaces: {own[0]} on link {host.fabric} is in no network of {who} there"
                yield host.name, f"{line}, must be in one"


def _directors(deployment: Deployment) -> Iterator[Finding]:
    """Directors, and proxies as their real servers, that are not all on one link."""
    directors = deployment.tier(DIRECTORS)
    if not directors:
        return
    first = directors[0]
    for host in directors[1:]:
        if host.fabric != first.fabric:
            line = f"loadbalancer_fabric is {show(host.fabric)}, must be that of all directors"
            yield host.name, f"{line}: {first.name} is on {first.fabric}"
    for proxy in deployment.tier(PROXIES):
        if proxy.fabric != first.fabric:
            line = f"loadbalancer_fabric is {show(proxy.fabric)}, must be the link of the directors, {first.fabric}"
            yield proxy.name, f"{line}: direct server return needs it"


def _asns(deployment: Deployment) -> Iterator[Finding]:
    """Routers that have the AS number of a host behind them. Hosts of one tier may share one."""
    for session in deployment.sessions:
        router, node = deployment.hosts[session.router.host], deployment.hosts[session.node.host]
        if router.asn == node.asn:
            yield (
                node.name,
                f"loadbalancer_asn is {node.asn}, which router {router.name} has: must differ (eBGP)",
            )
