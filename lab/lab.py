# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab: its state, its network and its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import wiring
from lab.namespace import Namespace
from lab.uml import UmlLauncher

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Node, Topology
    from lab.state import LabState


class Lab:
    """One lab that is, or has been, brought up."""

    def __init__(self, state: LabState, topology: Topology) -> None:
        self.state, self.topology = state, topology
        self.namespace = Namespace(state)
        self.launcher = UmlLauncher(state, topology, self.namespace)

    @classmethod
    def load(cls, state: LabState) -> Lab:
        """The lab as its state describes it."""
        return cls(state, state.topology())

    def is_up(self) -> bool:
        """Whether the lab's network is there."""
        return self.namespace.holder() is not None

    def ssh(self, node: Node, *arguments: str) -> list[str]:
        """The command that logs in to a node."""
        return ["ssh", "-F", str(self.state.ssh_config), node.name, *arguments]

    def console(self, node: Node) -> Path:
        """The file with everything the node's console has shown."""
        return self.state.node_directory(node) / "console.log"

    def set_link(self, target: str, direction: str) -> None:
        """Take a LINK or NODE:NIC down (all packets are lost) or up."""
        for device in wiring.resolve(self.topology, target):
            self.namespace.run("ip", "link", "set", "dev", device, direction)
