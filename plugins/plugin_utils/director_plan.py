# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of the inventory would do to the directors' Maglev tables, before anything is changed.

Live tables are services as ipvs_info returns them. A director that reloads keepalived keeps the places of the remaining
real servers, puts new ones in front, and leaves failed ones at weight 0; that is what this predicts.
Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..module_utils import maglev, maglev_diff
from ..module_utils.ipvs.merge import kernel_order
from ..module_utils.ipvs.model import canonical_address, endpoint
from . import ipvs_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Service = dict[str, Any]


def wanted_services(services: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]) -> dict[str, Service]:
    """What the inventory asks for, by name of the virtual service; destinations in the kernel's order after a start."""
    wanted = {}
    for service in ipvs_tables.virtual_services(services, servers):
        family, address = canonical_address(service["address"])
        name = f"{service['protocol']} {endpoint(family, address, service['port'])}"
        wanted[name] = {
            **service,
            "name": name,
            "family": family,
            "address": address,
            "scheduler": "mh",
            "scheduler_flags": ["mh-fallback", "mh-port"],
            "destinations": [_destination(entry, service["port"]) for entry in reversed(service["destinations"])],
        }
    return wanted


def _destination(entry: Mapping[str, Any], port: int) -> dict[str, Any]:
    family, address = canonical_address(entry["address"])
    return {"name": endpoint(family, address, port), "address": address, "port": port, "weight": entry["weight"]}


def after_reload(current: Mapping[str, Any] | None, wanted: Service) -> Service:
    """The service as a director has it after a reload."""
    if current is None:
        return wanted
    old = {item["name"]: item for item in current["destinations"]}
    new = {item["name"]: item for item in wanted["destinations"]}
    destinations = []
    for name in kernel_order(list(old), list(new)):
        item = dict(new[name])
        if name in old and old[name]["weight"] == 0:
            item.update(weight=0, last_weight=new[name]["weight"])
        destinations.append(item)
    return {**wanted, "maglev_table_size": current.get("maglev_table_size"), "destinations": destinations}


def _pool(service: Mapping[str, Any], wanted: Service | None) -> maglev.Pool:
    """A pool of a live service; a server at weight 0 is assumed to have kept the slots of its wanted weight."""
    weights = {item["name"]: item["weight"] for item in (wanted or {}).get("destinations", [])}
    destinations = [
        {**item, "last_weight": weights.get(item["name"], item.get("last_weight"))} if item["weight"] == 0 else item
        for item in service["destinations"]
    ]
    return maglev.pool_of({**service, "destinations": destinations})


def _director(name: str, current: Mapping[str, Any] | None, wanted: Service | None) -> dict[str, Any]:
    """What changes for one service on one director."""
    old = {item["name"]: item for item in current["destinations"]} if current else {}
    new = {item["name"]: item for item in wanted["destinations"]} if wanted else {}
    result: dict[str, Any] = {
        "director": name,
        "come": [item for item in reversed(new) if item not in old],
        "go": [item for item in reversed(old) if item not in new],
        "active_connections": {
            item: entry["active_connections"] for item, entry in old.items() if entry.get("active_connections")
        },
        "weights": [
            {"destination": item, "before": old[item]["weight"], "after": new[item]["weight"]}
            for item in reversed(new)
            if item in old and old[item]["weight"] not in (0, new[item]["weight"])
        ],
        "down": [item for item in reversed(old) if old[item]["weight"] == 0],
        "moved": 0.0,
        "moves": [],
        "reason": "",
    }
    if current is None or wanted is None:
        result["reason"] = "the service is new" if wanted else "the service goes"
    elif current["scheduler"] != "mh":
        result["reason"] = f"the scheduler is {current['scheduler']}, it becomes mh"
        result["moved"] = None
    else:
        difference = maglev_diff.compare(_pool(current, wanted), _pool(after_reload(current, wanted), wanted))
        result.update({key: difference[key] for key in ("moved", "moves", "reason")})
    return result


def _disagreement(services: Mapping[str, Mapping[str, Any] | None], wanted: Service | None) -> list[dict[str, Any]]:
    """Directors whose table is not that of the first one."""
    names = list(services)
    found = []
    first = services[names[0]]
    for name in names[1:]:
        other = services[name]
        entry: dict[str, Any] = {
            "directors": [names[0], name],
            "share": 1.0,
            "reason": "one has no such Maglev service",
        }
        if first and other and first["scheduler"] == other["scheduler"] == "mh":
            difference = maglev_diff.compare(_pool(first, wanted), _pool(other, wanted))
            if not difference["slots_changed"] and not difference["moved"]:
                continue
            entry.update(share=difference["moved"], reason=difference["reason"])
        elif first is other is None:
            continue
        found.append(entry)
    return found


def _service(name: str, live: Mapping[str, Mapping[str, Any] | None], wanted: Service | None) -> dict[str, Any]:
    after: dict[str, Mapping[str, Any] | None] = {
        director: after_reload(current, wanted) if wanted else None for director, current in live.items()
    }
    directors = [_director(director, current, wanted) for director, current in live.items()]
    fresh = bool(wanted) and any(
        [item["name"] for item in service["destinations"]] != [item["name"] for item in (wanted or {})["destinations"]]
        for service in after.values()
        if service
    )
    return {
        "service": name,
        "directors": directors,
        "changes": any(item["come"] or item["go"] or item["weights"] or item["moved"] != 0 for item in directors)
        or any((current is None) != (wanted is None) for current in live.values()),
        "disagreement_now": _disagreement(live, wanted),
        "disagreement_after": _disagreement(after, wanted),
        "restart_changes_order": fresh,
    }


REPAIR = "multitier.loadbalancer.ipvs (state: present, reorder: true)"


def _steps_now(entry: Mapping[str, Any]) -> list[str]:
    steps = [
        f"Now: {' and '.join(pair['directors'])} differ in {entry['service']} ({pair['reason']}; "
        f"{pair['share']:.1%} of new flows). Put the order right with {REPAIR}."
        for pair in entry["disagreement_now"]
    ]
    return steps + [
        f"Now: {name} takes no new flows on {item['director']}. Find out why, or go on without it."
        for item in entry["directors"]
        for name in item["down"]
        if name not in item["go"]
    ]


def _steps_before(entry: Mapping[str, Any]) -> list[str]:
    return [
        f"Before: drain {name}, it has {item['active_connections'][name]} active connections on {item['director']}."
        for item in entry["directors"]
        for name in item["go"]
        if name in item["active_connections"]
    ]


def _steps_after(entry: Mapping[str, Any]) -> list[str]:
    if not entry["disagreement_after"] and not entry["restart_changes_order"]:
        return []
    return [
        f"After: a director that restarts has another order in {entry['service']} than one that reloads. Append new "
        f"proxies at the end of their group, or put the order right afterwards with {REPAIR}."
    ]


def _first(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to do before the change, and after it, in this order."""
    steps = [step for of in (_steps_now, _steps_before, _steps_after) for entry in services for step in of(entry)]
    return list(dict.fromkeys(steps))


def plan(
    live: Mapping[str, Sequence[Mapping[str, Any]]],
    services: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """See the filter director_plan, which documents the result."""
    wanted = wanted_services(services, servers)
    tables = {director: {item["name"]: item for item in items} for director, items in live.items()}
    names = sorted({*wanted, *(name for table in tables.values() for name in table)})
    entries = [
        _service(name, {director: table.get(name) for director, table in tables.items()}, wanted.get(name))
        for name in names
    ]
    moved = [item["moved"] for entry in entries for item in entry["directors"] if item["moved"] is not None]
    return {
        "changes": any(entry["changes"] for entry in entries),
        "agree_now": not any(entry["disagreement_now"] for entry in entries),
        "agree_after": not any(entry["disagreement_after"] for entry in entries),
        "moved": max(moved, default=0.0),
        "services": entries,
        "first": _first(entries),
    }


def _cells(entry: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    weights = [f"{change['destination']} {change['before']}->{change['after']}" for change in item["weights"]]
    changes = [f"+{name}" for name in item["come"]] + [f"-{name}" for name in item["go"]] + weights
    moved = "?" if item["moved"] is None else f"{item['moved']:.2%}"
    return [entry["service"], item["director"], " ".join(changes) or "-", moved, item["reason"] or "no change"]


def table(result: Mapping[str, Any]) -> list[str]:
    """The plan for a person, in lines."""
    rows = [["service", "director", "real servers", "new flows moved", "first difference"]]
    rows += [_cells(entry, item) for entry in result["services"] for item in entry["directors"]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    yes = {True: "agree", False: "DIFFER"}
    lines.append(f"directors now: {yes[result['agree_now']]}; after the change: {yes[result['agree_after']]}")
    return lines + (result["first"] or ["Nothing to do first."])
