# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The components that a host can run, each in one file of this folder, which is all that knows its daemon.

A component is a module with:

- `ROLE`: the role that deploys it.
- `ORDER`: its place among the components of a host.
- `SOURCES`: the role's variables that are made of the deployment, each with the inventory's variable behind it.
- `runs_on(host, deployment)`: whether a host runs it.
- `variables(host, deployment)`: values of SOURCES for a host.
- `problems(values)`: what is wrong with a role's variables, complete, named without the role's prefix.
- `setting_problems(values)`: the part of it that concerns what is not in SOURCES.
- `site_findings(deployment)`: what is wrong with settings of several hosts together.
- `sysctls(values)`: kernel parameters that the role sets, by name.
- `checks(host, deployment, state)`: what verify.yml expects of a host that runs it, and what it found there.
- `site_checks(states, deployment)`: the same of several hosts together.

and, where it applies, `ALONE` (variables that make a deployment without routers), `excludes(values)` (whether a host is
taken out of the pool on purpose) and `file_problems(values, read)` (what is wrong with files that variables name).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host


@functools.cache
def registry() -> dict[str, ModuleType]:
    """All components by their role, in the order in which a host gets them."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.ROLE: module for module in sorted(modules, key=lambda module: module.ORDER)}


def any_alone(values: Mapping[str, Any]) -> bool:
    """Whether a host sets a variable of a component that needs no routers and no proxies."""
    names = {name for component in registry().values() for name in getattr(component, "ALONE", ())}
    return any(one.variables.get(name) for one in values.values() for name in names)


def of(host: Host, deployment: Deployment) -> list[ModuleType]:
    """Components that a host runs, in order."""
    return [component for component in registry().values() if component.runs_on(host, deployment)]


def derived() -> dict[str, str]:
    """Names of variables that no inventory sets, each with the variable to set in its place."""
    return {
        f"{component.ROLE}_{name}": source
        for component in registry().values()
        for name, source in component.SOURCES.items()
    }


def role_variables(host: Host, deployment: Deployment) -> dict[str, Any]:
    """Values for all variables that the roles of a host get from the deployment, by their full names."""
    return {
        f"{component.ROLE}_{name}": value
        for component in of(host, deployment)
        for name, value in component.variables(host, deployment).items()
    }


def findings(deployment: Deployment) -> Iterator[Finding]:
    """What is wrong with what hosts set of their roles' variables."""
    for component in registry().values():
        for host in deployment.members:
            if component.runs_on(host, deployment):
                for line in component.setting_problems(settings(component, host)):
                    yield host.name, line
        yield from component.site_findings(deployment)


def is_excluded(settings: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether what a host sets, by role, takes it out of the pool on purpose."""
    return any(
        component.excludes(named(role, settings[role]))
        for role, component in registry().items()
        if hasattr(component, "excludes") and settings.get(role)
    )


def values(component: ModuleType, host: Host, deployment: Deployment) -> dict[str, Any]:
    """All variables of a component on a host, by names without the role's prefix."""
    return {**settings(component, host), **component.variables(host, deployment)}


def settings(component: ModuleType, host: Host) -> dict[str, Any]:
    """What a host sets of a component's variables, complete, by names without the role's prefix."""
    return named(component.ROLE, host.settings[component.ROLE])


def named(role: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by names without their role's prefix."""
    return {name.removeprefix(f"{role}_"): value for name, value in values.items()}
