# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a Maglev table does to new flows: the share that moves, between whom, and the first reason."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any, Optional

from .maglev import Pool, Server, build

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[Optional[str], Optional[str]]
Slot = Optional[Server]


def _shares(pool: Pool, table: Sequence[Slot]) -> dict[str | None, float]:
    """Share of new flows that each server gets; None stands for "refused"."""
    available = collections.Counter(server.name for server in table if server and server.available)
    total = sum(available.values())
    shares: dict[str | None, float] = {name: count / pool.table_size for name, count in available.items()}
    refused = 1 - total / pool.table_size
    if refused and total and "mh-fallback" in pool.flags:
        return {name: count / total for name, count in available.items()}
    if refused:
        shares[None] = refused
    return shares


def _independent(before: Mapping[str | None, float], after: Mapping[str | None, float]) -> dict[Pair, float]:
    return {(b, a): b_share * a_share for b, b_share in before.items() for a, a_share in after.items()}


def _coupled(before: Pool, after: Pool, before_table: Sequence[Slot], after_table: Sequence[Slot]) -> dict[Pair, float]:
    """Joint shares where both sides hash a flow to the same slot, and try the same slots in their fallback.

    The tries of a fallback are treated as independent draws of a slot, which is the purpose of the hash.
    """
    slots = collections.Counter(zip(before_table, after_table))
    size = before.table_size
    alone_before = _shares(before, before_table)
    alone_after = _shares(after, after_table)

    def settled(slot: Slot, pool: Pool, alone: Mapping[str | None, float]) -> bool:
        """Whether a flow that meets this slot has its answer, a server or a refusal."""
        return slot is None or slot.available or "mh-fallback" not in pool.flags or set(alone) == {None}

    def name(slot: Slot) -> str | None:
        return slot.name if slot and slot.available else None

    first: dict[Pair, float] = collections.defaultdict(float)
    neither = 0
    for (b_slot, a_slot), count in slots.items():
        b_done, a_done = settled(b_slot, before, alone_before), settled(a_slot, after, alone_after)
        share = count / size
        if b_done and a_done:
            first[name(b_slot), name(a_slot)] += share
        elif b_done:
            for a_name, a_share in alone_after.items():
                first[name(b_slot), a_name] += share * a_share
        elif a_done:
            for b_name, b_share in alone_before.items():
                first[b_name, name(a_slot)] += share * b_share
        else:
            neither += count
    # Flows that neither side has settled draw again until one has: the same distribution, scaled up.
    scale = 1 / (1 - neither / size) if neither < size else 0.0
    return {pair: share * scale for pair, share in first.items()}


def _service_difference(before: Pool, after: Pool) -> dict[str, Any] | None:
    if before.table_size != after.table_size:
        return {"kind": "table_size", "before": before.table_size, "after": after.table_size}
    if before.flags != after.flags:
        return {"kind": "flags", "before": sorted(before.flags), "after": sorted(after.flags)}
    if before.ipv6 != after.ipv6:
        families = ("ipv4", "ipv6")
        return {"kind": "family", "before": families[before.ipv6], "after": families[after.ipv6]}
    return None


def _server_difference(before: Pool, after: Pool) -> dict[str, Any] | None:
    old_names, new_names = ([server.name for server in pool.servers] for pool in (before, after))
    for name in old_names + new_names:
        if (name in old_names) != (name in new_names):
            states = ("absent", "present")
            old, new = states[name in old_names], states[name in new_names]
            return {"kind": "member", "destination": name, "before": old, "after": new}
    for place, (old, new) in enumerate(zip(old_names, new_names), start=1):
        if old != new:
            return {"kind": "order", "place": place, "before": old, "after": new}
    # The last weight shapes the table; the weight only decides who is available.
    for kind in ("last_weight", "weight", "overloaded"):
        for server, other in zip(before.servers, after.servers):
            old_value, new_value = getattr(server, kind), getattr(other, kind)
            if old_value != new_value:
                return {"kind": kind, "destination": server.name, "before": old_value, "after": new_value}
    return None


def describe(difference: Mapping[str, Any] | None, first: str = "before", second: str = "after") -> str:
    """One line for a person, with words for the two sides; empty where nothing differs."""
    if difference is None:
        return ""
    kind, old, new = difference["kind"], difference["before"], difference["after"]
    if kind == "member":
        return f"{difference['destination']} is {old} {first}, {new} {second}"
    if kind == "order":
        return f"order: place {difference['place']} in the kernel's list is {old} {first}, {new} {second}"
    if "destination" in difference:
        return f"{kind} of {difference['destination']}: {old} {first}, {new} {second}"
    return f"{kind}: {old} {first}, {new} {second}"


def _rounded(share: float) -> float:
    return round(share, 6)


def _moves(joint: Iterable[tuple[Pair, float]]) -> list[dict[str, Any]]:
    moves = [
        {"from": old, "to": new, "share": _rounded(share)}
        for (old, new), share in joint
        if old != new and share > 1e-12
    ]
    return sorted(moves, key=lambda move: (-move["share"], str(move["from"]), str(move["to"])))


def compare(before: Pool, after: Pool) -> dict[str, Any]:
    """Compare two pools.

    Returns `moved` (share 0-1 of all new flows that get another server, or are refused by one side only), `moves`
    (list of {from, to, share}, the largest first; None stands for "refused"), `equal` (the same table and the same
    servers available), `slots_changed` (of `table_size`, None for tables of two sizes), `difference` (the first one,
    or None) and `reason` (the same as a line of text).
    """
    before_table, after_table = build(before), build(after)
    same_hash = (
        before.table_size == after.table_size
        and before.ipv6 == after.ipv6
        and ("mh-port" in before.flags) == ("mh-port" in after.flags)
    )
    if same_hash:
        joint = _coupled(before, after, before_table, after_table)
    else:
        joint = _independent(_shares(before, before_table), _shares(after, after_table))
    difference = _service_difference(before, after) or _server_difference(before, after)
    moves = _moves(joint.items())
    changed = None
    if before.table_size == after.table_size:
        changed = sum((b.name if b else None) != (a.name if a else None) for b, a in zip(before_table, after_table))
    return {
        "moved": _rounded(sum(share for (old, new), share in joint.items() if old != new)),
        "moves": moves,
        "equal": not moves and changed == 0,
        "slots_changed": changed,
        "table_size": after.table_size,
        "difference": difference,
        "reason": describe(difference),
    }
