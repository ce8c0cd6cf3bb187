# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs held by one of several hosts, by VRRP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks.values import (
    canonical,
    duplicates,
    family_name,
    interface_name_problem,
    interface_problem,
    is_ipv6,
    name_problem,
    peer_problem,
    ranges,
)
from ..deployment import addresses
from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host
from ..expectations import Check, check
from ._base import Component

ROLE = "keepalived_vrrp"
Member = tuple[Host, Mapping[str, Any]]  # a host and its instance


def instance_problems(where: str, instance: Mapping[str, Any]) -> list[str]:
    """Problems of one instance."""
    peers = list(instance.get("peers") or [])
    source = instance.get("source_address")
    found = name_problem(f"{where}.name", instance["name"])
    limits = {"virtual_router_id": (1, 255), "priority": (1, 254), "preempt_delay": (0, 1000)}
    found += ranges(f"{where}.", {"priority": 100, "preempt_delay": 0, **instance}, limits)
    found += interface_name_problem(f"{where}.interface", instance["interface"])
    for name in instance.get("track_interfaces") or []:
        found += interface_name_problem(f"{where}.track_interfaces", name)
    if not instance["addresses"]:
        found.append(f"{where}.addresses is [], must have at least one address")
    for address in instance["addresses"]:
        found += interface_problem(f"{where}.addresses", address)
    for peer in peers:
        found += peer_problem(f"{where}.peers", peer)
    if source is not None:
        found += peer_problem(f"{where}.source_address", source)
        if canonical(source) in map(canonical, peers):
            found.append(f"{where}.peers has {source!r}, which is its own source_address: must be the other hosts")
    elif peers:
        found.append(f"{where}.source_address is not set, must be this host's address when there are peers")
    if len({is_ipv6(text) for text in [*instance["addresses"], *peers, *([source] if source else [])]}) > 1:
        found.append(f"{where} has IPv4 and IPv6 addresses, must have one family: use an instance for each")
    return found + duplicates(f"{where}.peers", peers)


def step_problem(values: Mapping[str, Any]) -> list[str]:
    """One line when the protocol, which counts hundredths of seconds, cannot say the interval."""
    hundredths = 100 * float(values["advertisement_interval"])
    if abs(hundredths - round(hundredths)) < 1e-6:
        return []
    name = f"{ROLE}_advertisement_interval"
    return [f"{name} is {values['advertisement_interval']}, must be a whole number of hundredths of a second"]


def virtual_router(instance: Mapping[str, Any]) -> str:
    """What two instances of a host cannot share: a number, of a family, on an interface."""
    family = family_name(any(is_ipv6(address) for address in instance["addresses"]))
    return f"virtual_router_id {instance['virtual_router_id']} of {family} on {instance['interface']}"


def canonical_instance(instance: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its addresses in their one spelling, and without an order, which means nothing."""
    source = instance.get("source_address")
    return {
        **instance,
        "addresses": sorted(map(canonical, instance["addresses"])),
        "peers": sorted(map(canonical, instance.get("peers") or [])),
        "source_address": canonical(source) if source else None,
    }


def instances(host: Host) -> list[dict[str, Any]]:
    """The instances of a host."""
    return [canonical_instance(entry) for entry in host.settings.get(ROLE, {}).get(f"{ROLE}_instances") or []]


def held(instance: Mapping[str, Any]) -> list[str]:
    """Its addresses without prefix lengths."""
    return [addresses.bare(text) for text in instance["addresses"]]


def _on_host(host: Host, owner: Mapping[str, str]) -> Iterator[Finding]:
    """Interfaces and sources that the host has not, and addresses that a host has anyway."""
    names = {interface.name for interface in host.interfaces}
    own = {addresses.bare(text) for interface in host.interfaces for text in interface.addresses}
    for instance in instances(host):
        where = f"{ROLE}_instances ({instance['name']})"
        if names and instance["interface"] not in names:
            known = ", ".join(sorted(names))
            yield host.name, f"{where}.interface is {instance['interface']!r}, must be one of the host's: {known}"
        if own and instance["source_address"] and instance["source_address"] not in own:
            yield (
                host.name,
                f"{where}.source_address is {instance['source_address']!r}, must be an address of the host: "
                f"{', '.join(sorted(own))}",
            )
        for text in (text for text in held(instance) if text in owner):
            line = f"{where}.addresses has {text!r}, which is an address of {owner[text]}: must be another"
            yield host.name, line


def _agree(members: Sequence[Member], host: Host, instance: Mapping[str, Any]) -> Iterator[Finding]:
    first, wanted = members[0]
    where = f"{ROLE}_instances ({instance['name']})"
    for key in ("virtual_router_id", "addresses"):
        if instance[key] != wanted[key]:
            yield (
                host.name,
                f"{where}.{key} is {instance[key]!r}, but on {first.name} it is {wanted[key]!r}: must be the same, "
                "or both hold the addresses",
            )
    for other, theirs in (member for member in members if member[0] is not host):
        if theirs["priority"] == instance["priority"] and other.name < host.name:
            yield (
                host.name,
                f"{where}.priority is {instance['priority']}, which {other.name} has too: must differ, "
                "so that it is clear who holds the addresses",
            )
        if bool(theirs["peers"]) != bool(instance["peers"]):
            line = f"{where}.peers is {instance['peers']!r}, must be set on all hosts or on none: {other.name} differs"
            yield host.name, line
        elif instance["peers"] and theirs["source_address"] not in instance["peers"]:
            yield (
                host.name,
                f"{where}.peers is {instance['peers']!r}, must have {theirs['source_address']!r}, "
                f"which is {other.name}",
            )


def _numbers(hosts: Sequence[Host]) -> Iterator[Finding]:
    """Virtual router IDs that hosts on one link have with other addresses, so that they hear each other."""
    first: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for host in hosts:
        links = {interface.name: interface.link for interface in host.interfaces}
        for instance in (entry for entry in instances(host) if not entry["peers"]):
            link = links.get(instance["interface"])
            key = (link or host.name, virtual_router({**instance, "interface": link}))
            other, theirs = first.setdefault(key, (host.name, set(held(instance))))
            if other != host.name and not theirs & set(held(instance)):
                yield (
                    host.name,
                    f"{ROLE}_instances ({instance['name']}).virtual_router_id is {instance['virtual_router_id']}, "
                    f"which {other} has on link {link} with other addresses: must be another",
                )


class KeepalivedVrrp(Component):
    """VIPs held by one of several hosts, by VRRP."""

    role = ROLE
    order = 50
    alone = (f"{ROLE}_instances",)

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """Wherever the inventory asks for it."""
        return bool(host.settings.get(ROLE, {}).get(f"{ROLE}_instances"))

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """All of it."""
        return self.problems(values)

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Problems of the instances."""
        found = ranges(ROLE, values, {"advertisement_interval": (0.01, 40.95)}) or step_problem(values)
        for instance in values["instances"]:
            found += instance_problems(f"{ROLE}_instances ({instance['name']})", instance)
        found += duplicates(f"{ROLE}_instances", map(virtual_router, values["instances"]))
        every = [
            f"address {addresses.bare(canonical(text))}" for one in values["instances"] for text in one["addresses"]
        ]
        found += duplicates(f"{ROLE}_instances", every)
        return found + duplicates(f"{ROLE}_instances", (entry["name"] for entry in values["instances"]))

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Hosts that hold the same addresses and disagree: then several of them hold an address, or nobody."""
        hosts = [host for host in deployment.hosts.values() if self.runs_on(host, deployment)]
        if not hosts:
            return
        owner = {
            addresses.bare(text): host.name
            for host in deployment.hosts.values()
            for interface in host.interfaces
            for text in interface.addresses
        }
        groups: dict[str, list[Member]] = {}
        for host in hosts:
            yield from _on_host(host, owner)
            for instance in instances(host):
                for address in held(instance):
                    groups.setdefault(address, []).append((host, instance))
        seen: set[tuple[str, str]] = set()
        for members in groups.values():
            for host, mine in members:
                if (host.name, mine["name"]) not in seen:
                    seen.add((host.name, mine["name"]))
                    yield from _agree(members, host, mine)
        yield from _numbers(hosts)

    def site_checks(self, states: Mapping[str, Mapping[str, Any]], deployment: Deployment) -> Iterator[Check]:
        """Of the hosts that share an address, exactly one holds it: the one of the highest priority."""
        owners: dict[str, list[tuple[int, str, bool]]] = {}
        for host in deployment.hosts.values():
            for instance in instances(host):
                for address in held(instance):
                    entry = (-instance["priority"], host.name, instance["preempt"])
                    owners.setdefault(address, []).append(entry)
        for address, members in owners.items():
            names = [name for _priority, name, _preempt in sorted(members)]
            if set(names) <= set(states):
                holders = [name for name in names if address in states[name]["addresses"]]
                # without preemption it stays with whoever took it over
                any_of_them = len(holders) == 1 and not all(preempt for _priority, _name, preempt in members)
                good = holders == names[:1] or any_of_them
                yield check("vrrp", names[0], f"holder of {address}", names[:1], holders, good)
