# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that a service must keep before it is sent to the kernel, which would refuse it late or, worse, accept it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ..maglev import address_word
from .declaration import DeclarationError
from .model import (
    FORWARDINGS,
    MAGLEV,
    SCHEDULERS,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    Destination,
    Service,
    ServiceKey,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_PERSISTENCE = 31 * 86400  # seconds, as ipvsadm limits it


def _in_range(entry: str, name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise DeclarationError(entry, f"{name} is {value}, it must be {lowest} to {highest}")


def _one_of(entry: str, name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise DeclarationError(entry, f"unknown {name} {value!r}, known are {', '.join(known)}")


def check_settings(key: ServiceKey, settings: Settings) -> None:
    """Raises DeclarationError."""
    entry = f"service {key}"
    _one_of(entry, "scheduler", settings.scheduler, SCHEDULERS)
    _in_range(entry, "persistence_timeout", settings.persistence_timeout, 0, _LONGEST_PERSISTENCE)
    _in_range(entry, "prefix_length", settings.prefix_length, 1, 32 if key.family == "ipv4" else 128)
    if not key.fwmark and key.port == 0 and not settings.persistence_timeout:
        raise DeclarationError(entry, "port 0 (any port) needs a persistence_timeout")
    if settings.one_packet and not key.fwmark and key.protocol != "udp":
        raise DeclarationError(entry, f"one_packet is for udp, not for {key.protocol}")
    if len(settings.persistence_engine) > 15:
        raise DeclarationError(entry, "persistence_engine is longer than 15 characters")


def _check_address(entry: str, destination: Destination) -> None:
    address = destination.address
    if destination.family == "ipv4":
        good = 0 < int(address.split(".")[0]) < 224
    else:
        good = address != "::" and not address.startswith("ff")
        if address[:3] in ("fe8", "fe9", "fea", "feb"):
            raise DeclarationError(entry, f"address {address} is a link-local address")
    if not good:
        raise DeclarationError(entry, f"address {address} is not the address of a host")


def check_destination(key: ServiceKey, destination: Destination) -> None:
    """Raises DeclarationError."""
    entry = f"service {key}, destination {destination.name}"
    _one_of(entry, "forwarding", destination.forwarding, FORWARDINGS)
    _check_address(entry, destination)
    _in_range(entry, "weight", destination.weight, 0, 65535)
    _in_range(entry, "upper_threshold", destination.upper_threshold, 0, 2**31 - 1)
    _in_range(entry, "lower_threshold", destination.lower_threshold, 0, 2**31 - 1)
    if destination.lower_threshold > destination.upper_threshold:
        raise DeclarationError(entry, "lower_threshold is greater than upper_threshold")
    if destination.forwarding != "tunnel" and destination.family != key.family:
        raise DeclarationError(
            entry,
            f"an {_name(destination.family)} real server behind an {_name(key.family)} service needs "
            f"forwarding: tunnel, not {destination.forwarding}",
        )
    if destination.forwarding != "masquerade" and destination.port != key.port:
        raise DeclarationError(
            entry,
            f"with forwarding: {destination.forwarding} packets keep their port, so the destination's port must be "
            f"{key.port}" + (" (or left out)" if not key.fwmark else " for a fwmark service (or left out)"),
        )
    if key.port and destination.port == 0:
        raise DeclarationError(entry, "port 0 is not a port to send to")
    if destination.forwarding == "tunnel":
        _check_tunnel(entry, destination)


def _check_tunnel(entry: str, destination: Destination) -> None:
    kind = destination.tunnel_type
    _one_of(entry, "tunnel_type", kind, TUNNEL_TYPES)
    _one_of(entry, "tunnel_checksum", destination.tunnel_checksum, TUNNEL_CHECKSUMS)
    _in_range(entry, "tunnel_port", destination.tunnel_port, 0, 65535)
    if kind == "gue" and not destination.tunnel_port:
        raise DeclarationError(entry, "tunnel_type: gue needs a tunnel_port")
    if kind != "gue" and destination.tunnel_port:
        raise DeclarationError(entry, f"tunnel_port is for tunnel_type: gue, not for {kind}")
    if kind == "ipip" and destination.tunnel_checksum != "none":
        raise DeclarationError(entry, "tunnel_checksum is for tunnel_type: gue and gre, not for ipip")
    if kind == "gre" and destination.tunnel_checksum == "remote":
        raise DeclarationError(entry, "tunnel_checksum: remote is for tunnel_type: gue, not for gre")


def _name(family: str) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}[family]


def check_service(service: Service, maglev_table_size: int, sync_runs: bool) -> None:
    """What concerns all destinations of a service together. Raises DeclarationError."""
    entry = f"service {service.key}"
    if service.settings.scheduler == MAGLEV and len(service.destinations) > maglev_table_size:
        raise DeclarationError(
            entry,
            f"{len(service.destinations)} destinations, but the table of the scheduler mh has {maglev_table_size} "
            "slots: the kernel would list all and use only some",
        )
    foreign = [item.name for item in service.destinations if item.family != service.key.family]
    if foreign and sync_runs:
        raise DeclarationError(
            entry,
            f"destination {foreign[0]} is of another family than the service, which the kernel refuses while a "
            "connection synchronisation daemon runs",
        )


def alike(service: Service) -> list[tuple[str, str]]:
    """Pairs of destinations that walk a Maglev table alike, so that losing one moves many flows of the others."""
    if service.settings.scheduler != MAGLEV:
        return []
    first: dict[int, str] = {}
    pairs = []
    for destination in service.destinations:
        word = address_word(ipaddress.ip_address(destination.address), service.key.family == "ipv6")
        word = word + destination.port & 0xFFFFFFFF
        if word in first:
            pairs.append((first[word], destination.name))
        first.setdefault(word, destination.name)
    return pairs
