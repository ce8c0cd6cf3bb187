# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories, read with Ansible's own API: the only place of the lab that imports Ansible."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

# What the lab reads of a host; everything else stays untemplated, because it may need facts or lookups.
WANTED = (
    "ansible_host", "ansible_user", "ansible_port", "loadbalancer_interfaces", "loadbalancer_certificates",
    "lab_os", "lab_memory", "lab_applications",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of the inventory with the variables the lab reads, templated and as plain data."""

    name: str
    variables: Mapping[str, Any]


def read(sources: Sequence[Path], names: Sequence[str] = WANTED) -> list[Host]:
    """All hosts of the inventory made of these sources, in its order; LabError where Ansible cannot read it."""
    for source in sources:
        if not source.exists():
            raise LabError(f"inventory {source} does not exist")
    try:
        from ansible.errors import AnsibleError
    except ImportError:
        raise LabError(
            "ansible-core is missing: run `make setup` in the checkout, or pip install ansible-core"
        ) from None
    try:
        return _read([str(source.absolute()) for source in sources], names)
    except AnsibleError as error:
        raise LabError(f"inventory {sources[0]}: {error}") from None


def _read(sources: list[str], names: Sequence[str]) -> list[Host]:
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from ansible.vars.manager import VariableManager

    loader = DataLoader()
    loader.set_vault_secrets(_vault_secrets())
    manager = InventoryManager(loader=loader, sources=sources)
    variable_manager = VariableManager(loader=loader, inventory=manager)
    hosts = []
    for host in manager.get_hosts():
        raw = variable_manager.get_vars(host=host)
        templar = Templar(loader=loader, variables=raw)
        variables = {}
        for name in names:
            if name in raw:
                try:
                    variables[name] = _plain(templar.template(raw[name]))
                except AnsibleError as error:
                    raise LabError(f"host {host.name}: {name}: {error}") from None
        hosts.append(Host(str(host.name), variables))
    if not hosts:
        raise LabError(f"inventory {sources[0]} has no hosts")
    return hosts


@functools.cache
def _vault_secrets() -> Any:
    """Vault passwords from ansible.cfg and the environment, as ansible-inventory would take them; asked for once."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.parsing.dataloader import DataLoader

    return CLI.setup_vault_secrets(DataLoader(), vault_ids=constants.DEFAULT_VAULT_IDENTITY_LIST, auto_prompt=False)


def _plain(value: Any) -> Any:
    """The same data in Python's own types: Ansible marks its strings and containers with types of its own."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else value
