# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan, one batch after the other. Stop at the first refusal and report what was done."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any

from . import host
from .operations import Operation, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from .plan import Plan

    class Executor(Protocol):
        """What carries out operations: the kernel, or a stand-in."""

        def execute(self, batch: Sequence[Operation]) -> list[int]:
            """Run all of a batch; returns an errno for each, 0 where it was done."""


_HINTS = {
    ("add_service", errno.ENOENT): "the kernel has no such scheduler (module ip_vs_{scheduler}) or persistence engine",
    ("edit_service", errno.ENOENT): "the kernel has no such scheduler (module ip_vs_{scheduler}) or persistence engine",
}
_MEANINGS = {
    errno.EEXIST: "it exists already; is something else changing the table at the same time?",
    errno.ESRCH: "the service is gone; is something else changing the table at the same time?",
    errno.ENOENT: "the destination is gone; is something else changing the table at the same time?",
}


class RefusedError(Exception):
    """The kernel refused an operation. `failure` says which, why, what was done before and what was not."""

    def __init__(self, failure: dict[str, Any]) -> None:
        done, left = len(failure["done"]), len(failure["not_done"])
        super().__init__(
            f"The kernel refused to {failure['operation']}: {failure['reason']}. "
            f"Of {done + left + 1} operations {done} were done and {left + 1} were not."
        )
        self.failure = failure


def _reason(operation: Operation, number: int) -> str:
    hint = _HINTS.get((operation.verb, number)) or _MEANINGS.get(number)
    scheduler = operation.settings.scheduler if operation.settings else ""
    return os.strerror(number) + (f" ({hint.format(scheduler=scheduler)})" if hint else "")


@contextlib.contextmanager
def connections_kept() -> Iterator[None]:
    """Keep the kernel from forgetting connections of destinations that are deleted and added again."""
    before = host.read_sysctl("expire_nodest_conn")
    if before in (None, "0"):
        yield
        return
    host.write_sysctl("expire_nodest_conn", "0")
    try:
        yield
    finally:
        host.write_sysctl("expire_nodest_conn", str(before))


def carry_out(plan: Plan, executor: Executor) -> None:
    """Raises RefusedError; OSError where a sysctl cannot be set."""
    done: list[Operation] = []
    with connections_kept() if plan.moves else contextlib.nullcontext():
        for place, batch in enumerate(plan.batches):
            numbers = executor.execute(batch)
            done += [operation for operation, number in zip(batch, numbers) if not number]
            if not any(numbers):
                continue
            refused = next(i for i, number in enumerate(numbers) if number)
            left = [operation for i, operation in enumerate(batch) if i > refused and numbers[i]]
            left += [operation for later in plan.batches[place + 1 :] for operation in later]
            operation, number = batch[refused], numbers[refused]
            raise RefusedError(
                {
                    "kind": "kernel",
                    "operation": str(operation),
                    "service": str(operation.service),
                    "destination": operation.destination.name if operation.destination else None,
                    "errno": number,
                    "error": errno.errorcode.get(number, str(number)),
                    "reason": _reason(operation, number),
                    "done": texts(done),
                    "not_done": texts(left),
                }
            )
