# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demonstration writes: sections, rows with their seconds, tables; plain where it is no terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN = 10  # columns, for the sections' titles
WIDEST = 100


class Screen:
    """Writes sections and rows; on a terminal also one passing line, which the next row replaces."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self.stream = stream
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.live and not os.environ.get("NO_COLOR")
        self.width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
        self._passing = False
        self._last = 0.0

    def title(self, text: str) -> None:
        """The first line."""
        self._write(self._paint("1", text) + "\n")

    def section(self, title: str, text: str) -> None:
        """Begin a section."""
        self._write("\n" + self._paint("1;36", f"{title:<{MARGIN}}") + text + "\n")

    def row(self, text: str, seconds: float | None = None, style: str = "") -> None:
        """One line of a section, with the seconds that it took at the right."""
        clock = "" if seconds is None else f"{seconds:.0f} s"
        room = self.width - MARGIN - len(clock)
        painted = self._paint(style, text) if style else text
        self._write(
            " " * MARGIN + painted + (" " * max(1, room - len(text)) + self._paint("2", clock) if clock else "") + "\n"
        )

    def good(self, text: str, seconds: float | None = None) -> None:
        """A row that tells success."""
        self.row(text, seconds, "32")

    def bad(self, text: str) -> None:
        """A row that tells failure."""
        self.row(text, None, "1;31")

    def passing(self, text: str) -> None:
        """What goes on at the moment; nothing where the screen is no terminal."""
        if self.live and time.monotonic() - self._last > 0.1:
            self._last = time.monotonic()
            line = (" " * MARGIN + text)[: self.width - 1]
            self.stream.write("\r\x1b[K" + self._paint("2", line))
            self.stream.flush()
            self._passing = True

    def table(self, rows: Sequence[Sequence[str]], heading: Sequence[str] = ()) -> None:
        """Rows of cells in columns; the last column gets what room is left."""
        widths = [
            max(len(row[index]) for row in [*rows, *([heading] if heading else [])]) for index in range(len(rows[0]))
        ]
        for number, row in enumerate([*([heading] if heading else []), *rows]):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            room = self.width - MARGIN
            self.row(line if len(line) <= room else line[: room - 1] + "…", style="2" if heading and not number else "")

    def clear(self) -> None:
        """Take the passing line away."""
        self._write("")

    def _paint(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and text else text

    def _write(self, text: str) -> None:
        if self._passing:
            self.stream.write("\r\x1b[K")
            self._passing = False
        self.stream.write(text)
        self.stream.flush()
