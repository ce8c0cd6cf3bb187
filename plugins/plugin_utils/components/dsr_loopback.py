# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs accepted on the loopback, and never answered for by ARP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..checks.values import duplicates, ranges, vip_problem
from ..deployment.model import ROUTERS, TIERS, Deployment, Host
from ..expectations import Check, check
from ._base import Component

ROLE = "dsr_loopback"


class DsrLoopback(Component):
    """VIPs accepted on the loopback, and never answered for by ARP."""

    role = ROLE
    order = 10
    sources = {"vips": "loadbalancer_services"}

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On every host that packets for VIPs are delivered to."""
        return deployment.routed and host.tier in TIERS and host.tier != ROUTERS

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """All VIPs."""
        return {"vips": deployment.vips}

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """The protocol number."""
        return ranges(ROLE, values, {"protocol": (5, 255)})

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """VIPs and the protocol number."""
        found = [problem for vip in values["vips"] for problem in vip_problem(f"{ROLE}_vips", vip)]
        return found + duplicates(f"{ROLE}_vips", values["vips"]) + self.setting_problems(values)

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Answer ARP only for addresses of the interface asked on, and never ask with a VIP as the sender."""
        return {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """The host accepts every VIP, and announces those that it should."""
        vips = sorted(deployment.vips)
        announced = vips if deployment.announces(host) and not host.excluded else []
        yield check("local_vips", host.name, "local VIPs", vips, sorted(state["local_vips"]))
        yield check("announced_vips", host.name, "announced VIPs", announced, sorted(state["announced_vips"]))
