# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as user-mode-linux: each a Linux kernel of its own, running as an ordinary process.

A node attaches to its links by raw sockets on veth ends, which outlive it, so a node that is started again has its
NICs again. Its disk is a copy-on-write file over the lab's image. Paths are given relative to the node's directory:
the kernel's command line has no way to quote a space.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lab import processes, reach
from lab.state import LabState, read_process
from lab.wiring import ends

if TYPE_CHECKING:
    from lab.model import Node, Topology
    from lab.namespace import Namespace

KERNEL = "linux"
MODULES = Path("/usr/lib/uml/modules")


def processor(topology: Topology, node: Node) -> int:
    """The one CPU that a node runs on; neighbours in the inventory get different ones, while there are.

    A node hands over between two of the host's threads at each system call of its own. On one CPU that takes a quarter
    of the time that it takes from one CPU to another (measured: 12 and 48 us on a virtual machine).
    """
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[topology.nodes.index(node) % len(cpus)]


def arguments(topology: Topology, node: Node, uml_directory: Path) -> list[str]:
    """The kernel's command line, and what starts it."""
    nics = []
    for index, nic in enumerate(node.nics):
        end = ends(topology, node, nic)[1]
        mac = topology.mac(node, nic)
        # depth and gro: packets are moved in batches and segments merged, or a node is slow
        nics.append(f"vec{index}:transport=raw,ifname={end},depth=128,gro=1,mac={mac},mtu={nic.mtu}")
    return [
        "taskset",
        "--cpu-list",
        str(processor(topology, node)),
        KERNEL,
        f"umid={node.name}",
        f"uml_dir={uml_directory}/",
        f"mem={node.memory}",
        "ubd0=disk.cow,image",
        "ubd1r=seed.tar",
        "root=/dev/ubda",
        "rw",
        "rootfstype=ext4",
        "lab.seed=/dev/ubdb",
        f"systemd.machine_id={topology.machine_id(node)}",
        *nics,
        # benchmarks of RAID code that nobody uses here: most of a second of every boot
        "initcall_blacklist=raid6_select_algo,calibrate_xor_blocks",
        "selinux=0",
        "con=null",
        "con0=null,fd:1",
        "ssl=null",
        "quiet",
    ]


class UmlLauncher:
    """Launches the nodes of one lab as user-mode-linux processes in the lab's namespaces."""

    def __init__(self, state: LabState, topology: Topology, namespace: Namespace) -> None:
        self.state, self.topology, self.namespace = state, topology, namespace

    def start(self, node: Node) -> None:
        """Power the node on; its directory holds `image` (a link) and `seed.tar` already."""
        directory = self.state.node_directory(node)
        memory = self.state.memory / node.name
        self.kill(node)  # processes and the socket that a crashed kernel left
        memory.mkdir(parents=True, mode=0o700)
        self.namespace.launch(
            arguments(self.topology, node, memory),
            pid_file=directory / "pid",
            cwd=directory,
            log=directory / "console.log",
            env={"TMPDIR": str(memory), "HOME": str(memory), "PATH": os.environ["PATH"]},
        )

    def alive(self, node: Node) -> bool:
        """Whether the node's kernel runs."""
        return read_process(self.state.node_directory(node) / "pid") is not None

    def kill(self, node: Node) -> None:
        """End the kernel and the processes it traces: they are in one session, led by the kernel's first process."""
        path = self.state.node_directory(node) / "pid"
        try:
            session = int(path.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        leader = read_process(path)
        members = processes.in_session(session)
        if leader or not any(member.pid == session for member in members):  # else the pid is someone else's by now
            self.namespace.kill(members)
        self.namespace.kill(reach.connections(self.state, node))
        path.unlink(missing_ok=True)
        self.namespace.remove(self.state.memory / node.name)
