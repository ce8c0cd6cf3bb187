# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator declared, read from the module's options: canonical, without duplicates, not yet compared.

What is not given stays None, because "not given" means "leave it" in one state and "the default" in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .model import GENERIC_FLAGS, PROTOCOLS, SCHEDULER_FLAGS, ServiceKey, canonical_address, endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = (
    "scheduler",
    "scheduler_flags",
    "persistence_timeout",
    "prefix_length",
    "persistence_engine",
    "one_packet",
)
DESTINATION_FIELDS = (
    "weight",
    "forwarding",
    "tunnel_type",
    "tunnel_port",
    "tunnel_checksum",
    "upper_threshold",
    "lower_threshold",
)


class DeclarationError(Exception):
    """Something that must not be sent to the kernel. The text names the entry."""

    def __init__(self, entry: str, message: str) -> None:
        super().__init__(f"{entry}: {message}")
        self.entry = entry


@dataclass(frozen=True)
class DeclaredDestination:
    """A real server as declared; `given` has the fields that were."""

    family: str
    address: str
    port: int
    given: Mapping[str, Any]
    last_weight: int | None = None

    @property
    def name(self) -> str:
        """The "address:port" that identifies it within the service."""
        return endpoint(self.family, self.address, self.port)


@dataclass(frozen=True)
class DeclaredService:
    """A service as declared; `destinations` newest first, None where they were not given."""

    key: ServiceKey
    given: Mapping[str, Any]
    destinations: tuple[DeclaredDestination, ...] | None

    @property
    def entry(self) -> str:
        """How messages name it."""
        return f"service {self.key}"


def _in_range(entry: str, name: str, value: int | None, lowest: int, highest: int) -> None:
    if value is not None and not lowest <= value <= highest:
        raise DeclarationError(entry, f"{name} is {value}, it must be {lowest} to {highest}")


def _key(options: Mapping[str, Any], place: int) -> ServiceKey:
    entry = f"services entry {place}"
    address, fwmark, port, family = (options.get(name) for name in ("address", "fwmark", "port", "family"))
    if (address is None) == (fwmark is None):
        raise DeclarationError(entry, "it needs an address or a fwmark, and not both")
    if fwmark is not None:
        _in_range(entry, "fwmark", fwmark, 1, 2**32 - 1)
        if port is not None:
            raise DeclarationError(entry, "a fwmark service has no port")
        return ServiceKey(family or "ipv4", fwmark=fwmark)
    entry += f" ({address})"
    try:
        found, address = canonical_address(str(address))
    except ValueError as error:
        raise DeclarationError(entry, f"address {error}") from None
    if family not in (None, found):
        raise DeclarationError(entry, f"family is {family}, but the address is {found}")
    if port is None:
        raise DeclarationError(entry, "it needs a port")
    _in_range(entry, "port", port, 0, 65535)
    protocol = options.get("protocol") or "tcp"
    if protocol not in PROTOCOLS:
        raise DeclarationError(entry, f"protocol {protocol!r}: known are {', '.join(PROTOCOLS)}")
    return ServiceKey(found, protocol=protocol, address=address, port=port)


def canonical_flags(scheduler: str, flags: Sequence[str], entry: str) -> frozenset[str]:
    """The scheduler's own names of its flags ("flag-1" is "mh-fallback" for mh)."""
    named = SCHEDULER_FLAGS.get(scheduler, {})
    names = {bit: name for name, bit in (*GENERIC_FLAGS.items(), *named.items())}
    bits = {**GENERIC_FLAGS, **named}
    for flag in flags:
        if flag not in bits:
            known = ", ".join(sorted(named)) or "none by name"
            raise DeclarationError(entry, f"scheduler flag {flag!r}: {scheduler} knows {known}")
    return frozenset(names[bits[flag]] for flag in flags)


def _destination(options: Mapping[str, Any], service: ServiceKey, place: int) -> DeclaredDestination:
    entry = f"service {service}, destination {place}"
    if options.get("address") is None:
        raise DeclarationError(entry, "it needs an address")
    entry += f" ({options['address']})"
    try:
        family, address = canonical_address(options["address"])
    except ValueError as error:
        raise DeclarationError(entry, f"address {error}") from None
    port = options.get("port")
    if port is None:
        port = service.port
    _in_range(entry, "port", port, 0, 65535)
    _in_range(entry, "last_weight", options.get("last_weight"), 0, 65535)
    given = {name: options[name] for name in DESTINATION_FIELDS if options.get(name) is not None}
    return DeclaredDestination(family, address, port, given, options.get("last_weight"))


def declare(services: Sequence[Mapping[str, Any]], newest_first: bool = False) -> list[DeclaredService]:
    """Read the option `services`. Raises DeclarationError.

    Destinations are declared in the order in which they are added (as in keepalived's file), or newest first.
    """
    declared: dict[ServiceKey, DeclaredService] = {}
    for place, options in enumerate(services, start=1):
        key = _key(options, place)
        entry = f"service {key}"
        if key in declared:
            raise DeclarationError(entry, f"declared twice (services entry {place})")
        destinations = None
        if options.get("destinations") is not None:
            read = [_destination(item, key, number) for number, item in enumerate(options["destinations"], start=1)]
            seen: set[str] = set()
            for destination in read:
                if destination.name in seen:
                    raise DeclarationError(entry, f"destination {destination.name} is declared twice")
                seen.add(destination.name)
            destinations = tuple(read if newest_first else reversed(read))
        given = {name: options[name] for name in SETTINGS if options.get(name) is not None}
        declared[key] = DeclaredService(key, given, destinations)
    return list(declared.values())
