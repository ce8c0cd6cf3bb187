# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine must have for a lab: programs, by the Debian package they come from, and memory."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.namespace import rights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.model import Topology

RUN = {
    "linux": "user-mode-linux", "ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux",
    "setsid": "util-linux", "socat": "socat", "ssh": "openssh-client", "ssh-keygen": "openssh-client",
}  # fmt: skip
BUILD = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "apt-get": "apt", "dpkg": "dpkg", "tar": "tar"}
BUILD_AS_USER = {"fakeroot": "fakeroot", "newuidmap": "uidmap", "newgidmap": "uidmap"}
# Nodes were measured to take a quarter of their limit after booting, and up to nine tenths later, as caches fill.
SHARE_USED = 0.9


def extend_path() -> None:
    """Let programs of sbin be found, which a plain user's PATH leaves out."""
    words = os.environ.get("PATH", "").split(":")
    extra = [
        directory
        for directory in ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")
        if directory not in words
    ]
    os.environ["PATH"] = ":".join([*words, *extra])


def require(programs: Mapping[str, str]) -> None:
    """Refuse when a program is missing, naming the packages to install."""
    missing = {program: package for program, package in programs.items() if not shutil.which(program)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise LabError(f"missing: {', '.join(missing)}; as root: apt-get install {packages}")


def require_for_build() -> None:
    """Refuse when the image cannot be built here."""
    plain_user = os.getuid() != 0 and not rights().sudo
    require(BUILD | (BUILD_AS_USER if plain_user else {}))
    if plain_user:
        user = pwd.getpwuid(os.getuid()).pw_name
        for path in (Path("/etc/subuid"), Path("/etc/subgid")):
            owners = {line.split(":")[0] for line in path.read_text().splitlines()} if path.exists() else set()
            if not owners & {user, str(os.getuid())}:
                raise LabError(
                    f"user {user} has no range in {path}, which building an image needs; as root: "
                    f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
                )


def require_memory(topology: Topology, running: Iterable[str], memory_directory: Path) -> None:
    """Refuse when the nodes that do not run yet would not fit into the memory that is available."""
    names = set(running)
    limit = sum(node.memory_bytes for node in topology.nodes if node.name not in names)
    needed = int(limit * SHARE_USED)
    available = available_memory()
    if needed > available:
        raise LabError(
            f"not enough memory: {_mib(needed)} needed (nodes with up to {_mib(limit)} in all), "
            f"{_mib(available)} available; lower lab_memory or end other labs"
        )
    parent = next(path for path in (memory_directory, *memory_directory.parents) if path.exists())
    room = shutil.disk_usage(parent).free
    if needed > room:
        raise LabError(
            f"not enough room for the nodes' memory in {parent}: {_mib(needed)} needed, {_mib(room)} free; "
            f"as root: mount -o remount,size={_mib(needed + room).replace(' MiB', 'M')} {parent}"
        )


def available_memory() -> int:
    """Bytes that programs may still take."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise LabError("/proc/meminfo does not say what memory is available")


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
