# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for the lines of a prefix list that a change of other lines leaves alone."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# FRR numbers lines from 1 to 4294967295; the last is left to a line that comes after all of these.
NUMBERS = 4294967294


def first_choice(prefix: str) -> int:
    """The number that a prefix has wherever it is free, made of nothing but the prefix."""
    return int.from_bytes(hashlib.sha256(prefix.encode()).digest()[:8], "big") % NUMBERS + 1


def prefix_list_entries(prefixes: Iterable[str]) -> list[dict[str, Any]]:
    """Lines of a prefix list, in the order of their numbers; what is given twice is one line."""
    taken: dict[int, str] = {}
    for prefix in sorted({str(ipaddress.ip_network(str(prefix), strict=False)) for prefix in prefixes}):
        sequence = first_choice(prefix)
        while sequence in taken:  # 1 in 8,000 for 1,000 prefixes
            sequence = sequence % NUMBERS + 1
        taken[sequence] = prefix
    return [{"sequence": sequence, "prefix": taken[sequence]} for sequence in sorted(taken)]


class FilterModule:
    """The filter for prefix lists."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"prefix_list_entries": prefix_list_entries}
