# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The components that a host can run, each in one file of this folder, which is all that knows its daemon.

_base.py says what a component is. They are found by listing the folder.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host
from ._base import Component


@functools.cache
def registry() -> dict[str, Component]:
    """All components by their role, in the order in which a host gets them."""
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        importlib.import_module(f"{__name__}.{path.stem}")
    found = [kind() for kind in Component.__subclasses__()]
    return {component.role: component for component in sorted(found, key=lambda one: (one.order, one.role))}


def of(host: Host, deployment: Deployment) -> list[Component]:
    """Components that a host runs, in order."""
    return [component for component in registry().values() if component.runs_on(host, deployment)]


def derived() -> dict[str, str]:
    """Names of variables that no inventory sets, each with what to set in its place."""
    return {
        f"{component.role}_{name}": source
        for component in registry().values()
        for name, source in component.sources.items()
    }


def announcers() -> dict[str, Component]:
    """Components that announce VIPs, by the value of loadbalancer_announcer that chooses them."""
    return {component.announcer: component for component in registry().values() if component.announcer}


def any_alone(variables: Iterator[Mapping[str, Any]]) -> bool:
    """Whether a host has a variable of a component that needs no routers and no proxies."""
    names = [name for component in registry().values() for name in component.alone]
    return any(host.get(name) for host in variables for name in names)


def role_variables(host: Host, deployment: Deployment) -> dict[str, Any]:
    """Values for all variables that the roles of a host get from the deployment, by their full names."""
    return {
        f"{component.role}_{name}": value
        for component in of(host, deployment)
        for name, value in component.variables(host, deployment).items()
    }


def findings(deployment: Deployment) -> Iterator[Finding]:
    """What is wrong with what hosts set of their roles' variables."""
    for host in deployment.members:
        if host.announcer not in announcers():
            known = ", ".join(sorted(announcers()))
            yield host.name, f"loadbalancer_announcer is {host.announcer!r}, must be one of {known}"
            return
    for component in registry().values():
        for host in deployment.members:
            if component.runs_on(host, deployment):
                for line in component.setting_problems(settings(component, host)):
                    yield host.name, line
        yield from component.site_findings(deployment)


def is_excluded(by_role: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether what a host sets, by role, takes it out of the pool."""
    return any(
        component.excludes(named(role, by_role[role])) for role, component in registry().items() if by_role.get(role)
    )


def values(component: Component, host: Host, deployment: Deployment) -> dict[str, Any]:
    """All variables of a component on a host, by names without the role's prefix."""
    return {**settings(component, host), **component.variables(host, deployment)}


def settings(component: Component, host: Host) -> dict[str, Any]:
    """What a host sets of a component's variables, complete, by names without the role's prefix."""
    return named(component.role, host.settings[component.role])


def named(role: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by names without their role's prefix."""
    return {name.removeprefix(f"{role}_"): value for name, value in variables.items()}
