# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node is launched: the one thing in which ways to run nodes differ. Image, seed and wiring are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lab.model import Node


class Launcher(Protocol):
    """Runs the nodes of one lab."""

    def start(self, node: Node) -> None:
        """Power the node on: with its disk if it has one, else with a fresh one."""

    def alive(self, node: Node) -> bool:
        """Whether the node is powered on."""

    def kill(self, node: Node) -> None:
        """Cut the node's power; its disk keeps what reached it."""
