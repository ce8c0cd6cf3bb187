# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP, ECMP and BFD, by FRR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks.values import (
    ASN,
    canonical,
    dotted_name_problem,
    duplicates,
    ipv4_problem,
    password_problem,
    prefix_problem,
    ranges,
    vip_problem,
)
from ..deployment import addresses
from ..deployment.findings import Finding
from ..deployment.model import ROUTERS, TIERS, Deployment, End, Host
from ..expectations import Check, check
from ._base import Component

ROLE = "frr_ecmp"
DEFAULT_ROUTES = ("0.0.0.0/0", "::/0")
SETTING_RANGES = {
    "bfd_interval": (10, 60000),
    "bfd_multiplier": (2, 255),
    "maximum_paths": (1, 256),
    "maximum_prefixes": (1, 4294967295),
}


def brings(deployment: Deployment, host: Host) -> bool:
    """Whether a neighbour of a router should announce VIPs now."""
    return deployment.announces(host) and not host.excluded


def _sessions(host: Host, protocol: str, wanted: str, ends: Sequence[End], states: Mapping[str, str]) -> Check:
    missing = {
        f"{end.host} {end.address}": states.get(end.address, "absent")
        for end in ends
        if states.get(end.address) != wanted
    }
    good = f"{len(ends)} {wanted.lower()}"
    identity = f"{protocol.lower()}_sessions"
    return check(identity, host.name, f"{protocol} sessions", good, missing or good, not missing)


class FrrEcmp(Component):
    """BGP, ECMP and BFD, by FRR."""

    role = ROLE
    order = 20
    announcer = "frr"
    speaks_bfd = True
    brings_routes = True
    announcing_units = ("frr.service",)
    sources = {
        "asn": "loadbalancer_asn",
        "router_id": "loadbalancer_interfaces",
        "neighbors": "loadbalancer_interfaces",
        "announce": "loadbalancer_services",
        "accept": "loadbalancer_services",
        "originate_default": "the group routers",
        "forwarding": "the group routers",
    }

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On routers, and on the hosts behind them that have no other announcer."""
        is_ours = host.tier == ROUTERS or host.announcer == self.announcer
        return deployment.routed and host.tier in TIERS and is_ours

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """Routers accept VIPs and give a default route; the hosts behind them accept that, and some announce VIPs."""
        is_router = host.tier == ROUTERS
        password = {"password": {"$inventory": "loadbalancer_bgp_password"}} if host.has_password else {}
        return {
            "asn": host.asn,
            "router_id": host.router_id,
            "neighbors": [
                {
                    "name": end.host,
                    "address": end.address,
                    "asn": deployment.hosts[end.host].asn,
                    "bfd": deployment.has_bfd(host, deployment.hosts[end.host]),
                    **password,
                }
                for end in deployment.neighbors(host)
            ],
            "announce": deployment.vips if deployment.announces(host) else [],
            "accept": [addresses.host_prefix(vip) for vip in deployment.vips] if is_router else list(DEFAULT_ROUTES),
            "originate_default": is_router,
            "forwarding": is_router,
        }

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """Timers and limits."""
        return ranges(ROLE, values, SETTING_RANGES)

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Neighbours, the router ID, and what may be announced and accepted."""
        found = self.setting_problems(values) + ranges(ROLE, values, {"asn": ASN})
        found += ipv4_problem(f"{ROLE}_router_id", values["router_id"])
        for neighbor in values["neighbors"]:
            where = f"{ROLE}_neighbors ({neighbor['name']})"
            found += dotted_name_problem(f"{where}.name", neighbor["name"])
            found += vip_problem(f"{where}.address", neighbor["address"])
            found += ranges(f"{where}.", neighbor, {"asn": ASN})
            if neighbor["asn"] == values["asn"]:
                found.append(f"{where}.asn is {neighbor['asn']}, must differ from {ROLE}_asn: sessions are eBGP")
            if neighbor.get("password") is not None:
                found += password_problem(f"{where}.password", neighbor["password"])
        own = canonical(values["router_id"])
        if any(canonical(neighbor["address"]) == own for neighbor in values["neighbors"]):
            found.append(f"{ROLE}_neighbors has {own!r}, which is {ROLE}_router_id: must be other hosts")
        found += duplicates(f"{ROLE}_neighbors", (neighbor["address"] for neighbor in values["neighbors"]))
        found += duplicates(f"{ROLE}_announce", values["announce"]) + duplicates(f"{ROLE}_accept", values["accept"])
        for vip in values["announce"]:
            found += vip_problem(f"{ROLE}_announce", vip)
        for prefix in values["accept"]:
            found += prefix_problem(f"{ROLE}_accept", prefix)
        return found

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Settings on which the ends of a session must agree, and limits that the VIPs exceed."""
        for session in deployment.sessions:
            router, node = deployment.hosts[session.router.host], deployment.hosts[session.node.host]
            mine, theirs = (host.settings[ROLE][f"{ROLE}_ttl_security"] for host in (node, router))
            if mine != theirs:
                yield (
                    node.name,
                    f"{ROLE}_ttl_security is {mine}, but on {router.name} it is {theirs}: must be the same, "
                    "or there is no session",
                )
        for host in deployment.tier(ROUTERS):
            limit = host.settings[ROLE][f"{ROLE}_maximum_prefixes"]
            for ipv6 in (False, True):
                count = sum(addresses.is_ipv6(vip) == ipv6 for vip in deployment.vips)
                if count > limit:
                    yield (
                        host.name,
                        f"{ROLE}_maximum_prefixes is {limit}, must be at least {count}, the number of VIPs of "
                        "one family, or its sessions would be shut down",
                    )

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Flows are told apart by ports too; a next hop whose neighbour is dead is skipped; only routers forward.

        A host without IPv6 neighbours is asked for nothing of IPv6, which its kernel may not have.
        """
        forwarding = str(int(values["forwarding"]))
        ipv6 = {"net.ipv6.fib_multipath_hash_policy": "1", "net.ipv6.conf.all.forwarding": forwarding}
        return {
            "net.ipv4.fib_multipath_hash_policy": "1",
            "net.ipv4.fib_multipath_use_neigh": "1",
            "net.ipv4.ip_forward": forwarding,
            **(ipv6 if any(addresses.is_ipv6(neighbor["address"]) for neighbor in values["neighbors"]) else {}),
        }

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """Sessions are up, and the kernel has every next hop that they should bring."""
        neighbors = deployment.neighbors(host)
        yield _sessions(host, "BGP", "Established", neighbors, state["bgp"])
        watched = [end for end in neighbors if deployment.has_bfd(host, deployment.hosts[end.host])]
        yield _sessions(host, "BFD", "up", watched, state["bfd"])
        is_router = host.tier == ROUTERS
        for prefix in deployment.vips if is_router else DEFAULT_ROUTES:
            wanted = sorted(
                end.address
                for end in neighbors
                if addresses.is_ipv6(end.address) == addresses.is_ipv6(prefix)
                and (not is_router or brings(deployment, deployment.hosts[end.host]))
            )
            yield check("next_hops", host.name, f"next hops of {prefix}", wanted, state["routes"].get(prefix, []))
