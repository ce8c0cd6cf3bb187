# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's verifiers share: the inventory that is up, its nodes over ssh, and the lab's own command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "three_tier")
INVENTORY = ROOT / "molecule" / SCENARIO / "inventory"
MITOGEN = {
    "ANSIBLE_STRATEGY": "mitogen_linear",
    "ANSIBLE_STRATEGY_PLUGINS": str(ROOT / ".config/molecule/strategy"),
    "ANSIBLE_DEPRECATION_WARNINGS": "false",
    "ANSIBLE_TIMEOUT": "90",
}
Node = Callable[[str], Any]


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 60, interval: float = 0.5) -> Any:
    """The first true value of the condition; fails, saying what was awaited, when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"not so after {seconds} s: {what}")
        time.sleep(interval)


@pytest.fixture(scope="session")
def inventory() -> dict[str, Any]:
    """Output of ansible-inventory --list."""
    command = ["ansible-inventory", "-i", str(INVENTORY), "--list"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="session")
def groups(inventory: dict[str, Any]) -> dict[str, list[str]]:
    """Hosts of each group, subgroups included."""

    def members(name: str) -> list[str]:
        group = inventory.get(name, {})
        below = [host for child in group.get("children", []) for host in members(child)]
        return [*group.get("hosts", []), *below]

    return {name: sorted(members(name)) for name in ("routers", "directors", "proxies", "backends", "clients")}


@pytest.fixture(scope="session")
def node() -> Node:
    """A node by its name, as a testinfra host over ssh."""
    return lambda name: testinfra.get_host(f"ansible://{name}", ansible_inventory=str(INVENTORY))


@pytest.fixture(scope="session")
def client(node: Node) -> Any:
    return node("c1")


@pytest.fixture(scope="session")
def lab() -> Callable[..., str]:
    """The lab's command, by its words; returns what it printed."""

    def run(command: str, *words: str) -> str:
        line = [str(ROOT / "lab" / "lab"), command, "--name", f"molecule_{SCENARIO}", *words]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=300).stdout

    return run


@pytest.fixture(scope="session")
def playbook() -> Callable[..., subprocess.CompletedProcess[str]]:
    """ansible-playbook on the inventory that is up, from the checkout as a user would run it, or faster by mitogen."""

    def run(name: str, *options: str, mitogen: bool = False) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / name), *options]
        environment = {**os.environ, **(MITOGEN if mitogen else {})}
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=1500, cwd=ROOT, env=environment
        )

    return run


def next_hops(router: Any, prefix: str) -> list[str]:
    """Gateways of a route of BGP's in the kernel, sorted."""
    family = "-6" if ":" in prefix else "-4"
    routes = json.loads(router.check_output(f"ip -json {family} route show {prefix} proto bgp"))
    return sorted(hop["gateway"] for route in routes for hop in route.get("nexthops", [route]))


def until_lines(host: Any, path: str, count: int, seconds: float) -> list[str]:
    """Lines of a file on a node, once there are so many."""

    def lines() -> list[str] | None:
        found = host.check_output(f"cat {path} 2>/dev/null; true").split()
        return found if len(found) >= count else None

    return wait_until(f"{path} has {count} lines", lines, seconds, 1)


def recap(output: str) -> dict[str, dict[str, int]]:
    """Host to counters, of the last lines that ansible-playbook prints."""
    lines = output.partition("PLAY RECAP")[2].splitlines()
    return {
        line.split(":")[0].strip(): {
            key: int(value) for key, dummy, value in (word.partition("=") for word in line.split(":")[1].split())
        }
        for line in lines
        if "changed=" in line
    }


def told(output: str) -> str:
    """What a failed playbook said: its errors first, which may be far above the table at its end."""
    errors = [line[:2000] for line in output.splitlines() if re.search(r"UNREACHABLE|^fatal: |^\[ERROR\]", line)]
    return "\n".join([*errors, output[-5000:]])


def changed_hosts(output: str) -> set[str]:
    """Hosts on which a playbook changed, or would change, something; fails when it came to no end."""
    counters = recap(output)
    assert counters, told(output)
    return {name for name, count in counters.items() if count["changed"]}


def get(host: Any, url: str, *options: str) -> dict[str, Any]:
    """What the lab's application answered, as JSON; fails when nobody did."""
    words = " ".join(f"'{option}'" for option in options)
    return json.loads(host.check_output(f"curl -skg -m 5 {words} '{url}'"))


def get_many(host: Any, url: str, count: int) -> list[dict[str, Any]]:
    """The same for many connections, in one command."""
    output = host.check_output(f"for i in $(seq {count}); do curl -skg -m 5 '{url}'; echo; done")
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def info(host: Any, module: str, arguments: str = "") -> dict[str, Any]:
    """Result of one of the collection's modules on a node."""
    name = host.backend.get_hostname()
    command = ["ansible", "-i", str(INVENTORY), name, "-m", f"multitier.loadbalancer.{module}", "-a", arguments, "-o"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=ROOT).stdout
    return json.loads(output.partition("=>")[2])
