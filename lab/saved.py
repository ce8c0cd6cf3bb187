# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved states of a lab: the disks of all nodes at one moment, which nodes were off, and what was cut.

A state lies in the lab's own directory (states/NAME) and goes with it. Its disks fit only the lab they were saved from:
a copy-on-write file names the image it is over, by path and time, and the keys that the nodes know are the lab's.
"""

from __future__ import annotations

import contextlib
import json
import select
import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.namespace import rights
from lab.state import check_name, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.lab import Lab
    from lab.model import Node
    from lab.state import LabState

DISK = "disk.cow"
FREEZE_SECONDS = 60
# Holds all writing to the disk until standard input ends, so that what is copied meanwhile is a whole file system.
_FREEZE = "fsfreeze --freeze / || exit; echo frozen; timeout 120 cat; code=$?; fsfreeze --unfreeze / && exit $code"


def directory_of(state: LabState, name: str) -> Path:
    """Where a saved state is kept, or would be."""
    return state.directory / "states" / check_name(name, "a state")


def names(state: LabState) -> list[str]:
    """The states there are, the oldest first."""
    found = [(read(state, path.parent.name)["saved"], path.parent.name)
             for path in state.directory.glob("states/[!.]*/state.json")]  # fmt: skip
    return [name for _saved, name in sorted(found)]


def read(state: LabState, name: str) -> dict[str, Any]:
    """What is known of a saved state; LabError with the names there are."""
    try:
        data: dict[str, Any] = json.loads((directory_of(state, name) / "state.json").read_text())
    except FileNotFoundError:
        there = ", ".join(names(state)) or "none"
        raise LabError(f"lab {state.name} has no saved state {name}; there are: {there}") from None
    return data


def size(state: LabState, name: str) -> int:
    """The bytes that a state takes on the machine's disk."""
    return sum(path.stat().st_blocks * 512 for path in directory_of(state, name).iterdir())


def save(lab: Lab, name: str, cut: Sequence[str], replace: bool = False) -> None:
    """Keep the disks of all nodes as they are now; nodes go on running and only their writes wait meanwhile."""
    target = directory_of(lab.state, name)
    if target.exists() and not replace:
        raise LabError(f"lab {lab.state.name} has a saved state {name} already; replace it by --replace")
    partial = target.with_name(f".{name}")
    remove(partial)
    partial.mkdir(parents=True, mode=0o700)
    running = [node for node in lab.topology.nodes if lab.launcher.alive(node)]
    try:
        with _frozen(lab, running):
            saved = time.time()
            for node in lab.topology.nodes:
                _copy(lab.state.node_directory(node) / DISK, partial / f"{node.name}.cow")
        off = [node.name for node in lab.topology.nodes if node not in running]
        write_file(partial / "state.json", json.dumps({"saved": saved, "off": off, "cut": list(cut)}))
        remove(target)
        partial.rename(target)
    finally:
        remove(partial)


def put_back(lab: Lab, name: str) -> None:
    """Give every node, all of which must be off, the disk that it had in this state."""
    source = directory_of(lab.state, name)
    for node in lab.topology.nodes:
        _copy(source / f"{node.name}.cow", lab.state.node_directory(node) / DISK)


def remove(directory: Path) -> None:
    """Remove a state's directory; nothing happens when there is none."""
    if rights().sudo and directory.exists():
        subprocess.run([*rights().prefix, "rm", "-rf", str(directory)], check=False)
    shutil.rmtree(directory, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a disk in one step, sharing blocks where the file system can, and leaving holes where there are any."""
    partial = target.with_name(f".{target.name}")
    options = ["--reflink=auto", "--sparse=always", "--preserve=mode,ownership"]
    for command in (["cp", *options, str(source), str(partial)], ["mv", str(partial), str(target)]):
        result = subprocess.run([*rights().prefix, *command], capture_output=True, text=True, check=False)
        if result.returncode:
            partial.unlink(missing_ok=True)
            raise LabError(result.stderr.strip())


@contextlib.contextmanager
def _frozen(lab: Lab, nodes: Sequence[Node]) -> Iterator[None]:
    """Hold the writes of these nodes, all at the same time; LabError names one that does not answer."""
    with contextlib.ExitStack() as stack:
        children = {}
        for node in nodes:
            command = "" if node.user == "root" else "sudo -n "
            pipe = subprocess.PIPE
            child = subprocess.Popen(
                lab.ssh(node, f"{command}sh -c {shlex.quote(_FREEZE)}"), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
            )
            stack.callback(_thaw, child)
            children[node.name] = child
        end = time.monotonic() + FREEZE_SECONDS
        for name, child in children.items():
            complaint = _complaint(child, max(0.0, end - time.monotonic()))
            if complaint:
                raise LabError(f"{name} could not hold its disk still: {complaint}; nothing is saved")
        yield
        for name, child in children.items():
            if _thaw(child):
                raise LabError(f"{name} did not hold its disk still until it was copied; nothing is saved")


def _complaint(child: subprocess.Popen[bytes], seconds: float) -> str:
    """Empty once a node holds its disk still, else why it does not."""
    if child.stdout is None or not select.select([child.stdout], [], [], seconds)[0]:
        return f"no answer within {FREEZE_SECONDS} s"
    if child.stdout.read(7) == b"frozen\n":
        return ""
    errors = child.stderr.read() if child.stderr else b""
    return errors.decode(errors="replace").strip() or "the log-in failed"


def _thaw(child: subprocess.Popen[bytes]) -> int:
    """Let a node write again; returns the exit code of what held it, which is 0 when it held until now."""
    if child.stdin and not child.stdin.closed:
        child.stdin.close()
    try:
        return child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
