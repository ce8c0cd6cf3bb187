# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin: a role's variables, checked and complete. The module of its name documents it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import certificates, components
from ..plugin_utils.checks.structure import structure_problems, unset_problem
from ..plugin_utils.components._base import Component
from ..plugin_utils.deployment import references, schema


class ActionModule(ActionBase):
    """Checks on the controller; no host is contacted."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"role", "derived"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The variables without the role's prefix, or all that is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        role, component = self._task.args["role"], components.registry()[self._task.args["role"]]
        options = schema.role(role)
        given = {name: self._templar.template(variables[name]) for name in options if name in variables}
        derived = self._task.args.get("derived") or {}
        given.update({name: self._resolved(derived[name], variables) for name in options if name in derived})
        values, problems = checked(component, given, certificates.by_loader(self._loader))
        if problems:
            host = variables["inventory_hostname"]
            return {**result, "failed": True, "msg": "\n".join(f"{host}: {line}" for line in problems)}
        # a BGP password may be among them, or a private key
        return {**result, "changed": False, **values, "sysctls": component.sysctls(values), "_ansible_no_log": True}

    def _resolved(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """A value with references replaced by what the deployment or the inventory has there."""

        def inventory(name: str, default: Any) -> Any:
            return self._templar.template(variables[name]) if name in variables else default

        shared = (variables.get("loadbalancer_deployment") or {}).get("shared") or {}
        return references.resolved(value, shared, inventory)


def checked(
    component: Component, given: Mapping[str, Any], read: certificates.Reader
) -> tuple[dict[str, Any], list[str]]:
    """A role's variables without its prefix, complete; none, and lines that say why, where they are wrong."""
    options = schema.role(component.role)
    problems = structure(given, options)
    if problems:
        return {}, problems
    values = components.named(component.role, schema.complete(given, options))
    problems = component.problems(values) + component.file_problems(values, read)
    return ({} if problems else values), problems


def structure(given: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Problems of names and types, each by itself."""
    problems = [
        unset_problem(name, spec) for name, spec in options.items() if spec.get("required") and given.get(name) is None
    ]
    for name, value in given.items():
        if value is not None:
            problems += structure_problems(name, value, options[name])
    return problems
