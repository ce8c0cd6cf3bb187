# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with the daemon vip-gate as a process of its own, in a network namespace with the kernel's routes.

keepalived needs IPVS, which only the lab has (tests/lab/three_tier). Here its part, lines in a FIFO and a process that
checks, is played by the test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from roles.vip_gate.files import vip_gate

from .namespace import Namespace, wait_until

PROGRAM = Path(vip_gate.__file__)
VIPS = ["198.51.100.1", "2001:db8:100::1"]
# answers with the status that is in the file STATUS, to any path
WEB = """
import http.server, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int((pathlib.Path(sys.argv[1]) / self.path.strip("/")).read_text()))
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8090), Handler).serve_forever()
"""


class Host:
    """A host with the gate, the command that it calls, and what it asks and hears."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.space = Namespace(directory)
        self.announce = self.space.install_role_program("vips/templates/vip-announce.j2", vips_marker_protocol=77)
        self.configuration = directory / "vip-gate.json"
        self.fifo, self.pid_file = directory / "quorum", directory / "checkers.pid"
        self.state = directory / "state.json"
        self.children: list[subprocess.Popen[Any]] = []
        self.daemon: subprocess.Popen[Any] | None = None
        self.reports: int | None = None
        self.checker: subprocess.Popen[Any] | None = None

    def configure(self, *gates: dict[str, Any], **defaults: Any) -> None:
        """Write the configuration."""
        configuration = {
            "announce_command": str(self.announce),
            "state_directory": str(self.directory),
            "fifo": str(self.fifo),
            "pid_file": str(self.pid_file),
            "defaults": {
                "interval": 0.2,
                "timeout": 1,
                "rise": 1,
                "fall": 2,
                "hold": 0,
                "stop_delay": 0,
                **defaults,
            },
            "gates": gates,
        }
        self.configuration.write_text(json.dumps(configuration))

    def start(self) -> subprocess.Popen[Any]:
        """Start the gate."""
        log = (self.directory / "log").open("a")
        self.daemon = self.space.start(
            [sys.executable, "-I", str(PROGRAM), "--run", str(self.configuration)], stdout=log, stderr=log
        )
        self.children.append(self.daemon)
        return self.daemon

    def signal(self, number: int) -> None:
        """Send the gate a signal."""
        assert self.daemon is not None
        self.daemon.send_signal(number)

    def stop(self) -> int:
        """Stop the gate; its return code."""
        self.signal(signal.SIGTERM)
        assert self.daemon is not None
        return self.daemon.wait(10)

    def serve(self, **status: int) -> None:
        """Serve health checks."""
        for name, code in status.items():
            self.answer(name, code)
        self.children.append(self.space.start([sys.executable, "-c", WEB, str(self.directory)]))
        self.wait_for_web()

    def wait_for_web(self) -> None:
        probe = f"{sys.executable} -c 'import socket; socket.create_connection((\"127.0.0.1\", 8090))'"
        wait_until("the web server listens", lambda: self.space.run(probe).returncode == 0)

    def answer(self, name: str, code: int) -> None:
        """Have a health check answer so."""
        (self.directory / name).write_text(str(code))

    def start_checker(self) -> None:
        """A process like the one of keepalived that checks: its pid file, its open FIFO."""
        if not self.fifo.exists():
            os.mkfifo(self.fifo)
        self.checker = subprocess.Popen(["sleep", "3600"])
        self.children.append(self.checker)
        self.pid_file.write_text(f"{self.checker.pid}\n")
        self.reports = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)

    def end_checker(self) -> None:
        """Kill it."""
        assert self.checker is not None and self.reports is not None
        self.checker.kill()
        self.checker.wait()
        os.close(self.reports)

    def report(self, *lines: str) -> None:
        """What keepalived writes, each line at once."""
        assert self.reports is not None
        for line in lines:
            os.write(self.reports, f"{line}\n".encode())

    def announced(self) -> set[str]:
        """VIPs that are announced."""
        result = self.space.run("vip-announce status")
        assert result.returncode == 0, result.stderr
        return set(result.stdout.split())

    def until(self, *vips: str, seconds: float = 10) -> float:
        """Wait until exactly these are announced."""
        return wait_until(lambda: f"{vips} announced: {self.log()}", lambda: self.announced() == set(vips), seconds)

    def stays(self, *vips: str, seconds: float = 0.7) -> None:
        """Fail unless exactly these are announced all the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.announced() == set(vips), self.log()

    def log(self) -> str:
        """What the gate said."""
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End everything."""
        for child in self.children:
            child.kill()
            child.wait()
        self.space.close()


class Changes:
    """Changes of routes as the kernel tells them, from now on: nothing that is short is missed."""

    def __init__(self, host: Host) -> None:
        self.child = host.space.start(["ip", "-o", "monitor", "route"], stdout=subprocess.PIPE, text=True)
        host.children.append(self.child)
        time.sleep(0.2)

    def lines(self) -> list[str]:
        """All of them."""
        time.sleep(0.2)
        self.child.terminate()
        return [line.strip() for line in self.child.communicate()[0].splitlines() if "proto 77" in line]


def web(name: str, *vips: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "vips": vips, "url": f"http://127.0.0.1:8090/{name}", **settings}


def quorum(*vips: str, ports: tuple[int, ...] = (80,), **settings: Any) -> dict[str, Any]:
    servers = [{"address": vip, "port": port} for vip in vips for port in ports]
    return {"name": vips[0], "vips": vips, "virtual_servers": servers, **settings}


def vs(vip: str, state: str, port: int = 80) -> str:
    return f"VS [{vip}]:tcp:{port} {state}"
