# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin: the inventory, compiled into one deployment. The module of its name documents it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import components
from ..plugin_utils.deployment import compiler, references
from ..plugin_utils.deployment.model import Deployment, to_data


def as_data(deployment: Deployment) -> dict[str, Any]:
    """The deployment, and what follows from it for each host of a tier."""
    shared = references.shared(deployment)
    return {
        **to_data(deployment),
        "shared": shared,
        "components": {
            host.name: [component.role for component in components.of(host, deployment)] for host in deployment.members
        },
        "variables": {
            host.name: references.referring(components.role_variables(host, deployment), shared)
            for host in deployment.members
        },
    }


class ActionModule(ActionBase):
    """Compiles on the controller; no host is contacted."""

    _requires_connection = False
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The deployment, or all that is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            compiled = compiler.compile_inventory(variables["hostvars"], variables["groups"], self._loader)
        except ImportError as error:
            return {**result, "failed": True, "msg": str(error)}
        if compiled.warnings:
            result["warnings"] = compiled.warnings
        if compiled.deployment is None:
            return {**result, "failed": True, "msg": "\n".join(compiled.problems), "problems": compiled.problems}
        # it is long, and -vvv shows the variables of each role anyway
        data = {**as_data(compiled.deployment), "targets": list(variables["ansible_play_hosts_all"])}
        return {**result, "changed": False, **data, "_ansible_verbose_override": True}
