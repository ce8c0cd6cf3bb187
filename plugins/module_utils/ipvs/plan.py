# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the current table and a declaration to the fewest operations, and to the resulting table. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..maglev import DEFAULT_TABLE_SIZE, assumed_last_weight
from . import merge
from .model import MAGLEV, Destination, Service, ServiceKey
from .operations import Operation
from .rules import check_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .declaration import DeclaredService

Batch = tuple[Operation, ...]


@dataclass(frozen=True)
class OutOfOrder:
    """A service with all its destinations, but not in the declared order. Names newest first."""

    service: ServiceKey
    current: list[str]
    declared: list[str]


@dataclass
class Plan:
    """Operations, in batches that belong together, and the affected services before and after them."""

    batches: list[Batch] = field(default_factory=list)
    before: list[Service] = field(default_factory=list)
    after: list[Service] = field(default_factory=list)
    out_of_order: list[OutOfOrder] = field(default_factory=list)
    moves: bool = False  # whether a destination is deleted and added again, to change its place

    @property
    def operations(self) -> list[Operation]:
        """All operations, one after the other."""
        return [operation for batch in self.batches for operation in batch]


def make_plan(
    current: Sequence[Service],
    declared: Sequence[DeclaredService],
    state: str,
    reorder: bool = False,
    maglev_table_size: int = DEFAULT_TABLE_SIZE,
    sync_runs: bool = False,
) -> Plan:
    """Plan for a state: present, replaced, overridden or absent. Raises DeclarationError, before anything is done."""
    existing = {service.key: service for service in current}
    named = [service.key for service in declared]
    concerned = sorted(existing) if state == "overridden" else sorted(key for key in named if key in existing)
    plan = Plan(before=[existing[key] for key in concerned])
    if state == "absent":
        _plan_absent(plan, existing, declared)
    else:
        for service in declared:
            after = _plan_service(plan, service, existing.get(service.key), state != "present", reorder)
            check_service(after, maglev_table_size, sync_runs)
            plan.after.append(after)
        if state == "overridden":
            surplus = [key for key in concerned if key not in named]
            plan.batches += [(Operation("delete_service", key),) for key in surplus]
    plan.after.sort(key=lambda service: service.key)
    return plan


def _plan_absent(plan: Plan, existing: Mapping[ServiceKey, Service], declared: Sequence[DeclaredService]) -> None:
    for service in declared:
        current = existing.get(service.key)
        if current is None:
            continue
        if service.destinations is None:
            plan.batches.append((Operation("delete_service", service.key),))
            continue
        unwanted = {item.name for item in service.destinations}
        for item in current.destinations:
            if item.name in unwanted:
                plan.batches.append((_delete(service.key, item),))
        left = tuple(item for item in current.destinations if item.name not in unwanted)
        plan.after.append(replace(current, destinations=left, counters=None))


def _plan_service(
    plan: Plan, declared: DeclaredService, current: Service | None, exactly: bool, reorder: bool
) -> Service:
    """Append one service's operations; returns it as it will be."""
    after, wanted = merge.laid_over(declared, current, exactly)
    if current is None:
        plan.batches.append((Operation("add_service", after.key, settings=after.settings),))
    elif current.settings != after.settings:
        plan.batches.append((Operation("edit_service", after.key, settings=after.settings),))
    before = {item.name: item for item in current.destinations} if current else {}
    unmoved = [item.name for item in after.destinations]
    if unmoved != wanted and reorder:
        after = merge.with_order(after, wanted)
    elif unmoved != wanted:
        plan.out_of_order.append(OutOfOrder(after.key, unmoved, wanted))
    names = [item.name for item in after.destinations]
    left = set(names)
    front = len(names) - merge.kept_places([name for name in before if name in left], names)
    added, kept = after.destinations[:front], after.destinations[front:]
    given, assumed = _last_weights(declared, after)
    plan.batches += [
        _edit(after.key, before[item.name], item, given.get(item.name)) for item in kept if item != before[item.name]
    ]
    for item in reversed(added):
        batch = _add(after.key, item, given.get(item.name, assumed))
        if item.name in before:
            plan.moves = True
            batch = (_delete(after.key, item), *batch)
        plan.batches.append(batch)
    plan.batches += [(_delete(after.key, item),) for name, item in before.items() if name not in left]
    return after


def _last_weights(declared: DeclaredService, after: Service) -> tuple[dict[str, int], int]:
    """Weights whose slots destinations at weight 0 are to have in a table: (declared ones by name, the others')."""
    if after.settings.scheduler != MAGLEV:
        return {}, 0
    given = {item.name: item.last_weight for item in declared.destinations or () if item.last_weight is not None}
    return given, assumed_last_weight([item.weight for item in after.destinations])


def _delete(key: ServiceKey, destination: Destination) -> Operation:
    return Operation("delete_destination", key, destination=replace(destination, counters=None))


def _edit(key: ServiceKey, before: Destination, after: Destination, last_weight: int | None) -> Batch:
    """Edit a destination. One that goes to weight 0 keeps its slots, or gets those of its declared last weight."""
    edit = Operation("edit_destination", key, destination=after)
    if last_weight and before.weight and not after.weight and before.weight != last_weight:
        return (Operation("edit_destination", key, destination=replace(after, weight=last_weight)), edit)
    return (edit,)


def _add(key: ServiceKey, destination: Destination, last_weight: int) -> Batch:
    """Add a destination. One that is at weight 0 first gets the weight whose slots it is to keep, then 0."""
    if destination.weight or not last_weight:
        return (Operation("add_destination", key, destination=destination),)
    return (
        Operation("add_destination", key, destination=replace(destination, weight=last_weight)),
        Operation("edit_destination", key, destination=destination),
    )
