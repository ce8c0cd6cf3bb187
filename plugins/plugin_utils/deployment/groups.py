# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory's groups, before any variable is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

from ..checks.values import show
from .findings import INVENTORY, Finding
from .model import DIRECTORS, PROXIES, ROUTERS, TIERS

Groups = Mapping[str, Sequence[str]]

BACKENDS, CLIENTS = "backends", "clients"
KNOWN = (*TIERS, BACKENDS, CLIENTS)
# Slots of the kernel's table as it is compiled by default (ip_vs_mh.c). Further servers are listed, and ignored.
MAGLEV_MAXIMUM = 4093
# Above it the kernel's table has fewer than a hundred slots for each real server, so their shares become uneven.
MAGLEV_EVEN = 40
# a name goes into the configurations of daemons
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
ALIKE = 0.85  # of difflib: `director` and `directors` are, `web_proxies` and `proxies` are not


def hosts_of(groups: Groups) -> list[str]:
    """Hosts that the deployment is about, those of the tiers first."""
    return list(dict.fromkeys(host for group in KNOWN for host in groups.get(group) or []))


def findings(groups: Groups) -> list[Finding]:
    """All that is wrong with the groups."""
    everybody = [host for host in groups.get("all") or [] if host != "localhost"] or hosts_of(groups)
    if not everybody:
        return [(INVENTORY, "it has no hosts, must have at least a router and a proxy: is -i right?")]
    return [*_typos(groups), *_twice(groups), *_names(groups)]


def warnings(groups: Groups) -> list[str]:
    """What works, but less well than it seems."""
    proxies = len(groups.get(PROXIES) or [])
    if not groups.get(DIRECTORS) or proxies <= MAGLEV_EVEN:
        return []
    return [
        f"{INVENTORY}: group {PROXIES} has {proxies} hosts. Above {MAGLEV_EVEN}, directors spread connections less "
        f"evenly, because the kernel's Maglev table has {MAGLEV_MAXIMUM} slots"
    ]


def _typos(groups: Groups) -> Iterator[Finding]:
    """Groups that are called nearly like one of ours, and whose hosts are not in that one."""
    for name in groups:
        near = [] if name in KNOWN else difflib.get_close_matches(str(name).lower(), KNOWN, n=1, cutoff=ALIKE)
        if near and not set(groups[name]) <= set(groups.get(near[0]) or []):
            yield INVENTORY, f"group {name!r} means nothing here: did you mean {near[0]}?"


def sizes(groups: Groups) -> Iterator[Finding]:
    """Groups that lack hosts, or have too many, where routers speak BGP."""
    for group in (ROUTERS, PROXIES):
        if not groups.get(group):
            yield INVENTORY, f"group {group} is {show(groups.get(group) or [])}, must have at least one host"
    proxies = len(groups.get(PROXIES) or [])
    if groups.get(DIRECTORS) and proxies > MAGLEV_MAXIMUM:
        line = f"group {PROXIES} has {proxies} hosts, must have at most {MAGLEV_MAXIMUM} behind directors"
        yield INVENTORY, f"{line}: the kernel's Maglev table has no room for more"


def _twice(groups: Groups) -> Iterator[Finding]:
    """Hosts in two of our groups."""
    owner: dict[str, str] = {}
    for group in KNOWN:
        for host in groups.get(group) or []:
            if owner.setdefault(host, group) != group:
                yield host, f"it is in the groups {owner[host]} and {group}, must be in one of them"


def _names(groups: Groups) -> Iterator[Finding]:
    for host in hosts_of(groups):
        if not HOST_NAME.fullmatch(str(host)):
            yield (
                INVENTORY,
                f"a host is named {show(host)}, must be made of at most 253 letters, digits, '.', '_' and '-', "
                "and begin and end with a letter or a digit",
            )
        elif host in groups:
            yield host, "a group has the same name, must be another"
