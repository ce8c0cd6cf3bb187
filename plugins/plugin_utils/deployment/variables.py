# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the names and the structure of variables, before a deployment can be built of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..checks.structure import meant, structure_problems, unset_problem
from ..checks.values import show
from . import read, schema
from .findings import Finding
from .model import TIERS

# what a host of one of the tiers must have, beside what the schema requires of everybody
REQUIRED = (
    "loadbalancer_interfaces",
    "loadbalancer_fabric",
    "loadbalancer_asn",
    "loadbalancer_services",
    "loadbalancer_backends",
)
SECRET = ("passw", "secret", "pem", "key")


class Checker:
    """Checks hosts one after the other; a value that several of them share is checked once."""

    def __init__(self, derived: Mapping[str, str]) -> None:
        self._specs = schema.variables()
        self._prefixes = read.prefixes()
        self._derived = derived
        self._found: dict[tuple[str, int], list[str]] = {}

    def findings(
        self, host: str, variables: Mapping[str, Any], tier: str, failed: Collection[str] = ()
    ) -> Iterator[Finding]:
        """All that is wrong with a host's variables, each by itself; failed are those whose template fails."""
        for name, value in variables.items():
            for line in self._problems(name, value):
                yield host, line
        for name in REQUIRED if tier in TIERS else ():
            if variables.get(name) is None and name not in failed:
                yield host, unset_problem(name, self._specs[name])

    def _problems(self, name: str, value: Any) -> list[str]:
        key = (name, id(value))
        if key not in self._found:
            self._found[key] = list(self._of(name, value))
        return self._found[key]

    def _of(self, name: str, value: Any) -> Iterator[str]:
        if name in self._derived:
            yield f"{name} is {show(value)}, but it is derived from {self._derived[name]}: set that instead"
        elif name in self._specs:
            if value is not None:
                yield from structure_problems(name, value, self._specs[name])
        else:
            shown = "***" if any(word in name for word in SECRET) else value
            yield f"{name} is {show(shown)}, but there is no such variable{meant(name, self._known())}"

    def _known(self) -> Collection[str]:
        return [name for name in self._specs if name not in self._derived]
