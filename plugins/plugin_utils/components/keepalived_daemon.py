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
from ._base import Component

ROLE = "keepalived_daemon"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class KeepalivedDaemon(Component):
    """The one keepalived of a host, which the roles ipvs_maglev and keepalived_vrrp share and include."""

    role = ROLE
    order = 25
    sources = {"pending": "the roles that include it"}

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """Nowhere by itself."""
        return False

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """The name, and the times after which IPVS forgets a connection."""
        name = str(values["router_id"])
        found = []
        if "{{" not in name and not NAME.fullmatch(name):
            found.append(f"{ROLE}_router_id is {show(name)}, must be made of letters, digits, '.', '_' and '-'")
        limits = dict.fromkeys(("tcp", "tcp_fin", "udp"), (1, 31536000))
        return found + ranges(f"{ROLE}_lvs_timeouts.", values["lvs_timeouts"], limits)

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """All of it is set in the inventory."""
        return self.setting_problems(values)

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Of every host, since the role runs wherever one of the two that include it does."""
        for host in deployment.members:
            values = {name.removeprefix(f"{ROLE}_"): value for name, value in host.settings[ROLE].items()}
            for line in self.setting_problems(values):
                yield host.name, line
