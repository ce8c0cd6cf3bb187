# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The single changes of an IPVS table, each one message to the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Destination, ServiceKey, Settings


@dataclass(frozen=True)
class Operation:
    """One change. `settings` comes with adding or editing a service, `destination` with those of a destination."""

    verb: str  # add_service, edit_service, delete_service, add_destination, edit_destination, delete_destination
    service: ServiceKey
    settings: Settings | None = None
    destination: Destination | None = None

    def __str__(self) -> str:
        """For example "add destination 10.0.0.31:443 to tcp 198.51.100.1:443"."""
        verb = self.verb.split("_")[0]
        if self.destination is None:
            return f"{verb} service {self.service}"
        where = {"add": "to", "edit": "of", "delete": "from"}[verb]
        weight = "" if verb == "delete" else f" (weight {self.destination.weight})"
        return f"{verb} destination {self.destination.name}{weight} {where} {self.service}"


def texts(operations: Iterable[Operation]) -> list[str]:
    """Each as a line for a person."""
    return [str(operation) for operation in operations]
