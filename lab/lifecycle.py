# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a whole lab: it is brought up, restored to a saved state, and taken down."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lab import certificates, image, inventory, machine, reach, saved, seed, wiring
from lab.errors import LabError
from lab.lab import Lab
from lab.model import Node, Topology
from lab.namespace import Namespace, require_sudo
from lab.parse import check_topology, node_from_variables
from lab.progress import Progress
from lab.state import LabState

BOOT_SECONDS = 180
FAILED_UNITS = "units failed:"


def read_topology(name: str, source: Path, say: Progress) -> tuple[Topology, list[inventory.Host]]:
    """The lab that an inventory describes, and the inventory's hosts."""
    say.step(f"reading the inventory {source}")
    # what an earlier `up` wrote into it says nothing about the lab's shape
    hosts = inventory.read([source])
    topology = Topology(name, tuple(node_from_variables(host.name, host.variables) for host in hosts))
    check_topology(topology)
    return topology, hosts


def up(state: LabState, source: Path, say: Progress, seconds: int = BOOT_SECONDS) -> None:
    """Bring the inventory's lab up, or what is missing of it."""
    machine.require(machine.RUN)
    require_sudo()
    topology, hosts = read_topology(state.name, source, say)
    with state.lock():
        lab = _prepare(state, topology, source)
        running = [node.name for node in topology.nodes if lab.is_up() and lab.launcher.alive(node)]
        machine.require_memory(topology, running, state.memory)
        certificates.make_missing(hosts, source, say.step)
        images = _images(state, topology, say)
        _write_description(state, topology, source, images)
        if not lab.is_up():
            say.step("wiring: " + ", ".join(topology.links))
            lab.namespace.create(wiring.batch(topology))
        keys = reach.make_keys(state)
        reach.write_configuration(state, topology, lab.namespace)
        start_nodes(lab, [node for node in topology.nodes if node.name not in running], keys, say, seconds)
        words = reach.link_inventory(state, topology, source)
        _summary(lab, words, say, fresh=len(running) < len(topology.nodes))


def _prepare(state: LabState, topology: Topology, source: Path) -> Lab:
    """The lab to bring up; LabError if the name is taken by another inventory or another shape of this one."""
    if state.description.exists():
        known = state.read()
        if known["inventory"] != str(source):
            raise LabError(
                f"the name {state.name} is in use by a lab of {known['inventory']}; "
                f"give this one another with --name, or take that one down: lab down --name {state.name}"
            )
        if Topology.from_json(known["topology"]) != topology:
            raise LabError(
                f"the inventory has changed since lab {state.name} was brought up; first: lab down --name {state.name}"
            )
    elif state.exists():
        Namespace(state).destroy()  # half-made: it has no description yet, so nothing in it is worth keeping
        state.remove()
    return Lab(state, topology)


def _images(state: LabState, topology: Topology, say: Progress) -> dict[str, Path]:
    """The images to boot from, by kind of host: those the lab's disks are made on, else the current ones."""
    if state.description.exists():
        known = images_of(state)
        gone = [str(path) for path in known.values() if not path.exists()]
        if gone:
            raise LabError(
                f"an image that lab {state.name} is made on is gone ({gone[0]}); first: lab down --name {state.name}"
            )
        return known
    wanted = {node.os: image.current_inputs(node.os) for node in topology.nodes}
    for inputs in wanted.values():
        if not image.path_of(inputs).exists():
            machine.require_for_build()
            image.ensure(inputs, say.step)
    return {os_name: image.path_of(inputs) for os_name, inputs in wanted.items()}


def images_of(state: LabState) -> dict[str, Path]:
    """The images that a lab is made on, by kind of host."""
    try:
        return {os_name: Path(path) for os_name, path in state.read()["images"].items()}
    except KeyError:
        raise LabError(f"lab {state.name} is of an older version; first: lab down --name {state.name}") from None


def _write_description(state: LabState, topology: Topology, source: Path, images: dict[str, Path]) -> None:
    paths = {os_name: str(path) for os_name, path in images.items()}
    state.write({"inventory": str(source), "images": paths, "topology": topology.to_json()})


def prepare_node(lab: Lab, node: Node, keys: tuple[str, str]) -> None:
    """Lay out a node's directory: the link to the image, and the seed."""
    directory = lab.state.node_directory(node)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    link = directory / "image"
    if not link.is_symlink():
        link.symlink_to(images_of(lab.state)[node.os])
    if not (directory / "seed.tar").exists():
        seed.write_archive(directory / "seed.tar", seed.files(lab.topology, node, *keys))


def start_nodes(lab: Lab, nodes: Sequence[Node], keys: tuple[str, str], say: Progress, seconds: int) -> None:
    """Start these nodes at once and wait until all nodes of the lab answer by ssh and have booted."""
    for node in lab.topology.nodes:
        say.node(node.name, "starting" if node in nodes else "running")
    power_on(lab, nodes, keys, say)
    wait_ready(lab, lab.topology.nodes, say, seconds, fresh=nodes)


def power_on(lab: Lab, nodes: Sequence[Node], keys: tuple[str, str], say: Progress) -> None:
    """Start these nodes, several at once, and do not wait for them."""

    def start(node: Node) -> None:
        prepare_node(lab, node, keys)
        lab.launcher.start(node)
        say.node(node.name, "booting")

    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(start, nodes))


def wait_ready(lab: Lab, nodes: Sequence[Node], say: Progress, seconds: int, fresh: Sequence[Node] = ()) -> None:
    """Wait until these nodes have booted and answer by ssh; LabError with the console's end of those that do not.

    A failed unit is an error on a fresh node. On others it is only reported: what runs there is the user's.
    """
    end = time.monotonic() + seconds
    stop = threading.Event()
    failures: dict[str, str] = {}

    def wait(node: Node) -> None:
        failure = _wait_node(lab, node, end, stop)
        if failure.startswith(FAILED_UNITS) and node not in fresh:
            say.node(node.name, f"ready, but {failure}")
        elif failure:
            failures[node.name] = failure
            say.node(node.name, f"failed: {failure.splitlines()[0]}")
        else:
            say.node(node.name, "ready")

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        waiting = {pool.submit(wait, node) for node in nodes}
        try:
            while waiting:
                done, waiting = concurrent.futures.wait(waiting, 1, concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    future.result()
                say.refresh()
        except BaseException:
            stop.set()
            raise
    if failures:
        report = "\n".join(f"{name}: {failure}" for name, failure in sorted(failures.items()))
        raise LabError(f"{len(failures)} of {len(nodes)} nodes did not come up:\n{report}")


def _wait_node(lab: Lab, node: Node, end: float, stop: threading.Event) -> str:
    """Empty when the node is ready, else why it is not."""
    # --wait: until the boot is over. Prints running, or degraded when a unit has failed.
    # sudo: there is no D-Bus on the nodes, and without it systemctl is for root only.
    systemctl = "systemctl" if node.user == "root" else "sudo -n systemctl"
    script = f"{systemctl} is-system-running --wait; {systemctl} list-units --failed --plain --no-legend"
    command = lab.ssh(node, "-o", "ControlPath=none", script)
    complaint = ""
    while not stop.is_set():
        if not lab.launcher.alive(node):
            return "its kernel has ended; " + _console_tail(lab, node)
        left = end - time.monotonic()
        if left <= 0:
            return f"no answer in time ({complaint or 'ssh does not answer'}); " + _console_tail(lab, node)
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=left, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            continue
        state, dummy, failed = result.stdout.partition("\n")
        if state == "running":
            return ""
        if state == "degraded":
            units = ", ".join(line.split()[0] for line in failed.splitlines() if line.split())
            return f"{FAILED_UNITS} {units}; look with: lab run --name {lab.state.name} {node.name} systemctl status"
        complaint = state or result.stderr.strip().rpartition("\n")[2]
        stop.wait(0.5)
    return "interrupted"


def _console_tail(lab: Lab, node: Node, lines: int = 15) -> str:
    try:
        text = lab.console(node).read_text(errors="replace")
    except FileNotFoundError:
        return "it has no console log"
    return "the end of its console:\n" + "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])


def _summary(lab: Lab, words: list[str], say: Progress, fresh: bool) -> None:
    names = ", ".join(node.name for node in lab.topology.nodes)
    verb = "is up" if fresh else "was up already"
    use = " ".join(word if word == "-i" else _short(word) for word in words)
    say.step(f"lab {lab.state.name} {verb}: {names}")
    print(f"ansible-playbook {use} site.yml\nlab ssh --name {lab.state.name} {lab.topology.nodes[0].name}")


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    shorter = min(relative, path, key=len)
    return f"'{shorter}'" if " " in shorter else shorter


def down(state: LabState, keep: bool = False) -> bool:
    """End everything of a lab and remove its files, whatever state it is in; False when there was nothing.

    With `keep`, disks and saved states stay, and `up` goes on from them.
    """
    with state.lock():
        namespace = Namespace(state)
        existed = state.exists() or namespace.holder() is not None
        namespace.destroy()
        try:
            source = Path(state.read()["inventory"])
        except LabError:
            source = None
        if source and source.is_dir():
            reach.unlink_inventory(state, source)
        if not (keep and state.description.exists()):
            state.remove()
    return existed


def restart(lab: Lab, node: Node, say: Progress, seconds: int) -> None:
    """Power on a node that is off, and wait for it."""
    with lab.state.lock():
        prepare_node(lab, node, reach.make_keys(lab.state))
        if not lab.launcher.alive(node):
            lab.launcher.start(node)
        say.node(node.name, "booting")
        wait_ready(lab, [node], say, seconds)


def restore(lab: Lab, name: str, say: Progress, seconds: int) -> None:
    """Cut the power of all nodes, give them the disks of a saved state, and boot those that were on then."""
    with lab.state.lock():
        found = saved.read(lab.state, name)
        with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lab.launcher.kill, lab.topology.nodes))
        saved.put_back(lab, name)
        for target in wiring.cut_targets(lab.topology, lab.namespace.run("ip", "-json", "link")):
            lab.set_link(target, "up")
        on = [node for node in lab.topology.nodes if node.name not in found["off"]]
        power_on(lab, on, reach.make_keys(lab.state), say)
        wait_ready(lab, on, say, seconds)
        for target in found["cut"]:
            lab.set_link(target, "down")
