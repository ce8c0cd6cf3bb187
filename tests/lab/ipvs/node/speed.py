# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab node: how fast the module's work is beside ipvsadm's, in one run on one kernel.

Each way is a process of its own, Python's start included. Prints one JSON object with seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs import render
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.apply import carry_out
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.declaration import declare
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.kernel import Kernel
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.plan import make_plan


def services(count: int, servers: int, weight: int = 1) -> list[dict[str, Any]]:
    """Declared services; `weight` is that of the first server of the first service."""
    declared = []
    for number in range(count):
        destinations = [{"address": f"10.9.{i // 250}.{i % 250 + 1}"} for i in range(servers)]
        declared.append({"address": "203.0.113.1", "port": 1000 + number, "destinations": destinations})
    declared[0]["destinations"][0]["weight"] = weight  # type: ignore[index]
    return declared


def apply(path: str) -> None:
    """What the module does, without Ansible around it."""
    kernel = Kernel()
    plan = make_plan(kernel.read(), declare(json.loads(Path(path).read_text(encoding="utf-8"))), "overridden")
    carry_out(plan, kernel)
    print(len(plan.operations))


def timed(argv: list[str], data: str | None = None) -> tuple[float, str]:
    """Seconds and output of a command."""
    started = time.monotonic()
    done = subprocess.run(argv, input=data, check=True, capture_output=True, text=True)
    return round(time.monotonic() - started, 3), done.stdout.strip()


def measure(count: int, servers: int, one_by_one: int, rounds: int) -> dict[str, Any]:
    """Seconds of each way, the best of some rounds; one process a rule only for the first `one_by_one` rules."""
    path = "/run/ipvs-speed.json"
    mine = [sys.executable, __file__, path]
    result: dict[str, Any] = {}
    rules: list[str] = []

    def note(name: str, seconds: float) -> None:
        result[name] = min(seconds, result.get(name, seconds))

    def ours(name: str, weight: int) -> None:
        Path(path).write_text(json.dumps(services(count, servers, weight)), encoding="utf-8")
        seconds, result[f"{name}_operations"] = timed(mine)
        note(name, seconds)

    for _round in range(rounds):
        subprocess.run(["ipvsadm", "-C"], check=True)
        ours("from_empty", 1)
        ours("no_change", 1)
        ours("one_change", 2)
        rules = [line for service in reversed(Kernel().read()) for line in _oldest_first(render.lines(service))]
        subprocess.run(["ipvsadm", "-C"], check=True)
        note("ipvsadm_restore", timed(["ipvsadm", "-R"], "\n".join(rules) + "\n")[0])
    if one_by_one:
        subprocess.run(["ipvsadm", "-C"], check=True)
        started = time.monotonic()
        for rule in rules[:one_by_one]:
            subprocess.run(["ipvsadm", *rule.split()], check=True)
        result[f"ipvsadm_first_{one_by_one}_rules"] = round(time.monotonic() - started, 3)
    subprocess.run(["ipvsadm", "-C"], check=True)
    return result


def _oldest_first(lines: list[str]) -> list[str]:
    return [lines[0], *reversed(lines[1:])]


def main() -> None:
    """Measure, or do the measured work."""
    if len(sys.argv) > 1:
        apply(sys.argv[1])
        return
    result = {
        "python_start": timed([sys.executable, "-c", "pass"])[0],
        "1_x_1000": measure(1, 1000, one_by_one=100, rounds=3),
        "100_x_100": measure(100, 100, one_by_one=0, rounds=1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
