# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy that runs what the role writes, on loopback, with its files below a directory of the test."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import haproxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_haproxy = pytest.mark.skipif(
    shutil.which("haproxy") is None or os.geteuid() != 0, reason="needs HAProxy and root on this machine"
)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """What the condition gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "did not come"
        time.sleep(0.05)
    return found


class Process:
    """HAProxy as Debian's unit runs it: a master, which reads the files again at a reload, and a worker."""

    def __init__(self, root: Path, shared: dict[str, Any], **own: Any) -> None:
        self.root = root
        (root / "etc").mkdir()
        self.write(shared, **own)
        self.log = (root / "log").open("w+")
        self.process: subprocess.Popen[bytes] | None = None

    def here(self, text: str) -> str:
        """The same text with the role's paths below the test's directory."""
        return text.replace("/etc/haproxy", str(self.root / "etc")).replace("/run/haproxy", str(self.root))

    def write(self, shared: dict[str, Any], **own: Any) -> None:
        """What the role writes, in its order."""
        for entry in haproxy.value("haproxy_l7_tls_files", shared, **own):
            path = Path(self.here(entry["path"]))
            content = entry.get("secret_content") or entry.get("content")
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_text(self.here(content), encoding="utf-8")
            shutil.chown(path, entry["owner"], entry["group"])
            path.chmod(int(entry["mode"], 8))
        for name in ("node-state.lst", "haproxy.cfg"):
            text = self.here(haproxy.rendered(f"{name}.j2", shared, **own))
            (self.root / "etc" / name).write_text(text, encoding="utf-8")

    def check(self) -> subprocess.CompletedProcess[str]:
        """What the role does before the file replaces the old one."""
        command = ["haproxy", "-c", "-f", str(self.root / "etc/haproxy.cfg")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    @contextlib.contextmanager
    def running(self) -> Iterator[Process]:
        """Run it, and end it with what it started."""
        command = ["haproxy", "-W", "-f", str(self.root / "etc/haproxy.cfg")]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        try:
            wait_for(self.workers)
            yield self
        finally:
            self.process.terminate()
            self.process.wait(20)

    def ask(self, command: str) -> str:
        """An answer of the worker's admin socket."""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(5)
            asked.connect(str(self.root / "admin.sock"))
            asked.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: asked.recv(65536), b"")).decode()

    def workers(self) -> str:
        """PID of the worker that answers, '' while none does."""
        try:
            return re.findall(r"^Pid: (\d+)", self.ask("show info"), re.MULTILINE)[0]
        except OSError:
            return ""

    def status(self) -> dict[str, str]:
        """What HAProxy thinks of each server, by POOL/SERVER."""
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        return {f"{row['pxname']}/{row['svname']}": row["status"] for row in rows}

    def reload(self) -> None:
        """As systemctl reload does; back when a new worker answers."""
        assert self.process
        old = self.workers()
        self.process.send_signal(12)  # SIGUSR2
        wait_for(lambda: self.workers() not in ("", old))
