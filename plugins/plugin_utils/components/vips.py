# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of VIPs on a host: local ones, and the markers of those that it announces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks.values import duplicates, interface_name_problem, protocol_problem, vip_problem
from ..deployment.findings import Finding
from ..deployment.model import Deployment, Host
from ..expectations import Check, check
from ._base import Component

ROLE = "vips"


def list_problems(where: str, vips: Sequence[Any]) -> list[str]:
    """Problems of a list of VIPs."""
    return [problem for vip in vips for problem in vip_problem(where, vip)] + duplicates(where, vips)


def device_findings(component: Component, deployment: Deployment) -> Iterator[Finding]:
    """Hosts whose device for VIPs, the component's variable `interface`, is on a link."""
    for host in (host for host in deployment.members if component.runs_on(host, deployment)):
        variable = f"{component.role}_interface"
        name = host.settings[component.role][variable]
        link = next((interface.link for interface in host.interfaces if interface.name == name), None)
        if link and name != "lo":
            line = f"{variable} is {name!r}, which is on link {link}, must be lo or a dummy"
            yield host.name, f"{line}: else the host answers for VIPs by ARP"


def arp_sysctls() -> dict[str, str]:
    """Answer ARP only for addresses of the interface asked on, and never ask with a VIP as the sender."""
    return {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}


class Vips(Component):
    """VIPs that a host accepts packets for, and announces while their markers are there."""

    role = ROLE
    order = 10
    sources = {"local": "loadbalancer_services", "announced": "loadbalancer_services"}

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On hosts that announce."""
        return deployment.routed and deployment.announces(host)

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """All VIPs."""
        return {"local": deployment.vips, "announced": deployment.vips}

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """The device, and protocol numbers, which tell two kinds of routes apart."""
        found = interface_name_problem(f"{ROLE}_interface", values["interface"])
        for name in ("local_protocol", "marker_protocol"):
            found += protocol_problem(f"{ROLE}_{name}", values[name])
        if values["local_protocol"] == values["marker_protocol"]:
            found.append(
                f"{ROLE}_marker_protocol is {values['marker_protocol']}, must differ from {ROLE}_local_protocol"
            )
        return found

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """All of it."""
        lists = [line for name in ("local", "announced") for line in list_problems(f"{ROLE}_{name}", values[name])]
        return lists + self.setting_problems(values)

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Hosts that would answer for VIPs by ARP."""
        yield from device_findings(self, deployment)

    def sysctls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Quiet about VIPs in ARP."""
        return arp_sysctls()

    def checks(self, host: Host, deployment: Deployment, state: Mapping[str, Any]) -> Iterator[Check]:
        """The host accepts every VIP, and announces all of them unless it is excluded."""
        vips = sorted(deployment.vips)
        yield check("local_vips", host.name, "local VIPs", vips, sorted(state["local_vips"]))
        announced = [] if host.excluded else vips
        yield check("announced_vips", host.name, "announced VIPs", announced, sorted(state["announced_vips"]))
