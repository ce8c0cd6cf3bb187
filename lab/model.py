# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab consists of: nodes, their NICs and the links between them.

Everything here is plain data, made from an inventory's host variables (see `lab.parse`) and kept in the lab's state
as JSON. Nothing here knows how a node is launched or how its links are made.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from lab.errors import LabError
from lab.systems import DEFAULT

DEFAULT_MEMORY = "256M"
DEFAULT_MTU = 1500
MANAGEMENT_LINK = "mgmt"


@dataclasses.dataclass(frozen=True)
class Route:
    """A static route: `destination` in CIDR form through one or more gateways of the same family."""

    destination: str
    gateways: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Nic:
    """One interface of a node; `addresses` are in CIDR form, `gateways` are default gateways."""

    name: str
    link: str
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    mtu: int = DEFAULT_MTU


@dataclasses.dataclass(frozen=True)
class Application:
    """What a backend answers with on one TCP port."""

    name: str
    port: int
    proxy_protocol: bool = False


@dataclasses.dataclass(frozen=True)
class Node:
    """One host of the inventory; `address` is its ansible_host, `memory` a size such as 256M."""

    name: str
    address: str
    nics: tuple[Nic, ...]
    user: str = "root"
    port: int = 22
    os: str = DEFAULT
    memory: str = DEFAULT_MEMORY
    applications: tuple[Application, ...] = ()

    def nic(self, name: str) -> Nic:
        """The NIC of that name; LabError with the names there are."""
        for nic in self.nics:
            if nic.name == name:
                return nic
        raise LabError(f"{self.name} has no NIC {name!r}; it has: {', '.join(nic.name for nic in self.nics)}")

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes."""
        return int(self.memory[:-1]) << {"K": 10, "M": 20, "G": 30}[self.memory[-1].upper()]


@dataclasses.dataclass(frozen=True)
class Topology:
    """All nodes of a lab, in the inventory's order."""

    lab: str
    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        """The node of that name; LabError with the names there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"lab {self.lab} has no node {name!r}; it has: {', '.join(node.name for node in self.nodes)}")

    @property
    def links(self) -> tuple[str, ...]:
        """The names of all links, in order of first use."""
        return tuple(dict.fromkeys(nic.link for node in self.nodes for nic in node.nics))

    def mac(self, node: Node, nic: Nic) -> str:
        """The NIC's MAC address: locally administered, and the same every time for the same lab, node and NIC."""
        digest = hashlib.sha256(f"{self.lab}/{node.name}/{nic.name}".encode()).hexdigest()
        return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])

    def machine_id(self, node: Node) -> str:
        """The node's machine-id(5): unique, or systemd would give virtual devices of all nodes the same MAC."""
        return hashlib.sha256(f"{self.lab}/{node.name}".encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """Plain data, as `from_json` reads it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Topology:
        """The inverse of `to_json`."""
        nodes = []
        for node in data["nodes"]:
            nics = tuple(
                Nic(**{**nic, "addresses": tuple(nic["addresses"]), "gateways": tuple(nic["gateways"]),
                       "routes": tuple(Route(r["destination"], tuple(r["gateways"])) for r in nic["routes"])})
                for nic in node["nics"]
            )  # fmt: skip
            applications = tuple(Application(**application) for application in node["applications"])
            nodes.append(Node(**{**node, "nics": nics, "applications": applications}))
        return cls(data["lab"], tuple(nodes))
