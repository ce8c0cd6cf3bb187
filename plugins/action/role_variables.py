# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin: variables for the roles of a host, from the deployment. The module of its name documents it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.deployment.read import GIVEN

# in place of a value that stays in the inventory, because it holds a secret or is long
REFERENCE = "$inventory"


class ActionModule(ActionBase):
    """Sets facts; no host is contacted."""

    _requires_connection = False
    _VALID_ARGS = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The facts of one host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        mine = variables["loadbalancer_deployment"]["variables"].get(variables["inventory_hostname"], {})
        facts = {name: self._resolved(value, variables) for name, value in mine.items()}
        return {**result, "changed": False, "ansible_facts": {**facts, GIVEN: sorted(facts)}}

    def _resolved(self, value: Any, variables: dict[str, Any]) -> Any:
        if isinstance(value, dict) and REFERENCE in value:
            name = value[REFERENCE]
            return self._templar.template(variables[name]) if name in variables else value.get("default")
        if isinstance(value, dict):
            return {key: self._resolved(entry, variables) for key, entry in value.items()}
        return [self._resolved(entry, variables) for entry in value] if isinstance(value, list) else value
