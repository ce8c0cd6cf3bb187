# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An example inventory in memory, to be changed in one place and compiled, hundreds of times a test run.

Its files are read once, by Ansible's loader. Its hosts and groups are made by Ansible's own inventory plugin, and what
the compiler is given is Ansible's own HostVars, which asks this inventory in place of files.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.inventory.data import InventoryData
from ansible.inventory.helpers import sort_groups
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.vars.hostvars import HostVars
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import compiler
from ansible_collections.multitier.loadbalancer.tests.unit.support.templates import load

from tools.role_specs import ROOT

EXTRA = "-e"
APPEND = "+"  # in the place of a number
LOADER = DataLoader()


@functools.cache
def files(example: str) -> dict[str, Any]:
    """What the files of an example hold, by their names; -e is what is given on the command line."""
    root = ROOT / "inventories" / example
    found = {path.name: load(path) for path in (root / "group_vars").glob("*.yml") if not path.name.startswith("zz_")}
    return {**found, "hosts.yml": load(root / "hosts.yml"), EXTRA: {}}


class Example:
    """One example, which may be changed; a file that is not changed is shared with the others made of that example."""

    def __init__(self, name: str, directory: Path) -> None:
        self._files = dict(files(name))
        self._own: set[str] = set()
        self._directory = directory
        self._hosts: dict[str, dict[str, Any]] = {}

    def put(self, where: str, value: Any) -> None:
        """Set what FILE:KEY leads to, KEY being names and numbers with dots; p1.yml is of the host p1."""
        tree, key = self._place(where)
        if key == APPEND:
            tree.append(value)
        else:
            tree[key] = value

    def drop(self, where: str) -> None:
        """Remove it."""
        tree, key = self._place(where)
        del tree[key]

    def _place(self, where: str) -> tuple[Any, Any]:
        file, _colon, path = where.partition(":")
        if file not in self._own:
            self._files[file] = copy.deepcopy(self._files.get(file) or {})
            self._own.add(file)
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        tree = self._files[file]
        for step in way:
            tree = tree.setdefault(step, {}) if isinstance(tree, dict) else tree[step]
        return tree, last

    def compile(self) -> compiler.Compiled:
        """What the compiler makes of it."""
        inventory = self._inventory()
        groups = {name: [str(host) for host in hosts] for name, hosts in inventory.get_groups_dict().items()}
        for name, host in inventory.hosts.items():
            self._hosts[name] = self._variables(host, groups)
        return compiler.compile_inventory(HostVars(self, self, LOADER), groups, LOADER)

    def _inventory(self) -> InventoryData:
        """Hosts and groups as Ansible makes them of hosts.yml."""
        plugin, data = inventory_loader.get("ansible.builtin.yaml"), InventoryData()
        plugin.inventory = data
        plugin.set_options()
        for group, content in (self._files["hosts.yml"] or {}).items():
            plugin._parse_group(group, content)
        data.reconcile_inventory()
        return data

    def _variables(self, host: Any, groups: Mapping[str, list[str]]) -> dict[str, Any]:
        """Raw variables of a host, in Ansible's order of precedence."""
        found: dict[str, Any] = {}
        for group in sort_groups(host.get_groups()):
            found |= {**group.get_vars(), **self._of(group.name)}
        found |= {**host.get_vars(), **self._of(host.name), **self._of(EXTRA)}
        return {**found, "groups": groups, "inventory_dir": str(self._directory)}

    def _of(self, name: str) -> Mapping[str, Any]:
        return self._files.get(name if name == EXTRA else f"{name}.yml") or {}

    # what HostVars asks of Ansible's inventory and of its variable manager

    def get_host(self, name: str) -> str | None:
        """A host is its name here."""
        return name if name in self._hosts else None

    @property
    def hosts(self) -> Iterable[str]:
        """All of them."""
        return self._hosts

    def get_vars(self, host: str, **_options: bool) -> dict[str, Any]:
        """Raw variables of a host."""
        return self._hosts[host]
