# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an IPVS table becomes: a declared service merged into the existing one. Pure functions on the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .declaration import DeclarationError, canonical_flags
from .model import Destination, Service, ServiceKey, Settings
from .rules import check_destination, check_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .declaration import DeclaredDestination, DeclaredService


def settings_of(declared: DeclaredService, base: Settings | None) -> Settings:
    """Settings as declared; what was not given is as in `base`, or the default. Raises DeclarationError."""
    if base is None:
        base = Settings(prefix_length=32 if declared.key.family == "ipv4" else 128)
    given: dict[str, Any] = dict(declared.given)
    scheduler = given.get("scheduler", base.scheduler)
    if "scheduler_flags" in given:
        given["scheduler_flags"] = canonical_flags(scheduler, given["scheduler_flags"], declared.entry)
    elif scheduler != base.scheduler:
        # The bits would mean something else to another scheduler.
        given["scheduler_flags"] = frozenset()
    settings = replace(base, **given)
    check_settings(declared.key, settings)
    return settings


def destination_of(declared: DeclaredDestination, base: Destination | None, key: ServiceKey) -> Destination:
    """A destination as declared; what was not given is as in `base`, or the default. Raises DeclarationError."""
    if base is None:
        base = Destination(declared.family, declared.address, declared.port)
    given: dict[str, Any] = dict(declared.given)
    forwarding = given.get("forwarding", base.forwarding)
    tunnel = {"tunnel_type": "ipip", "tunnel_port": 0, "tunnel_checksum": "none"}
    if forwarding != "tunnel":
        superfluous = sorted(set(tunnel) & set(given))
        if superfluous:
            raise DeclarationError(
                f"service {key}, destination {declared.name}",
                f"{superfluous[0]} is for forwarding: tunnel, not for {forwarding}",
            )
        given.update(tunnel)
    elif given.get("tunnel_type", base.tunnel_type) != base.tunnel_type:
        # A port or a checksum of the old type does not pass to the new one.
        given = {**tunnel, **given}
    merged = replace(base, **given)
    check_destination(key, merged)
    return merged


def present_order(current: Sequence[str], declared: Sequence[str]) -> list[str]:
    """Names newest first, with the declared ones in their declared order and the others where they are.

    New ones come in at the front, where the kernel puts them; then the declared ones share out the places they hold.
    """
    wanted, here = set(declared), set(current)
    joined = [name for name in declared if name not in here] + list(current)
    in_order = iter(declared)
    return [next(in_order) if name in wanted else name for name in joined]


def kernel_order(current: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Names newest first as they end up if nothing is moved: new ones in front, the others where they are."""
    here, there = set(current), set(wanted)
    return [name for name in wanted if name not in here] + [name for name in current if name in there]


def kept_places(current: Sequence[str], wanted: Sequence[str]) -> int:
    """How many names at the end of `wanted` can stay as they are; all before them must be added (again).

    A destination is always added at the front, so what stays is the longest end of `wanted` in `current`'s order.
    """
    places = {name: place for place, name in enumerate(current)}
    last = len(current)
    kept = 0
    for name in reversed(wanted):
        place = places.get(name, last)
        if place >= last:
            break
        last = place
        kept += 1
    return kept


def laid_over(declared: DeclaredService, current: Service | None, exactly: bool) -> tuple[Service, list[str]]:
    """(the service with the declaration laid over it, names in the declared order newest first).

    Its destinations are in the order that the kernel gives them if nothing is moved.
    With `exactly` nothing is left that was not declared. Raises DeclarationError.
    """
    settings = settings_of(declared, None if exactly or current is None else current.settings)
    existing = {item.name: item for item in current.destinations} if current else {}
    merged = {
        item.name: destination_of(item, None if exactly else existing.get(item.name), declared.key)
        for item in declared.destinations or ()
    }
    names = list(merged)
    wanted = names if exactly else present_order(list(existing), names)
    order = kernel_order(list(existing), wanted)
    everything = {**existing, **merged}
    return Service(declared.key, settings, tuple(everything[name] for name in order)), wanted


def with_order(service: Service, names: Sequence[str]) -> Service:
    """The same service with its destinations in another order."""
    by_name = {item.name: item for item in service.destinations}
    return replace(service, destinations=tuple(by_name[name] for name in names))
