# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment: what an inventory describes, compiled once, read by everything, changed by nothing.

Addresses are canonical text (addresses.py), every default is filled in, and no secret is in it. It travels between
plays as plain data, which `to_data` makes and `from_data` reads.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from . import addresses

ROUTERS, DIRECTORS, PROXIES = "routers", "directors", "proxies"
TIERS = (ROUTERS, DIRECTORS, PROXIES)  # the front one first


@dataclasses.dataclass(frozen=True)
class Route:
    """A static route of an interface."""

    destination: str
    gateways: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Interface:
    """An interface of a host; addresses have prefix lengths; mtu in bytes, None where the inventory says nothing."""

    name: str
    link: str
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    mtu: int | None = None


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of one of the tiers, a backend or a client; settings are the roles' variables that it sets, complete.

    excluded is a host that the operator has taken out of the pool.
    """

    name: str
    tier: str
    interfaces: tuple[Interface, ...]
    fabric: str = ""
    asn: int = 0
    weight: int = 1
    announcer: str = ""
    has_password: bool = False
    excluded: bool = False
    settings: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def fabric_addresses(self) -> list[str]:
        """Its addresses on the fabric link, without prefix lengths, link-local ones left out."""
        return [addresses.bare(text) for text in self.on_link(self.fabric)]

    def on_link(self, link: str) -> list[str]:
        """Its addresses on a link, with prefix lengths, link-local ones left out."""
        return [
            text
            for interface in self.interfaces
            if interface.link == link
            for text in interface.addresses
            if not addresses.is_link_local(text)
        ]

    @property
    def router_id(self) -> str:
        """Its first IPv4 address on the fabric link, which nobody else has; empty where there is none."""
        return next((text for text in self.fabric_addresses() if not addresses.is_ipv6(text)), "")


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a session."""

    host: str
    interface: str
    address: str


@dataclasses.dataclass(frozen=True)
class Session:
    """Two hosts that speak BGP over a link that both are on, whether BFD watches it, and what may pass (policy)."""

    router: End
    node: End
    policy: str = "fabric"
    bfd: bool = True


@dataclasses.dataclass(frozen=True)
class HealthCheck:
    """How one machine finds out that another can serve; path and host are of HTTP."""

    type: str
    port: int
    path: str = "/"
    host: str | None = None


@dataclasses.dataclass(frozen=True)
class Listener:
    """A port of a service: transport is tcp or udp, application http, https or none."""

    port: int
    transport: str
    application: str
    certificates: tuple[str, ...] = ()
    redirect_to: str | None = None

    @property
    def socket(self) -> str:
        """Port and transport."""
        return f"{self.port}/{self.transport}"


@dataclasses.dataclass(frozen=True)
class Service:
    """What clients reach; `declared` is its entry in loadbalancer_services, complete."""

    name: str
    vips: tuple[str, ...]
    listeners: tuple[Listener, ...]
    declared: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class RealServer:
    """What IPVS forwards to."""

    name: str
    addresses: tuple[str, ...]
    weight: int


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate; its key, and its text where the inventory has that, are not here."""

    name: str
    domains: tuple[str, ...]
    file: str | None = None


@dataclasses.dataclass(frozen=True)
class Deployment:
    """All of it. The order of hosts in a tier is the inventory's, which is the Maglev order of proxies."""

    hosts: dict[str, Host]
    services: tuple[Service, ...]
    backends: tuple[dict[str, Any], ...]
    certificates: tuple[Certificate, ...]
    sessions: tuple[Session, ...]

    def tier(self, name: str) -> list[Host]:
        """Hosts of a tier, a group name."""
        return [host for host in self.hosts.values() if host.tier == name]

    @property
    def members(self) -> list[Host]:
        """Hosts of all tiers."""
        return [host for tier in TIERS for host in self.tier(tier)]

    @property
    def routed(self) -> bool:
        """Routers lead clients to the VIPs, and not VRRP."""
        return any(host.tier == ROUTERS for host in self.hosts.values())

    @property
    def has_directors(self) -> bool:
        """Three tiers, not two."""
        return any(host.tier == DIRECTORS for host in self.hosts.values())

    @property
    def announcing_tier(self) -> str:
        """The tier that announces VIPs to the routers."""
        return DIRECTORS if self.has_directors else PROXIES

    def announces(self, host: Host) -> bool:
        """Whether a host announces VIPs."""
        return host.tier == self.announcing_tier

    @property
    def vips(self) -> list[str]:
        """All VIPs once, in the order of the services."""
        return list(dict.fromkeys(vip for service in self.services for vip in service.vips))

    def neighbors(self, host: Host) -> list[End]:
        """The far ends of a host's sessions, in the inventory's order."""
        return [s.node for s in self.sessions if s.router.host == host.name] + [
            s.router for s in self.sessions if s.node.host == host.name
        ]

    def has_bfd(self, one: Host, other: Host) -> bool:
        """Whether BFD watches the sessions between two hosts."""
        ends = {one.name, other.name}
        return any(session.bfd for session in self.sessions if {session.router.host, session.node.host} == ends)

    def real_servers(self) -> list[RealServer]:
        """Proxies as real servers, in Maglev order, by their addresses on the link that they share with directors."""
        links = {director.fabric for director in self.tier(DIRECTORS)}
        return [
            RealServer(proxy.name, tuple(proxy.fabric_addresses()), proxy.weight)
            for proxy in self.tier(PROXIES)
            if proxy.fabric in links
        ]


def to_data(value: Any) -> Any:
    """The same in dictionaries, lists and scalars; shared parts stay shared."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_data(entry) for entry in value]
    if isinstance(value, dict):
        return {key: to_data(entry) for key, entry in value.items()}
    return value


def from_data(data: Mapping[str, Any]) -> Deployment:
    """The deployment of what `to_data` made; what else is beside it is left alone."""
    built: Deployment = _build(Deployment, {field.name: data[field.name] for field in dataclasses.fields(Deployment)})
    return built


def _build(kind: Any, data: Any) -> Any:
    """A value of a type, of the plain data that `to_data` makes of one."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _build(hints[name], entry) for name, entry in data.items()})  # type: ignore[operator]
    if origin is tuple:
        return tuple(_build(arguments[0], entry) for entry in data)
    if origin is dict and dataclasses.is_dataclass(arguments[1]):
        return {key: _build(arguments[1], entry) for key, entry in data.items()}
    if origin is types.UnionType and data is not None:
        return _build(arguments[0], data)
    return data
