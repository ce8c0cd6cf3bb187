# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that nodes share: Debian with the packages the roles configure, built from the machine's apt sources.

An image is kept by the hash of all that goes into it, so that it is built once and again when an input changes.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import apt
from lab.errors import LabError
from lab.namespace import rights
from lab.state import home, write_file
from lab.systems import DEFAULT, systems
from lab.uml import KERNEL, MODULES

ROOTFS = Path(__file__).parent / "rootfs"
SIZE = "2G"  # of the file system; the file is sparse
TIME_LIMIT = 1200  # seconds
# of the kernel's modules: what a network host may load
MODULE_TREES = ("kernel/net", "kernel/drivers/net", "kernel/lib", "kernel/crypto", "kernel/security", "kernel/mm")
_UNWANTED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """All that goes into an image."""

    packages: tuple[str, ...]
    role_packages: tuple[str, ...]
    sources: tuple[str, ...]
    kernel: str
    kernel_package: str
    rootfs: Path = ROOTFS

    def hash(self) -> str:
        """The image's name: changes with every input, and with nothing else."""
        digest = hashlib.sha256()
        fixed = (self.role_packages, SIZE, MODULE_TREES, _UNWANTED)
        for value in (self.packages, self.sources, self.kernel, self.kernel_package, *fixed):
            digest.update(repr(value).encode() + b"\0")
        for path in sorted(path for path in self.rootfs.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(self.rootfs)} {path.stat().st_mode & 0o111}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]


def current_inputs(os_name: str = DEFAULT) -> Inputs:
    """What an image for hosts of this kind, built now, would be made of."""
    system = systems()[os_name]
    kernel = subprocess.run([KERNEL, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not kernel or not (MODULES / kernel).is_dir():
        raise LabError(f"no modules of the kernel {kernel} in {MODULES}: reinstall the package user-mode-linux")
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "user-mode-linux"], capture_output=True, text=True, check=False
    )
    extra = tuple(os.environ.get("MULTITIER_LAB_PACKAGES", "").split())
    packages = system.role_packages + system.packages + extra
    sources = tuple(apt.configured_sources(system.release))
    return Inputs(packages, system.role_packages, sources, kernel, query.stdout.strip())


def path_of(inputs: Inputs) -> Path:
    """Where the image of these inputs is, or will be."""
    return home() / "images" / inputs.hash() / "image.ext4"


def ensure(inputs: Inputs, progress: Callable[[str], None], rebuild: bool = False) -> Path:
    """The image's path, after building it if need be; `progress` gets a few words now and then."""
    path = path_of(inputs)
    if path.exists() and not rebuild:
        return path
    with _lock(progress):
        if path.exists() and not rebuild:  # another `up` has built it meanwhile
            return path
        _build(inputs, path, progress)
    return path


@contextmanager
def _lock(progress: Callable[[str], None]) -> Iterator[None]:
    directory = home() / "images"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another command that builds an image")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build(inputs: Inputs, path: Path, progress: Callable[[str], None]) -> None:
    for stale in path.parent.parent.glob("*.building"):  # of a run that was killed: we hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    work = path.parent.with_name(f"{path.parent.name}.building")
    work.mkdir(parents=True, mode=0o700)
    log = path.parent.parent / "build.log"
    log.write_text("")
    started = time.monotonic()
    try:
        with tarfile.open(work / "overlay.tar", "w") as overlay:
            _add_overlay(overlay, inputs)
        release = apt.codename(list(inputs.sources))

        def tell(text: str) -> None:
            progress(f"building the image of {release}: {text}")

        _run(_mmdebstrap(inputs), log, tell, TIME_LIMIT)
        _run(_make_file_system(), log, tell, TIME_LIMIT)
        (work / "overlay.tar").unlink()
        seconds = round(time.monotonic() - started)
        description = {
            "packages": inputs.packages,
            "sources": inputs.sources,
            "kernel": inputs.kernel,
            "seconds": seconds,
        }
        write_file(work / "image.json", json.dumps(description, indent=1))
        shutil.rmtree(path.parent, ignore_errors=True)
        work.rename(path.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _add_overlay(overlay: tarfile.TarFile, inputs: Inputs) -> None:
    """Our own files and the kernel's modules, owned by root."""

    def owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mode = 0o755 if entry.mode & 0o111 else 0o644
        return entry

    for path in sorted(path for path in inputs.rootfs.rglob("*") if path.is_file()):
        overlay.add(path, str(path.relative_to(inputs.rootfs)), filter=owned_by_root)
    modules = MODULES / inputs.kernel
    # below usr/: in the image /lib is a link to it, which must not become a directory
    target = f"usr/lib/modules/{inputs.kernel}"
    for item in [*MODULE_TREES, *(entry.name for entry in modules.glob("modules.*"))]:
        if (modules / item).exists():
            overlay.add(modules / item, f"{target}/{item}", filter=owned_by_root)
    notice = b"# the module trees of a network host; the rest is left out\n"
    entry = tarfile.TarInfo(f"{target}/README")
    entry.size = len(notice)
    overlay.addfile(entry, io.BytesIO(notice))


def _mmdebstrap(inputs: Inputs) -> list[str]:
    mode = "unshare" if os.getuid() and rights().own_user else "root"
    return [
        *rights().prefix,
        "mmdebstrap",
        f"--mode={mode}",
        "--variant=minbase",
        "--skip=output/dev",
        "--include=" + ",".join(inputs.packages),
        "--skip=cleanup/apt/lists",  # prepare leaves the list of what a node can install
        "--dpkgopt=force-unsafe-io",  # no fsync for each file: a build that is cut short is thrown away
        *[f"--dpkgopt=path-exclude={pattern}" for pattern in _UNWANTED],
        *[f"--aptopt={option.rstrip(';')}" for option in apt.options()],
        "--customize-hook=tar-in overlay.tar /",
        f'--customize-hook=chroot "$1" /usr/lib/lab/prepare {inputs.kernel} {" ".join(inputs.role_packages)}',
        apt.codename(list(inputs.sources)),
        "root.tar",
        *inputs.sources,
    ]


def _make_file_system() -> list[str]:
    """Unpack the archive and make the file system of it; a plain user does it under fakeroot, which keeps owners."""
    fakeroot = ["fakeroot", "--"] if os.getuid() and not rights().sudo else []
    script = """
        set -e
        mkdir root
        tar -C root -xpf root.tar --numeric-owner
        mke2fs -q -t ext4 -m 0 -E lazy_itable_init=0,lazy_journal_init=0 -L lab -d root image.ext4 "$0"
        rm -rf root root.tar
        chown --reference=. image.ext4
    """
    return [*rights().prefix, *fakeroot, "sh", "-c", script, SIZE]


def _run(command: list[str], log: Path, progress: Callable[[str], None], seconds: int) -> None:
    """Run one step of the build in the directory being built, showing its last line now and then."""
    work = next(log.parent.glob("*.building"))
    end = time.monotonic() + seconds
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            umask=0o022,
            env={**os.environ, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        try:
            while child.poll() is None:
                if time.monotonic() > end:
                    raise LabError(f"the image was not built within {seconds} s; the log is {log}")
                progress(_last_line(log))
                time.sleep(0.5)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)
    if child.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(
            f"{command[0]} failed to build the image (exit code {child.returncode}):\n{tail}\nthe log is {log}"
        )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("I: ", "W: ", "E: "))]
    return lines[-1][3:] if lines else "starting"


def remove_unused(used: set[Path]) -> list[str]:
    """Take away all images but these; returns their names."""
    gone = []
    for entry in (home() / "images").glob("*/image.ext4"):
        if entry not in used:
            shutil.rmtree(entry.parent)
            gone.append(entry.parent.name)
    return gone
