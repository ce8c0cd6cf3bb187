# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the variables of hosts, whose structure is right, to a Deployment; what cannot be built is said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from .. import components
from ..checks.values import entry_name, show
from . import addresses, schema
from .findings import INVENTORY, Finding
from .groups import KNOWN
from .model import (
    DIRECTORS,
    PROXIES,
    ROUTERS,
    TIERS,
    Certificate,
    Deployment,
    End,
    Host,
    Interface,
    Listener,
    Route,
    Service,
    Session,
)
from .read import Values

SHARED = ("loadbalancer_services", "loadbalancer_backends", "loadbalancer_certificates", "loadbalancer_bgp_password")
# an application protocol runs over TCP
TRANSPORTS = {"http": "tcp", "https": "tcp"}


class Builder:
    """Builds one deployment; findings has what is wrong, and then the deployment is not to be used."""

    def __init__(
        self, groups: Mapping[str, Sequence[str]], values: Mapping[str, Values], derived: Collection[str]
    ) -> None:
        self.findings: list[Finding] = []
        self._derived = derived
        self._groups = groups
        self._values = values
        self._completed: dict[tuple[str, int], Any] = {}

    def build(self) -> Deployment:
        """The deployment."""
        hosts = {name: self._host(name, values.variables) for name, values in self._values.items()}
        first = next((name for name, host in hosts.items() if host.tier in TIERS), None)
        shared = self._completed_values(self._values[first].variables if first else {}, schema.OWN, SHARED[:3])
        services = tuple(self._services(shared["loadbalancer_services"] or []))
        backends = tuple(self._backends(shared["loadbalancer_backends"] or []))
        certificates = tuple(
            Certificate(entry["name"], tuple(entry["domains"] or ()), entry["file"])
            for entry in shared["loadbalancer_certificates"] or []
        )
        return Deployment(hosts, services, backends, certificates, tuple(sessions(hosts)))

    def _host(self, name: str, variables: Mapping[str, Any]) -> Host:
        tier = next((group for group in KNOWN if name in (self._groups.get(group) or [])), "")
        own = self._completed_values(
            variables,
            schema.OWN,
            (
                "loadbalancer_interfaces",
                "loadbalancer_fabric",
                "loadbalancer_asn",
                "loadbalancer_weight",
                "loadbalancer_announcer",
            ),
        )
        settings = self._settings(variables) if tier in TIERS else {}
        return Host(
            name=name,
            tier=tier,
            interfaces=tuple(self._interfaces(name, own["loadbalancer_interfaces"] or [])),
            fabric=own["loadbalancer_fabric"] or "",
            asn=own["loadbalancer_asn"] or 0,
            weight=own["loadbalancer_weight"],
            announcer=own["loadbalancer_announcer"],
            has_password=bool(variables.get("loadbalancer_bgp_password")),
            excluded=components.is_excluded(settings),
            settings=settings,
        )

    def _settings(self, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """What a host may set of each role, complete, by the role's name; secrets are left out."""
        return {
            role: self._completed_values(variables, role, set(schema.role(role)) - set(self._derived))
            for role in schema.names()
            if role != schema.OWN
        }

    def _completed_values(self, variables: Mapping[str, Any], role: str, names: Iterable[str]) -> dict[str, Any]:
        """Values of some of a role's variables, complete; what several hosts share is completed once."""
        options = schema.role(role)
        result = {}
        for name in names:
            value = variables.get(name)
            key = (name, id(value))
            if key not in self._completed:
                spec = {key: entry for key, entry in options[name].items() if key != "required"}
                self._completed[key] = schema.complete({name: value} if value is not None else {}, {name: spec})[name]
            if not options[name].get("no_log"):
                result[name] = self._completed[key]
        return result

    def _text(self, host: str, where: str, value: Any, parse: Callable[[Any], str]) -> list[str]:
        """The canonical text of an address; none, and a finding, where it is not what it must be."""
        try:
            return [parse(value)]
        except ValueError as error:
            self.findings.append((host, f"{where} is {show(value)}, must be {error}"))
            return []

    def _texts(self, host: str, where: str, values: Iterable[Any], parse: Callable[[Any], str]) -> tuple[str, ...]:
        return tuple(text for value in values for text in self._text(host, where, value, parse))

    def _interfaces(self, host: str, entries: Sequence[Mapping[str, Any]]) -> Iterable[Interface]:
        for index, entry in enumerate(entries):
            where = entry_name("loadbalancer_interfaces", index, entry)
            routes = [
                Route(destination, self._texts(host, f"{where}.routes.gateways", route["gateways"], addresses.address))
                for route in entry["routes"] or []
                for destination in self._text(
                    host, f"{where}.routes.destination", route["destination"], addresses.prefix
                )
            ]
            yield Interface(
                name=entry["name"],
                link=entry["link"],
                addresses=self._texts(host, f"{where}.addresses", entry["addresses"] or [], addresses.interface),
                gateways=self._texts(host, f"{where}.gateways", entry["gateways"] or [], addresses.address),
                routes=tuple(routes),
                mtu=entry["mtu"],
            )

    def _services(self, entries: Sequence[Mapping[str, Any]]) -> Iterable[Service]:
        for entry in entries:
            where = f"loadbalancer_services ({entry['name']}).vips"
            vips = self._texts(INVENTORY, where, entry["vips"], addresses.routed)
            listeners = tuple(
                Listener(
                    port=listener["port"],
                    transport=TRANSPORTS[listener["protocol"]],
                    application=listener["protocol"],
                    certificates=tuple(listener["certificates"] or ()),
                    redirect_to=listener["redirect_to"],
                )
                for listener in entry["listeners"]
            )
            declared = schema.without_none({**entry, "vips": list(vips)})
            yield Service(name=entry["name"], vips=vips, listeners=listeners, declared=declared)

    def _backends(self, entries: Sequence[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
        for entry in entries:
            servers = []
            for server in entry["servers"]:
                where = f"loadbalancer_backends ({entry['name']}).servers ({server['name']}).address"
                for text in self._text(INVENTORY, where, server["address"], addresses.server):
                    servers.append({**server, "address": text})
            yield schema.without_none({**entry, "servers": servers})


def sessions(hosts: Mapping[str, Host]) -> Iterable[Session]:
    """Routers and the hosts behind them that meet: on one link, which is the fabric of both, in one network."""
    front = DIRECTORS if any(host.tier == DIRECTORS for host in hosts.values()) else PROXIES
    behind = [host for tier in (DIRECTORS, PROXIES) for host in hosts.values() if host.tier == tier]
    on_fabric: dict[str, list[tuple[Host, Interface]]] = {}
    for node in behind:
        announcer = components.announcers().get(node.announcer)
        if announcer and (node.tier == front or announcer.brings_routes):
            for interface in node.interfaces:
                if interface.link == node.fabric:
                    on_fabric.setdefault(interface.link, []).append((node, interface))
    for router in (host for host in hosts.values() if host.tier == ROUTERS):
        for interface in (entry for entry in router.interfaces if entry.link == router.fabric):
            for node, other in on_fabric.get(interface.link, []):
                bfd = components.announcers()[node.announcer].speaks_bfd
                for mine, theirs in _addresses(interface, other):
                    yield Session(End(router.name, interface.name, mine), End(node.name, other.name, theirs), bfd=bfd)


def _addresses(one: Interface, other: Interface) -> Iterable[tuple[str, str]]:
    """Pairs of addresses of two interfaces that share a network."""
    for mine in one.addresses:
        for theirs in other.addresses:
            if addresses.is_link_local(mine) or addresses.is_link_local(theirs):
                continue
            if addresses.contains(addresses.network(mine), addresses.bare(theirs)):
                yield addresses.bare(mine), addresses.bare(theirs)
