# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as the demonstration uses it: its hosts by group, its VIPs, and commands on its nodes."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import inventory
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.lab import Lab
    from lab.model import Node

CHECKOUT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Site:
    """A lab that is up, with the names of its hosts by group and its services as the inventory has them."""

    lab: Lab
    groups: dict[str, list[str]]
    services: list[dict[str, Any]]

    @classmethod
    def read(cls, lab: Lab, source: Path) -> Site:
        """The site of an inventory; LabError when it lacks what is shown."""
        groups: dict[str, list[str]] = {}
        services: list[dict[str, Any]] = []
        for host in inventory.read([source], ["group_names", "loadbalancer_services"]):
            for group in host.variables.get("group_names", []):
                groups.setdefault(group, []).append(host.name)
            services = services or host.variables.get("loadbalancer_services", [])
        missing = [group for group in ("routers", "directors", "proxies", "clients") if not groups.get(group)]
        if missing or not services:
            raise LabError(
                f"the demonstration needs three tiers and a client; missing: {', '.join(missing) or 'services'}"
            )
        return cls(lab, groups, services)

    @property
    def client(self) -> str:
        """The host that requests come from."""
        return self.groups["clients"][0]

    @property
    def vips(self) -> list[str]:
        """All VIPs, in order."""
        return [vip for service in self.services for vip in service["vips"]]

    def urls(self) -> list[str]:
        """A URL for each VIP and listener that answers itself, IPv4 and IPv6."""
        found = []
        for service in self.services:
            for listener in service["listeners"]:
                if listener["protocol"] in {"http", "https"} and not listener.get("redirect_to"):
                    default = {"http": 80, "https": 443}[listener["protocol"]]
                    port = "" if listener["port"] == default else f":{listener['port']}"
                    found += [
                        f"{listener['protocol']}://{f'[{vip}]' if ':' in vip else vip}{port}" for vip in service["vips"]
                    ]
        return found

    def addresses(self, name: str) -> list[str]:
        """All addresses of a node, without prefix lengths."""
        return [address.split("/")[0] for nic in self.node(name).nics for address in nic.addresses]

    def owner(self, address: str) -> str:
        """The node with this address; the address itself when there is none."""
        for node in self.lab.topology.nodes:
            if address in self.addresses(node.name):
                return node.name
        return address

    def node(self, name: str) -> Node:
        """The node of that name."""
        return self.lab.topology.node(name)

    def run(self, name: str, script: str, seconds: float = 60, stdin: str = "") -> str:
        """Standard output of a shell command on a node; LabError when it fails or takes too long."""
        command = self.lab.ssh(self.node(name), "--", script)
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=seconds,
                **({"input": stdin} if stdin else {"stdin": subprocess.DEVNULL}),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise LabError(f"{name}: no answer in {seconds:.0f} s to: {script[:60]}") from None
        if result.returncode:
            raise LabError(f"{name}: exit {result.returncode} of: {script[:60]}: {result.stderr.strip()[-300:]}")
        return result.stdout
