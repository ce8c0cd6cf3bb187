# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab import commands, machine
from lab.demo import tour
from lab.errors import LabError
from lab.lifecycle import BOOT_SECONDS
from lab.systems import DEFAULT, systems

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = """\
examples:
  lab up -i inventories/three_tier          bring the inventory up as a lab called three_tier
  ansible-playbook -i inventories/three_tier site.yml
  lab status                                what runs, and where
  lab run c1 curl -s http://198.51.100.2/   run a command on a node; its exit code is passed on
  lab kill d1                               cut the power of a node; `lab start d1` gives it back
  lab cut p1:eth1                           lose all packets of a NIC; `lab mend p1:eth1` ends it
  lab save deployed                         keep all disks; `lab restore deployed` goes back to them
  lab capture fabric --seconds 5 -w f.pcap  record a link
  lab demo                                  all of it, with a failure under load, on the three-tier example
  lab down -i inventories/three_tier        take the lab down; nothing is left but the image

With a single lab, no name is needed. With several, give --name or -i.
State is kept in $MULTITIER_LAB_HOME (~/.cache/multitier-lab).
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    machine.extend_path()
    options = parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `lab up` continues from here, `lab down` removes it", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141


def parser() -> argparse.ArgumentParser:
    """The argument parser of all commands."""
    top = argparse.ArgumentParser(
        prog="lab",
        description="Bring any inventory of this collection up as real hosts on this machine, one Linux kernel each.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_commands(_Adder(top.add_subparsers(metavar="COMMAND", required=True)))
    return top


class _Adder:
    """Adds commands that share options."""

    def __init__(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        self._commands = commands
        self._which = argparse.ArgumentParser(add_help=False)
        group = self._which.add_mutually_exclusive_group()
        group.add_argument("--name", help="the lab's name")
        group.add_argument("-i", "--inventory", type=Path, metavar="INVENTORY", help="the inventory it was made of")

    def add(
        self, name: str, function: Callable[[argparse.Namespace], int], summary: str, selects: bool = True
    ) -> argparse.ArgumentParser:
        """A command; with `selects` it has the options that say which lab is meant."""
        description = summary[0].upper() + summary[1:] + "."
        parents = [self._which] if selects else []
        one = self._commands.add_parser(name, help=summary, description=description, parents=parents)
        one.set_defaults(command=function)
        return one

    def on_node(
        self, name: str, function: Callable[[argparse.Namespace], int], summary: str
    ) -> argparse.ArgumentParser:
        """A command on one node."""
        one = self.add(name, function, summary)
        one.add_argument("node", metavar="NODE")
        return one


def _add_commands(to: _Adder) -> None:
    one = to.add("up", commands.up_command, "bring an inventory up as a lab, or the missing nodes of it", selects=False)
    one.add_argument("-i", "--inventory", type=Path, required=True, metavar="INVENTORY", help="directory or file")
    one.add_argument("--name", help="the lab's name (default: that of the inventory)")
    _add_timeout(one)
    one = to.add("down", commands.down_command, "end a lab and remove everything of it but the cached image")
    one.add_argument("--all", action="store_true", help="every lab there is")
    one.add_argument("--keep", action="store_true", help="keep disks and saved states: `lab up` goes on from them")
    one = to.add("status", commands.status_command, "show the labs and the state of their nodes")
    one.add_argument("--json", action="store_true", help="for programs")
    one = to.on_node("ssh", commands.ssh_command, "log in to a node")
    one.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="a shell command instead of a shell")
    one = to.on_node("run", commands.run_command, "run a command on a node and pass on its exit code")
    one.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="several words are a program and its arguments; a single one is a shell command",
    )
    one = to.on_node("logs", commands.logs_command, "show a node's journal, or its console if it is dead")
    one.add_argument("--console", action="store_true", help="the console in any case")
    one.add_argument("-n", "--lines", type=int, default=200, help="how many lines (%(default)s)")
    for name, summary in (("cut", "lose all packets of a link or a NIC"), ("mend", "undo a cut")):
        one = to.add(name, commands.cut_command, summary)
        one.set_defaults(direction="down" if name == "cut" else "up")
        one.add_argument("target", metavar="LINK|NODE:NIC")
    to.on_node("kill", commands.kill_command, "cut the power of a node")
    one = to.on_node("start", commands.start_command, "power on a node that is off, with the disk it had")
    _add_timeout(one)
    one = to.add("save", commands.save_command, "save the disks of all nodes, which go on running, as a state")
    one.add_argument("saved", metavar="STATE", help="a name for it; `lab status` lists those there are")
    one.add_argument("--replace", action="store_true", help="in place of the state of that name")
    one = to.add("restore", commands.restore_command, "boot all nodes with the disks of a saved state")
    one.add_argument("saved", metavar="STATE")
    _add_timeout(one)
    one = to.add("forget", commands.forget_command, "remove a saved state")
    one.add_argument("saved", metavar="STATE")
    one = to.add(
        "capture", commands.capture_command, "record packets of a link or a NIC (text on a terminal, else pcap)"
    )
    one.add_argument("target", metavar="LINK|NODE:NIC")
    one.add_argument("-w", "--write", type=Path, metavar="FILE", help="write pcap to this file (- is standard output)")
    one.add_argument("--seconds", type=float, default=10, help="at most so long (%(default)s)")
    one.add_argument("--count", type=int, default=100000, help="at most so many packets (%(default)s)")
    one.add_argument("--filter", default="", metavar="EXPRESSION", help="as of pcap-filter(7), e.g. 'tcp port 80'")
    to.add("inventory", commands.inventory_command, "print the inventory file that tells Ansible how to reach the lab")
    to.add(
        "connection", commands.connection_command, "print how programs reach the lab: ssh configuration, inventories"
    )
    one = to.add(
        "demo", tour.command, "bring three tiers up, deploy them, and show a failure under load", selects=False
    )
    tour.add_arguments(one)
    one = to.add("image", commands.image_command, "build an image of nodes if it is not there yet", selects=False)
    one.add_argument("--os", choices=sorted(systems()), default=DEFAULT, help="for hosts of this lab_os (%(default)s)")
    one.add_argument("--rebuild", action="store_true", help="even if it is there: takes newer packages")
    one.add_argument("--prune", action="store_true", help="remove images that no lab uses and no `up` would use")


def _add_timeout(one: argparse.ArgumentParser) -> None:
    summary = "how long nodes may take to boot (%(default)s)"
    one.add_argument("--timeout", type=int, default=BOOT_SECONDS, metavar="SECONDS", help=summary)
