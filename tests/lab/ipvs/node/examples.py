# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab node: does the kernel do what the kernel in memory does, and what check mode says?

Reads pickled examples (history, services, state, reorder) from a file, as test_ipvs_kernel.py makes them.
Prints one JSON object: examples, refused, operations, wrong_count, wrong (the first ones).
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.apply import carry_out
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.declaration import DeclarationError, declare
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.kernel import Kernel
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.operations import Operation, texts
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.plan import make_plan
from ansible_collections.multitier.loadbalancer.tests.unit.support.memory_kernel import MemoryKernel


def clear(kernel: Kernel) -> None:
    """Delete all services."""
    for service in kernel.read():
        kernel.execute([Operation("delete_service", service.key)])


def try_example(kernel: Kernel, example: tuple[Any, ...], result: dict[str, Any]) -> None:
    """Run one example; what differs goes to result["wrong"]."""
    history, services, state, reorder = example
    memory = MemoryKernel()
    clear(kernel)
    for operation in history:
        expected, numbers = memory.execute([operation]), kernel.execute([operation])
        if expected != numbers:
            result["wrong"].append(f"{operation}: errno {numbers}, in memory {expected}")
    if memory.read() != kernel.read():
        result["wrong"].append(f"the kernel has {kernel.read()}, in memory it is {memory.read()}")
    try:
        declared = declare(services)
        plan = make_plan(kernel.read(), declared, state, reorder)
    except DeclarationError:
        result["refused"] += 1
        return
    carry_out(plan, kernel)
    carry_out(plan, memory)
    result["operations"] += len(plan.operations)
    concerned = {service.key for service in (*plan.before, *plan.after)}
    after = kernel.read(lambda key: key in concerned)
    if after != plan.after:
        result["wrong"].append(f"check mode said {plan.after}, it is {after}")
    if memory.read() != kernel.read():
        result["wrong"].append(f"after {state}: the kernel has {kernel.read()}, in memory it is {memory.read()}")
    again = make_plan(kernel.read(), declared, state, reorder)
    if again.batches:
        result["wrong"].append(f"a second run would {texts(again.operations)}")


def main() -> None:
    """Run all examples of the file."""
    examples = pickle.loads(Path(sys.argv[1]).read_bytes())
    kernel = Kernel()
    result: dict[str, Any] = {"examples": len(examples), "refused": 0, "operations": 0, "wrong": []}
    try:
        for example in examples:
            try_example(kernel, example, result)
    finally:
        clear(kernel)
    result["wrong_count"] = len(result["wrong"])
    result["wrong"] = result["wrong"][:10]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
