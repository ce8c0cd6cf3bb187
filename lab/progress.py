# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sees while something takes its time: one line per step, or a table redrawn in place on a terminal."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TextIO


class Progress:
    """Steps and states of nodes, with the seconds since the start. Safe to call from several threads."""

    def __init__(self, stream: TextIO = sys.stderr, quiet: bool = False) -> None:
        self.stream, self.quiet = stream, quiet
        self.started = time.monotonic()
        self.nodes: dict[str, str] = {}
        self._last = ""
        self._drawn = 0
        self._lock = threading.Lock()
        self._terminal = stream.isatty()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def step(self, text: str) -> None:
        """Say what is being done; the same text again says nothing on a plain stream."""
        with self._lock:
            if text == self._last and not self._terminal:
                return
            same, self._last = text.partition(":")[0] == self._last.partition(":")[0], text
            if self._terminal and same and self._drawn == 1:
                self._clear()
            self._drawn = 0
            self._write(f"{self._clock()} {text}\n")
            self._drawn = 1 if self._terminal else 0

    def node(self, name: str, state: str) -> None:
        """Note a node's state."""
        with self._lock:
            if self.nodes.get(name) == state:
                return
            self.nodes[name] = state
            if self._terminal:
                if self._last:
                    self._drawn, self._last = 0, ""
                self._draw()
            else:
                self._write(f"{self._clock()} {name}: {state}\n")

    def refresh(self) -> None:
        """Move the clock on."""
        with self._lock:
            if self._terminal and self.nodes and not self._last:
                self._draw()

    def _draw(self) -> None:
        self._clear()
        width = shutil.get_terminal_size().columns
        lines = [f"{self._clock()} {name:<12} {state}"[: width - 1] for name, state in self.nodes.items()]
        self._write("\n".join(lines) + "\n")
        self._drawn = len(lines)

    def _clear(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\x1b[J")

    def _clock(self) -> str:
        return f"[{self.elapsed:5.1f} s]"

    def _write(self, text: str) -> None:
        if not self.quiet:
            self.stream.write(text)
            self.stream.flush()
