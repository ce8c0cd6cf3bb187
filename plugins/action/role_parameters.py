# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin: a role's variables, checked and complete. The module of its name documents it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import components
from ..plugin_utils.checks.structure import TYPES, structure_problems
from ..plugin_utils.deployment import schema


class ActionModule(ActionBase):
    """Checks on the controller; no host is contacted."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"role"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """A fact with the name of the role, or all that is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        role = self._task.args["role"]
        options = schema.role(role)
        given = {name: self._templar.template(variables[name]) for name in options if name in variables}
        problems = structure(given, options)
        values: dict[str, Any] = {}
        if not problems:
            complete = schema.complete(given, options)
            values = {name.removeprefix(f"{role}_"): value for name, value in complete.items()}
            problems = components.registry()[role].problems(values)
        if problems:
            return {**result, "failed": True, "msg": "\n".join(f"{variables['inventory_hostname']}: {line}" for line in problems)}
        values["sysctls"] = components.registry()[role].sysctls(values)
        return {**result, "changed": False, "ansible_facts": {role: values}, "_ansible_verbose_override": True}


def structure(given: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """Problems of names and types, each by itself."""
    problems = [
        f"{name} is not set, must be {TYPES[spec.get('type', 'str')][0]}"
        for name, spec in options.items()
        if spec.get("required") and given.get(name) is None
    ]
    for name, value in given.items():
        if value is not None:
            problems += structure_problems(name, value, options[name])
    return problems
