# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the user's own ssh and Ansible reach the nodes: an ssh configuration, and an inventory file that names it.

Each connection enters the lab's namespaces (nsenter) and connects to the node's management address there (socat), so
the inventory's addresses are used as they are and nothing of the machine's own network is touched.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab import inventory, processes
from lab.errors import LabError
from lab.state import LabState, write_file

if TYPE_CHECKING:
    from lab.model import Node, Topology
    from lab.namespace import Namespace

LINK_NAME = "zz_lab_connection.yml"  # last in the directory, so that it is read last
INTERPRETER = "/usr/bin/python3"
PROXY_VARIABLE = "MULTITIER_LAB_PROXY"  # in the environment of every connection


def make_keys(state: LabState) -> tuple[str, str]:
    """The lab's key for logging in (its public half) and its host key (the private half), made once."""
    for name in ("id_ed25519", "host_key"):
        path = state.directory / name
        if not path.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {state.name}", "-f", str(path)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    public = (state.directory / "host_key.pub").read_text().split()
    write_file(state.directory / "known_hosts", f"* {public[0]} {public[1]}\n")
    return (state.directory / "id_ed25519.pub").read_text(), (state.directory / "host_key").read_text()


def write_configuration(state: LabState, topology: Topology, namespace: Namespace) -> None:
    """Write the proxy, the ssh configuration and the connection inventory of a lab that is up."""
    holder = namespace.holder()
    if holder is None:
        raise LabError(f"lab {state.name} is not up")
    inode = namespace.run("readlink", "/proc/self/ns/net").strip()
    write_file(state.directory / "proxy", proxy_script(state, namespace.entry(holder.pid), holder.pid, inode), 0o700)
    write_file(state.ssh_config, ssh_config(state, topology))
    write_file(state.connection, connection_inventory(state, topology))


def proxy_script(state: LabState, entry: list[str], holder: int, inode: str) -> str:
    """The ProxyCommand: `proxy HOST PORT`. It refuses when the pid no longer belongs to the lab."""
    readlink = shlex.join([*(entry[:2] if entry[0] == "sudo" else []), "readlink", f"/proc/{holder}/ns/net"])
    return f"""#!/bin/sh
# Connects to a node of lab {state.name} from inside its network: proxy ADDRESS PORT
[ "$({readlink} 2>/dev/null)" = '{inode}' ] || {{ echo 'lab {state.name} is not up' >&2; exit 255; }}
case $1 in *:*) to="TCP6:[$1]:$2" ;; *) to="TCP4:$1:$2" ;; esac
{PROXY_VARIABLE}={shlex.quote(str(state.memory))}/$1
export {PROXY_VARIABLE}
exec {shlex.join(entry)} -- socat - "$to,connect-timeout=5,nodelay"
"""


def connections(state: LabState, node: Node) -> list[processes.Process]:
    """The processes of open connections to a node. Ending them lets ssh see at once that the node is gone."""
    return processes.mentioning(f"{PROXY_VARIABLE}={state.memory}/{node.address}\0")


def ssh_config(state: LabState, topology: Topology) -> str:
    """What ssh -F reads: the nodes, by name and by address."""

    def quoted(path: str) -> str:
        return f'"{path}"'

    def literal(name: str) -> str:
        return quoted(str(state.directory / name).replace("%", "%%"))

    blocks = [
        f"Host {node.name} {node.address}\n    HostName {node.address}\n    Port {node.port}\n    User {node.user}\n"
        for node in topology.nodes
    ]
    proxy = shlex.quote(str(state.directory / "proxy")).replace("%", "%%")
    common = f"""\
Host *
    ProxyCommand {proxy} %h %p
    IdentityFile {literal("id_ed25519")}
    IdentitiesOnly yes
    UserKnownHostsFile {literal("known_hosts")}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    CheckHostIP no
    PreferredAuthentications publickey
    KexAlgorithms curve25519-sha256
    ForwardAgent no
    LogLevel ERROR
    ServerAliveInterval 10
"""
    # A log-in costs a node half a second of CPU. Kept for longer than a playbook pauses: a session that is asked for in
    # the moment in which the kept connection ends is lost.
    path = control_path(state, topology)
    common += (
        "" if path == "none" else f"    ControlMaster auto\n    ControlPersist 900\n    ControlPath {quoted(path)}\n"
    )
    return f"# ssh -F THIS_FILE NODE; written by `lab up`\n{''.join(blocks)}{common}"


def control_path(state: LabState, topology: Topology) -> str:
    """Where ssh keeps connections open, or `none` where that would be too long for a socket's path (108).

    Ansible is given it too: its own path is made of the address, which two labs may share.
    """
    longest = max(len(node.address) for node in topology.nodes)
    suffix = 17  # while ssh makes the socket
    return f"{state.memory}/%h" if len(f"{state.memory}/") + longest + suffix < 108 else "none"


def connection_variables(state: LabState, topology: Topology) -> dict[str, str]:
    """The Ansible variables that every node needs."""
    kept = shlex.quote(f"ControlPath={control_path(state, topology)}")
    return {
        "ansible_connection": "ssh",
        "ansible_ssh_common_args": f"-F {shlex.quote(str(state.ssh_config))} -o {kept}",
        "ansible_python_interpreter": INTERPRETER,
    }


def connection_inventory(state: LabState, topology: Topology) -> str:
    """An inventory file (YAML) that gives the hosts these variables; literal, as pytest-testinfra needs them."""
    lines = [f"# lab: {state.name} ({state.directory})", "# How Ansible reaches the lab; `lab down` removes this file."]
    # linters come upon it while a lab is up
    lines += ["# yamllint disable rule:line-length", "all:", "  hosts:"]
    for node in topology.nodes:
        lines.append(f"    {node.name}:")
        for key, value in connection_variables(state, topology).items():
            doubled = value.replace("'", "''")
            lines.append(f"      {key}: '{doubled}'")
    return "\n".join(lines) + "\n"


def link_inventory(state: LabState, topology: Topology, source: Path) -> list[str]:
    """Make the inventory itself reach the lab if it is a directory no other lab is linked to.

    Returns the words that name the inventory to Ansible. LabError when a variable of the inventory is in the way.
    """
    sources = [source, state.connection]
    if source.is_dir() and os.access(source, os.W_OK):
        owner = _owner(source / LINK_NAME)
        if owner is None or owner == state.name or (owner and not LabState(owner).exists()):
            write_file(source / LINK_NAME, state.connection.read_text(), 0o600)
            sources = [source]
    _verify(connection_variables(state, topology), sources)
    return [word for item in sources for word in ("-i", str(item))]


def unlink_inventory(state: LabState, source: Path) -> None:
    """Undo `link_inventory`."""
    path = source / LINK_NAME
    if _owner(path) == state.name:
        path.unlink()


def _owner(path: Path) -> str | None:
    """The lab that wrote the file; None when there is no such file, empty when no lab wrote it."""
    try:
        words = path.read_text().partition("\n")[0].split()
    except FileNotFoundError:
        return None
    return words[2] if words[:2] == ["#", "lab:"] and len(words) > 2 else ""


def _verify(expected: dict[str, str], sources: list[Path]) -> None:
    for host in inventory.read(sources, list(expected)):
        for key, value in expected.items():
            if host.variables.get(key) != value:
                raise LabError(
                    f"host {host.name}: {key} is {host.variables.get(key)!r} and must be {value!r} to reach the lab: "
                    f"something with a higher precedence (host_vars/{host.name}?) sets it"
                )
