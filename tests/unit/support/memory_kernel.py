# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS in memory, as faithful to the kernel as the modules can tell: order, refusals, last weights.

tests/lab/ipvs compares it with a real kernel, operation by operation.
"""

from __future__ import annotations

import errno
import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import (
    SCHEDULERS,
    Destination,
    Service,
    ServiceKey,
    Settings,
    service_dict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.operations import Operation


@dataclass
class _Entry:
    settings: Settings
    destinations: list[Destination] = field(default_factory=list)  # newest first
    last_weights: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int | None:
        return next((i for i, item in enumerate(self.destinations) if item.name == name), None)


class MemoryKernel:
    """Has what the modules use of Kernel: read() and execute()."""

    def __init__(self, *, sync_runs: bool = False) -> None:
        self.sync_runs = sync_runs
        self._services: dict[ServiceKey, _Entry] = {}

    def read(self, wanted: Callable[[ServiceKey], bool] = lambda _key: True) -> list[Service]:
        return [
            Service(key, entry.settings, tuple(entry.destinations))
            for key, entry in sorted(self._services.items())
            if wanted(key)
        ]

    def execute(self, batch: Sequence[Operation]) -> list[int]:
        return [getattr(self, f"_{operation.verb}")(operation) for operation in batch]

    def last_weight(self, key: ServiceKey, name: str) -> int:
        """What the kernel does not tell."""
        return self._services[key].last_weights[name]

    def table(self, key: ServiceKey) -> list[str | None]:
        """The Maglev table, from the last weights that only the kernel knows."""
        entry = self._services[key]
        described = service_dict(Service(key, entry.settings, tuple(entry.destinations)))
        for item in described["destinations"]:
            item["last_weight"] = entry.last_weights[item["name"]]
        return maglev.names(maglev.build(maglev.pool_of(described, 251)))

    def _add_service(self, operation: Operation) -> int:
        assert operation.settings
        if operation.settings.scheduler not in SCHEDULERS:
            return errno.ENOENT
        if operation.service in self._services:
            return errno.EEXIST
        self._services[operation.service] = _Entry(operation.settings)
        return 0

    def _edit_service(self, operation: Operation) -> int:
        assert operation.settings
        if operation.service not in self._services:
            return errno.ESRCH
        if operation.settings.scheduler not in SCHEDULERS:
            return errno.ENOENT
        self._services[operation.service].settings = operation.settings
        return 0

    def _delete_service(self, operation: Operation) -> int:
        return 0 if self._services.pop(operation.service, None) else errno.ESRCH

    def _refused(self, key: ServiceKey, item: Destination) -> int:
        """The checks that adding and editing share."""
        if item.family != key.family and (item.forwarding != "tunnel" or self.sync_runs):
            return errno.EINVAL
        if item.lower_threshold > item.upper_threshold:
            return errno.ERANGE
        if item.forwarding == "tunnel" and item.tunnel_type == "gue" and not item.tunnel_port:
            return errno.EINVAL
        return 0

    def _add_destination(self, operation: Operation) -> int:
        item, entry = operation.destination, self._services.get(operation.service)
        assert item
        if entry is None:
            return errno.ESRCH
        refused = self._refused(operation.service, item)
        if refused:
            return refused
        address = ipaddress.ip_address(item.address)
        if address.is_multicast or address.is_unspecified:
            return errno.EINVAL
        if entry.place(item.name) is not None:
            return errno.EEXIST
        entry.destinations.insert(0, replace(item, counters=None))
        entry.last_weights[item.name] = item.weight  # also where it is 0
        return 0

    def _edit_destination(self, operation: Operation) -> int:
        item, entry = operation.destination, self._services.get(operation.service)
        assert item
        if entry is None:
            return errno.ESRCH
        refused = self._refused(operation.service, item)
        if refused:
            return refused
        place = entry.place(item.name)
        if place is None:
            return errno.ENOENT
        entry.destinations[place] = replace(item, counters=None)
        if item.weight:
            entry.last_weights[item.name] = item.weight
        return 0

    def _delete_destination(self, operation: Operation) -> int:
        item, entry = operation.destination, self._services.get(operation.service)
        assert item
        if entry is None:
            return errno.ESRCH
        place = entry.place(item.name)
        if place is None:
            return errno.ENOENT
        del entry.destinations[place]
        return 0
