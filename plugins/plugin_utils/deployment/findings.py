# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: a host, and a line with variable, value and what would be right."""

from __future__ import annotations

from collections.abc import Iterable

Finding = tuple[str, str]

INVENTORY = "inventory"
NAMED_HOSTS = 4  # in one line


def merged(findings: Iterable[Finding]) -> list[str]:
    """Lines that begin with the host; what several hosts have alike is said once."""
    owners: dict[str, list[str]] = {}
    for host, line in findings:
        hosts = owners.setdefault(line, [])
        if host not in hosts:
            hosts.append(host)
    lines = []
    for line, hosts in owners.items():
        # text of the inventory, which may hold newlines and what terminals obey
        line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)
        more = f" and {len(hosts) - NAMED_HOSTS} more" if len(hosts) > NAMED_HOSTS else ""
        lines.append(f"{', '.join(hosts[:NAMED_HOSTS])}{more}: {line}")
    return lines
