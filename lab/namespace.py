# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a lab: one user, network and pid namespace, held by one process.

The pid namespace is what makes `down` sure: when its first process (the holder) ends, the kernel ends every other
process in it: nodes with their traced children, connections into the lab, captures.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shlex
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lab import processes
from lab.errors import LabError
from lab.state import LabState, read_process, write_process

if TYPE_CHECKING:
    from pathlib import Path

# The holder ignores SIGCHLD, so the kernel reaps the orphans it inherits. /proc is the machine's, and so are its pids.
# keep_addr_on_down: a cut management link keeps the machine's own IPv6 address.
_HOLDER = """
trap "" CHLD
echo 1 >/proc/sys/net/ipv6/conf/all/keep_addr_on_down
for key in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -w "$key" ] || echo 0 >"$key"; done
read -r pid rest </proc/self/stat
echo "$pid" >"$1"
exec sleep infinity
"""
RUN_VARIABLE = "MULTITIER_LAB_RUN"  # in the environment of every process of a lab
_LAUNCH = 'read -r pid rest </proc/self/stat; echo "$pid" >"$1"; shift; exec "$@"'


@dataclasses.dataclass(frozen=True)
class Rights:
    """How this user may make namespaces: in a user namespace of its own, and whether sudo is needed."""

    own_user: bool
    sudo: bool

    @property
    def prefix(self) -> list[str]:
        """What to put before a command that needs root's rights."""
        return ["sudo", "-n"] if self.sudo else []


@functools.cache
def rights() -> Rights:
    """What works here. Set MULTITIER_LAB_SUDO=1 to use sudo where user namespaces would do."""
    probe = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True, check=False)
    own_user = probe.returncode == 0 and not os.environ.get("MULTITIER_LAB_SUDO")
    return Rights(own_user, sudo=not own_user and os.getuid() != 0)


def require_sudo() -> None:
    """Where sudo is needed, say so and let it ask for a password now; LabError when it may not be used."""
    if not rights().sudo:
        return
    print("user namespaces are not available on this machine: using sudo for the lab's network", file=sys.stderr)
    if shutil.which("sudo") is None or subprocess.run(["sudo", "-v"], check=False).returncode:
        raise LabError(
            "sudo does not work either; as root: sysctl kernel.unprivileged_userns_clone=1, or run the lab as root"
        )


class Namespace:
    """The namespaces of one lab."""

    def __init__(self, state: LabState) -> None:
        self.state = state
        self.rights = rights()

    def holder(self) -> processes.Process | None:
        """The process that holds the namespaces, or None when the lab has none."""
        return read_process(self.state.holder_pid)

    def create(self, wiring: str) -> None:
        """Make the namespaces and wire them by this input of `ip -batch`; only then does the lab have a holder."""
        self.destroy()  # of a run that was killed before it came to its end
        self.state.make_memory()
        fresh = self.state.holder_pid.with_name("holder.new")
        fresh.unlink(missing_ok=True)
        own_user = ["--user", "--map-root-user"] if self.rights.own_user else []
        spaces = [*own_user, "--net", "--pid", "--fork", "--kill-child"]
        command = [*self.rights.prefix, "unshare", *spaces, "--", "sh", "-c", _HOLDER, _mark(self.state), str(fresh)]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, RUN_VARIABLE: str(self.state.memory)},
        )
        holder = processes.find(_wait_for_pid(fresh, child))
        if holder is None:
            raise LabError("the lab's namespace ended as soon as it was made")
        _run([*self.entry(holder.pid), "--", "ip", "-batch", "-"], f"wiring lab {self.state.name}", wiring)
        write_process(self.state.holder_pid, holder)
        fresh.unlink()

    def enter(self, *command: str) -> list[str]:
        """The command that runs this one inside the namespaces; LabError when the lab is not up."""
        holder = self.holder()
        if holder is None:
            raise LabError(f"lab {self.state.name} is not up")
        return [*self.entry(holder.pid), "--", *command]

    def entry(self, holder: int | str) -> list[str]:
        """The words that enter the namespaces held by that pid."""
        own_user = ["--user", "--preserve-credentials"] if self.rights.own_user else []
        return [*self.rights.prefix, "nsenter", f"--target={holder}", *own_user, "--net", "--pid"]

    def run(self, *command: str) -> str:
        """Run a command inside, return its output; LabError with its complaint if it fails."""
        return _run(self.enter(*command), f"in lab {self.state.name}: {shlex.join(command)}")

    def launch(self, command: list[str], pid_file: Path, cwd: Path, log: Path, env: dict[str, str]) -> None:
        """Start a command inside, in a session of its own, and keep its process in `pid_file`."""
        fresh = pid_file.with_name("pid.new")
        fresh.unlink(missing_ok=True)
        variables = [f"{key}={value}" for key, value in env.items()]
        with log.open("ab") as output:
            child = subprocess.Popen(
                self.enter("env", *variables, "setsid", "--fork", "sh", "-c", _LAUNCH, "sh", str(fresh), *command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
            )
            child.wait(timeout=30)
        process = processes.find(_wait_for_pid(fresh, child))
        if process is None:
            raise LabError(f"{command[0]} ended as soon as it started; its last words are in {log}")
        write_process(pid_file, process)
        fresh.unlink()

    def kill(self, found: list[processes.Process]) -> None:
        """End these processes now; LabError when one does not go."""
        if self.rights.sudo and found:
            pids = [str(process.pid) for process in found if processes.alive(process)]
            subprocess.run([*self.rights.prefix, "kill", "-KILL", *pids], capture_output=True, check=False)
        left = processes.kill(found)
        if left:
            raise LabError(f"could not end the processes {', '.join(str(process.pid) for process in left)}")

    def destroy(self) -> None:
        """End everything in the namespaces, which end with it; nothing happens when there is nothing."""
        holder = self.holder()
        self.kill([holder] if holder else [])
        # What is left if the tool or the holder crashed: all of it carries one of these.
        self.kill(processes.mentioning(f"{RUN_VARIABLE}={self.state.memory}\0"))
        self.kill(processes.mentioning(f"{_mark(self.state)}\0"))
        self.remove(self.state.memory)

    def remove(self, directory: Path) -> None:
        """Remove a directory in which the nodes have made files."""
        if self.rights.sudo and directory.exists():
            subprocess.run([*self.rights.prefix, "rm", "-rf", str(directory)], check=False)
        shutil.rmtree(directory, ignore_errors=True)


def _run(command: list[str], what: str, stdin: str = "") -> str:
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(f"{what}: {result.stderr.strip()}")
    return result.stdout


def _mark(state: LabState) -> str:
    """An argument that only processes of this lab have."""
    return f"multitier-lab:{state.memory}"


def _wait_for_pid(path: Path, child: subprocess.Popen[bytes], seconds: float = 20) -> int:
    """The pid that the started process writes to the file; LabError when it ends or is silent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            text = path.read_text()
        except FileNotFoundError:
            text = ""
        if text.endswith("\n"):
            return int(text)
        if child.poll():
            complaint = child.stderr.read().decode().strip() if child.stderr else ""
            raise LabError(f"could not enter the lab's namespace: {complaint or f'exit code {child.returncode}'}")
        time.sleep(0.01)
    raise LabError(f"the lab's namespace did not answer within {seconds:.0f} s")
