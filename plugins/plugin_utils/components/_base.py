# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a component: all that the rest of the collection asks of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ..certificates import Reader
from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host
from ..expectations import Check

Values = Mapping[str, Any]  # a role's variables, complete, by names without the role's prefix
States = Mapping[str, Mapping[str, Any]]  # what verify.yml read, by host


class Component:
    """Something that a host can run, which one role deploys. A component overrides what applies to it.

    - role: the role's name; order: its place among the components of a host.
    - sources: the role's variables that are made of the deployment, each with what to set in its place.
    - alone: variables that make a deployment without routers and proxies.
    - announcer: the value of loadbalancer_announcer that chooses it; speaks_bfd: whether BFD can watch its sessions;
      brings_routes: whether it also brings default routes to a host that announces nothing.
    - serving_units, announcing_units: systemd's units that serve VIPs, and that announce them.
    """

    role: ClassVar[str]
    order: ClassVar[int]
    sources: ClassVar[Mapping[str, str]] = {}
    alone: ClassVar[tuple[str, ...]] = ()
    announcer: ClassVar[str] = ""
    speaks_bfd: ClassVar[bool] = False
    brings_routes: ClassVar[bool] = False
    serving_units: ClassVar[tuple[str, ...]] = ()
    announcing_units: ClassVar[tuple[str, ...]] = ()

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """Whether a host runs it."""
        return False

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """Values of the role's variables in sources, for a host that runs it."""
        return {}

    def setting_problems(self, values: Values) -> list[str]:
        """What is wrong with variables that are not in sources."""
        return []

    def problems(self, values: Values) -> list[str]:
        """What is wrong with any of the role's variables."""
        return self.setting_problems(values)

    def file_problems(self, values: Values, read: Reader) -> list[str]:
        """What is wrong with files of the controller that variables name."""
        return []

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """What is wrong with the settings of several hosts together."""
        yield from ()

    def excludes(self, values: Values) -> bool:
        """Whether the operator has taken the host out of the pool."""
        return False

    def gates(self, host: Host, deployment: Deployment) -> list[dict[str, Any]]:
        """How the gate learns that the VIPs that it serves are healthy: entries of vip_gate_gates."""
        return []

    def first_round(self, values: Values) -> int:
        """Seconds that its first round of health checks takes, before which its reports mean nothing; -1 for none."""
        return -1

    def sysctls(self, values: Values) -> dict[str, str]:
        """Kernel parameters that the role sets, by name."""
        return {}

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """What is expected of a host that runs it, and what verify.yml found there."""
        yield from ()

    def site_checks(self, states: States, deployment: Deployment) -> Iterator[Check]:
        """The same of several hosts together."""
        yield from ()
