# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lab/programs/load.py on the client of a lab: started, followed, ended."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.demo.screen import Screen
    from lab.demo.site import Site

LOAD = Path(__file__).parents[1] / "programs/load.py"
REMOTE = "/tmp/lab-load.py"  # noqa: S108 (on a node of the lab, which only root is on)
READY_SECONDS, MOST_SECONDS, FINISH_SECONDS = 120.0, 600.0, 60.0


@dataclasses.dataclass(frozen=True)
class Size:
    """How much load: downloads at once, requests per second."""

    downloads: int = 100
    rate: float = 20


class ClientLoad:
    """lab/programs/load.py while it runs on the client; use it as a context, or it may outlive the demonstration."""

    def __init__(self, site: Site, size: Size, screen: Screen) -> None:
        self._screen = screen
        self._ready = threading.Event()
        self.ports: list[int] = []
        self.ready_second, self.ready_at = 0.0, 0.0  # the same moment: in the load's seconds, by our monotonic clock
        self.last = ""
        site.run(site.client, f"cat > {REMOTE}", stdin=LOAD.read_text())
        words = ["python3", REMOTE, "--until-eof", "--seconds", str(MOST_SECONDS), "--downloads", str(size.downloads),
                 "--rate", str(size.rate), *site.urls()]  # fmt: skip
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the context)
        self._process = subprocess.Popen(
            site.lab.ssh(site.node(site.client), "--", shlex.join(words)),
            stdin=subprocess.PIPE, stdout=self._output, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> ClientLoad:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._output.close()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self.last = line.strip()
            if match := re.match(r"ready t=([\d.]+) ports=([\d,]*)", self.last):
                self.ready_second, self.ready_at = float(match[1]), time.monotonic()
                self.ports = [int(port) for port in match[2].split(",") if port]
                self._ready.set()

    def wait_ready(self) -> None:
        """Until every download runs; LabError when one does not."""
        end = time.monotonic() + READY_SECONDS
        while not self._ready.wait(0.2):
            self._screen.passing(f"downloads begin: {self.last}")
            if self._process.poll() is not None or time.monotonic() > end:
                raise LabError(f"the load on the client did not start: {self.last or 'no output'}")

    def second(self) -> float:
        """Now, in the load's seconds."""
        return self.ready_second + time.monotonic() - self.ready_at

    def watch(self, text: str, seconds: float) -> None:
        """Let time pass, with the load's own words on the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(text)
            time.sleep(0.2)

    def look(self, text: str) -> None:
        """Show the load's own words; LabError when it has ended."""
        if self._process.poll() is not None:
            raise LabError(f"the load on the client ended early: {self.last}")
        self._screen.passing(f"{text}: {self.last}")

    def finish(self) -> dict[str, Any]:
        """End the load; its report."""
        try:
            if self._process.stdin:
                self._process.stdin.close()  # which is what the load ends by
            self._process.wait(FINISH_SECONDS)
            self._output.seek(0)
            return dict(json.load(self._output))
        except (ValueError, OSError, subprocess.TimeoutExpired):
            raise LabError(f"the load on the client gave no report: {self.last}") from None
