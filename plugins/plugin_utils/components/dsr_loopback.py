# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server's end of direct server return: it accepts packets for VIPs, and announces none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..checks.values import interface_name_problem
from ..deployment.findings import Finding
from ..deployment.model import PROXIES, Deployment, Host
from ..expectations import Check, check
from ._base import Component
from .vips import arp_sysctls, device_findings, list_problems

ROLE = "dsr_loopback"


class DsrLoopback(Component):
    """VIPs accepted on the loopback, and never answered for by ARP; the role vips does it."""

    role = ROLE
    order = 10
    sources = {"vips": "loadbalancer_services"}

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On proxies behind directors."""
        return deployment.routed and deployment.has_directors and host.tier == PROXIES

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """All VIPs."""
        return {"vips": deployment.vips}

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """The device."""
        return interface_name_problem(f"{ROLE}_interface", values["interface"])

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """VIPs and the device."""
        return list_problems(f"{ROLE}_vips", values["vips"]) + self.setting_problems(values)

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Hosts that would answer for VIPs by ARP."""
        yield from device_findings(self, deployment)

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Quiet about VIPs in ARP."""
        return arp_sysctls()

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """The host accepts every VIP, and announces none."""
        vips = sorted(deployment.vips)
        yield check("local_vips", host.name, "local VIPs", vips, sorted(state["local_vips"]))
        yield check("announced_vips", host.name, "announced VIPs", [], sorted(state["announced_vips"]))
