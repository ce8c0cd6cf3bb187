# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one keepalived of a host, which the roles ipvs_maglev and keepalived_vrrp share and include."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..checks.values import ranges, show
from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host
from ..expectations import Check

ROLE = "keepalived_daemon"
ORDER = 25
SOURCES: dict[str, str] = {"unit_changed": "the roles that include it"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def runs_on(host: Host, deployment: Deployment) -> bool:
    """Nowhere by itself."""
    return False


def variables(host: Host, deployment: Deployment) -> dict[str, Any]:
    """None."""
    return {}


def setting_problems(values: Mapping[str, Any]) -> list[str]:
    """The name, and the times after which IPVS forgets a connection."""
    name = str(values["router_id"])
    found = []
    if "{{" not in name and not NAME.fullmatch(name):
        found.append(f"{ROLE}_router_id is {show(name)}, must be made of letters, digits, '.', '_' and '-'")
    limits = dict.fromkeys(("tcp", "tcp_fin", "udp"), (1, 31536000))
    return found + ranges(f"{ROLE}_lvs_timeouts.", values["lvs_timeouts"], limits)


problems = setting_problems


def site_findings(deployment: Deployment) -> Iterator[Finding]:
    """Of every host, since the role runs wherever one of the two that include it does."""
    for host in deployment.members:
        values = {name.removeprefix(f"{ROLE}_"): value for name, value in host.settings[ROLE].items()}
        for line in setting_problems(values):
            yield host.name, line


def sysctls(values: Mapping[str, Any]) -> dict[str, str]:
    """None."""
    return {}


def checks(host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
    """What the roles that include it look at says enough."""
    yield from ()


def site_checks(states: Mapping[str, Mapping[str, Any]], deployment: Deployment) -> Iterator[Check]:
    """Nothing concerns several hosts."""
    yield from ()
