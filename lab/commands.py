# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands of the lab do; each takes the parsed options and returns its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from lab import capture, image, machine, saved, state, wiring
from lab.errors import LabError
from lab.lab import Lab
from lab.lifecycle import down, images_of, restart, restore, up
from lab.progress import Progress
from lab.state import LabState
from lab.systems import systems

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def default_name(inventory: Path) -> str:
    """The lab's name for an inventory: that of its directory, or of its file without the ending."""
    path = inventory.resolve()
    name = path.name if path.is_dir() else path.stem
    if path.is_file() and name in {"hosts", "inventory"}:
        name = path.parent.name
    return state.check_name(name)


def _select(options: argparse.Namespace) -> LabState:
    if options.name:
        return LabState(options.name)
    known = state.names()
    if options.inventory:
        path = str(options.inventory.resolve())
        matching = [name for name in known if _inventory_of(name) == path]
        if len(matching) > 1:
            raise LabError(f"several labs are of this inventory: {', '.join(matching)}; give --name")
        return LabState(matching[0] if matching else default_name(options.inventory))
    if len(known) == 1:
        return LabState(known[0])
    raise LabError(
        f"which lab? There are: {', '.join(known)}; give --name" if known else "there is no lab; `lab up` makes one"
    )


def _inventory_of(name: str) -> str | None:
    try:
        return str(LabState(name).read()["inventory"])
    except LabError:
        return None


def _lab(options: argparse.Namespace, running: bool = True) -> Lab:
    lab = Lab.load(_select(options))
    if running and not lab.is_up():
        raise LabError(f"lab {lab.state.name} is no longer up; `lab up` starts it again, `lab down` removes it")
    return lab


def up_command(options: argparse.Namespace) -> int:
    """Bring a lab up."""
    source = options.inventory.resolve()
    if not source.exists():
        raise LabError(f"inventory {options.inventory} does not exist")
    up(LabState(options.name or default_name(source)), source, Progress(), options.timeout)
    return 0


def down_command(options: argparse.Namespace) -> int:
    """Take labs down."""
    chosen = [LabState(name) for name in state.names()] if options.all else [_select(options)]
    for one in chosen:
        existed = down(one, options.keep)
        kept = "; its disks and saved states are kept: `lab up` goes on from them" if one.exists() else ""
        print(f"lab {one.name} is down{kept}" if existed else f"there was no lab {one.name}")
    return 0


def status_command(options: argparse.Namespace) -> int:
    """Show labs."""
    chosen = [_select(options).name] if options.name or options.inventory else state.names()
    report = [_report(LabState(name)) for name in chosen]
    if options.json:
        print(json.dumps(report, indent=2))
        return 0
    if not report:
        print("there is no lab; `lab up -i INVENTORY` makes one")
    for one in report:
        print(f"lab {one['lab']}: {'up' if one['up'] else 'not up'}, of {one['inventory'] or 'nothing: incomplete'}")
        for node in one["nodes"]:
            links = " ".join(f"{nic}:{link}" for nic, link in node["links"].items())
            what = f"{node['address']:<16} {node['os']:<10} {node['memory']:<6}"
            print(f"  {node['name']:<12} {node['state']:<8} {what} {links}")
        for target in one["cut"]:
            print(f"  cut: {target}")
        for kept in one["saved"]:
            print(f"  saved: {kept['name']}, {kept['time']}, {kept['bytes'] >> 20} MB")
    return 0


def _report(one: LabState) -> dict[str, Any]:
    """What `status` says of a lab, also of one that a crash left incomplete."""
    if one.exists() and not one.description.exists():
        return {"lab": one.name, "up": False, "inventory": None, "cut": [], "nodes": [], "saved": []}
    lab = Lab.load(one)
    up_now = lab.is_up()
    nodes = [
        {"name": node.name, "state": "running" if up_now and lab.launcher.alive(node) else "dead",
         "address": node.address, "os": node.os, "memory": node.memory,
         "links": {nic.name: nic.link for nic in node.nics}}
        for node in lab.topology.nodes
    ]  # fmt: skip
    cut = _cut_targets(lab) if up_now else []
    kept = [
        {"name": name, "bytes": saved.size(one, name),
         "time": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(saved.read(one, name)["saved"]))}
        for name in saved.names(one)
    ]  # fmt: skip
    inventory = one.read()["inventory"]
    return {"lab": one.name, "up": up_now, "inventory": inventory, "cut": cut, "nodes": nodes, "saved": kept}


def _cut_targets(lab: Lab) -> list[str]:
    with contextlib.suppress(LabError):  # it is going down just now
        return wiring.cut_targets(lab.topology, lab.namespace.run("ip", "-json", "link"))
    return []


def ssh_command(options: argparse.Namespace) -> int:
    """Log in; does not return."""
    lab = _lab(options)
    command = lab.ssh(lab.topology.node(options.node), *options.words)
    os.execvp(command[0], command)


def run_command(options: argparse.Namespace) -> int:
    """Run a command on a node."""
    lab = _lab(options)
    node = lab.topology.node(options.node)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        raise LabError("no command to run")
    command = words[0] if len(words) == 1 else shlex.join(words)
    return subprocess.run(lab.ssh(node, "--", command), check=False).returncode


def logs_command(options: argparse.Namespace) -> int:
    """Show a journal or a console."""
    lab = _lab(options, running=False)
    node = lab.topology.node(options.node)
    if not options.console and lab.is_up() and lab.launcher.alive(node):
        command = lab.ssh(node, "--", f"journalctl --no-pager -n {options.lines}")
        code = subprocess.run(command, check=False, timeout=60).returncode
        if code == 0:
            return 0
        print(f"lab: {node.name} does not answer by ssh; its console:", file=sys.stderr)
    path = lab.console(node)
    if not path.exists():
        raise LabError(f"{node.name} has never been started")
    print("\n".join(path.read_text(errors="replace").splitlines()[-options.lines :]))
    return 0


def cut_command(options: argparse.Namespace) -> int:
    """Cut or mend."""
    lab = _lab(options)
    lab.set_link(options.target, options.direction)
    return 0


def kill_command(options: argparse.Namespace) -> int:
    """Cut a node's power."""
    lab = _lab(options)
    node = lab.topology.node(options.node)
    if not lab.launcher.alive(node):
        print(f"{node.name} is dead already")
    lab.launcher.kill(node)
    return 0


def start_command(options: argparse.Namespace) -> int:
    """Power a node on."""
    lab = _lab(options)
    node = lab.topology.node(options.node)
    if lab.launcher.alive(node):
        print(f"{node.name} is running already")
    restart(lab, node, Progress(), options.timeout)
    return 0


def save_command(options: argparse.Namespace) -> int:
    """Save the disks of all nodes."""
    lab = _lab(options)
    with lab.state.lock():
        saved.save(lab, options.saved, _cut_targets(lab), options.replace)
    print(f"saved {options.saved}: {saved.size(lab.state, options.saved) >> 20} MB")
    return 0


def restore_command(options: argparse.Namespace) -> int:
    """Go back to a saved state."""
    restore(_lab(options), options.saved, Progress(), options.timeout)
    return 0


def forget_command(options: argparse.Namespace) -> int:
    """Remove a saved state."""
    lab = _lab(options, running=False)
    with lab.state.lock():
        saved.read(lab.state, options.saved)
        saved.remove(saved.directory_of(lab.state, options.saved))
    return 0


def capture_command(options: argparse.Namespace) -> int:
    """Record packets."""
    lab = _lab(options)
    return capture.run(lab, options.target, options.write, options.seconds, options.count, options.filter)


def inventory_command(options: argparse.Namespace) -> int:
    """Print the connection inventory."""
    print(_lab(options).state.connection.read_text(), end="")
    return 0


def connection_command(options: argparse.Namespace) -> int:
    """Print connection details."""
    one = _lab(options).state
    details = {
        "name": one.name,
        "ssh_config": str(one.ssh_config),
        "private_key": str(one.directory / "id_ed25519"),
        "known_hosts": str(one.directory / "known_hosts"),
        "inventories": [one.read()["inventory"], str(one.connection)],
    }
    print(json.dumps(details, indent=2))
    return 0


def image_command(options: argparse.Namespace) -> int:
    """Build or remove images."""
    machine.require(machine.RUN)
    inputs = image.current_inputs(options.os)
    path = image.path_of(inputs)
    if options.rebuild or not path.exists():
        machine.require_for_build()
    users = {name: set(images_of(LabState(name)).values()) for name in state.names()
             if LabState(name).description.exists()}  # fmt: skip
    using = [name for name, used in users.items() if path in used]
    if options.rebuild and using:
        raise LabError(f"the image is in use by: {', '.join(using)}")
    if not options.prune or options.rebuild:
        image.ensure(inputs, Progress().step, options.rebuild)
        print(path)
    if options.prune:
        current = {image.path_of(image.current_inputs(name)) for name in systems()}
        for gone in image.remove_unused(current.union(*users.values())):
            print(f"removed {gone}")
    return 0
