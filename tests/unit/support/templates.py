# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates as Ansible renders them, in this process and with every version of ansible-core that we support."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ansible.template
from ansible.parsing import vault
from ansible.parsing.dataloader import DataLoader

MODERN = hasattr(ansible.template, "trust_as_template")  # ansible-core 2.19 renders what it is told to trust


def load(path: Path) -> Any:
    """A YAML file whose templates are to be rendered."""
    return DataLoader().load_from_file(str(path), **({"trusted_as_template": True} if MODERN else {}))


def render(template: str, variables: dict[str, Any], secrets: Sequence[Any] = ()) -> Any:
    """What a template gives with these variables, and with these vault secrets."""
    loader = DataLoader()
    loader.set_vault_secrets(list(secrets))
    with vault_secrets(secrets):
        trusted = ansible.template.trust_as_template(template) if MODERN else template
        return ansible.template.Templar(loader=loader, variables=variables).template(trusted)


@contextlib.contextmanager
def vault_secrets(secrets: Sequence[Any]) -> Iterator[None]:
    """The secrets that ansible-core 2.19 keeps for the process."""
    if not MODERN:
        yield
        return
    before = vault.VaultSecretsContext._current
    vault.VaultSecretsContext._current = vault.VaultSecretsContext(list(secrets))
    try:
        yield
    finally:
        vault.VaultSecretsContext._current = before
