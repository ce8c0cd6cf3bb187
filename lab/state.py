# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps what it knows: one directory per lab, and images that labs share.

$MULTITIER_LAB_HOME (default ~/.cache/multitier-lab)
  images/HASH/          see lab.image
  labs/NAME/lab.json    the topology and where it came from
  labs/NAME/nodes/NODE/ disk, seed, console log, pid of a node
  labs/NAME/states/     saved states, see lab.saved
/dev/shm/multitier-lab-UID/NAME   memory of the nodes, removed by `down`
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.model import Node, Topology
from lab.processes import Process, alive, find

if TYPE_CHECKING:
    from collections.abc import Iterator


def home() -> Path:
    """The directory of all state."""
    configured = os.environ.get("MULTITIER_LAB_HOME")
    return Path(configured).absolute() if configured else Path.home() / ".cache" / "multitier-lab"


def memory_home() -> Path:
    """A directory in memory for the nodes' RAM; its name is part of socket paths, so it is short."""
    digest = hashlib.sha256(str(home()).encode()).hexdigest()[:6]
    shm = Path("/dev/shm")  # noqa: S108 (a directory of ours in it, mode 0700)
    return (shm if os.access(shm, os.W_OK) else home()) / f"multitier-lab-{os.getuid()}-{digest}"


def check_name(name: str, what: str = "a lab") -> str:
    """The name of a lab, or of what else, if it can be one; LabError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", name):
        hint = "; give --name" if what == "a lab" else ""
        raise LabError(f"{name!r} cannot be {what}'s name: letters, digits, '.', '_', '-', at most 32{hint}")
    return name


class LabState:
    """The directories and files of one lab."""

    def __init__(self, name: str) -> None:
        self.name = check_name(name)
        self.directory = home() / "labs" / name
        self.memory = memory_home() / name
        self.description = self.directory / "lab.json"
        self.ssh_config = self.directory / "ssh_config"
        self.connection = self.directory / "connection.yml"
        self.holder_pid = self.directory / "holder.pid"

    def exists(self) -> bool:
        """Whether anything of this lab is kept."""
        return self.directory.exists() or self.memory.exists()

    def node_directory(self, node: Node) -> Path:
        """Where a node's own files are."""
        return self.directory / "nodes" / node.name

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab for a change; LabError when another command is changing it."""
        home().mkdir(parents=True, exist_ok=True, mode=0o700)
        # one byte of one file per lab, so that no lock file has to be made and taken away
        place = int(hashlib.sha256(self.name.encode()).hexdigest()[:7], 16)
        with (home() / "lock").open("a") as stream:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                raise LabError(f"another command is changing lab {self.name}; wait for it to end") from None
            yield

    def read(self) -> dict[str, Any]:
        """What `write` kept; LabError when there is no such lab."""
        try:
            data: dict[str, Any] = json.loads(self.description.read_text())
        except FileNotFoundError:
            raise LabError(f"there is no lab {self.name}; there are: {', '.join(names()) or 'none'}") from None
        except json.JSONDecodeError as error:
            raise LabError(
                f"{self.description} is damaged ({error}); `lab down --name {self.name}` clears it"
            ) from None
        return data

    def write(self, data: dict[str, Any]) -> None:
        """Keep the lab's description."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(self.description, json.dumps(data, indent=1))

    def topology(self) -> Topology:
        """The lab's topology as it was brought up."""
        return Topology.from_json(self.read()["topology"])

    def make_memory(self) -> None:
        """Make the directory for the nodes' RAM; LabError when it is not ours, or on a file system mounted noexec."""
        parent = memory_home()
        parent.mkdir(exist_ok=True, mode=0o700)
        found = parent.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
            raise LabError(f"{parent} is not a directory that only this user can write to; remove it")
        if os.statvfs(parent).f_flag & os.ST_NOEXEC:
            raise LabError(f"{parent} is on a file system mounted noexec, where user-mode-linux cannot have its memory")
        self.memory.mkdir(exist_ok=True, mode=0o700)

    def remove(self) -> None:
        """Take away every file of the lab."""
        for directory in (self.directory, self.memory):
            shutil.rmtree(directory, ignore_errors=True)
            if directory.exists():
                raise LabError(f"{directory} could not be removed")
        for parent in (memory_home(), home() / "labs"):
            with contextlib.suppress(OSError):  # other labs are in it
                parent.rmdir()


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file in one step, so that a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.replace(path)


def write_process(path: Path, process: Process) -> None:
    """Keep which process this is."""
    write_file(path, f"{process.pid} {process.started}\n")


def read_process(path: Path) -> Process | None:
    """The process kept in the file if it still runs."""
    try:
        words = path.read_text().split()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not all(word.isdigit() for word in words) or not words:
        return None
    process = Process(int(words[0]), int(words[1])) if len(words) > 1 else find(int(words[0]))
    return process if alive(process) else None


def names() -> list[str]:
    """The labs there are."""
    found = {entry.name for parent in (home() / "labs", memory_home()) if parent.is_dir() for entry in parent.iterdir()}
    return sorted(name for name in found if not name.startswith("."))
