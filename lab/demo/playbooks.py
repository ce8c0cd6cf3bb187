# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks, run so that a person can follow: a row per play, the whole output in a log, verify.yml's table."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.demo.site import CHECKOUT
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.demo.screen import Screen

LAST_LINES = 25
_RECAP = re.compile(r"(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


class Phases:
    """Reads a playbook's output line by line: plays that did something, with their seconds, and the recap."""

    def __init__(self) -> None:
        self.play, self.task = "", ""
        self.changed: dict[str, int] = {}
        self._since, self._worked = 0.0, False

    def feed(self, line: str, now: float) -> tuple[str, float] | None:
        """The play that this line ends, if it did anything on any host, and its seconds."""
        ended = None
        if match := re.match(r"PLAY (?:\[(.*)\]|RECAP) \*", line):
            if self._worked:
                ended = (self.play, now - self._since)
            self.play, self.task, self._since, self._worked = match[1] or "", "", now, False
        elif match := re.match(r"TASK \[(?:.* : )?(.*)\] \*", line):
            self.task = match[1]
        elif re.match(r"(ok|changed|fatal|failed): \[", line):
            self._worked = True
        elif match := _RECAP.match(line):
            self.changed[match[1]] = int(match[3])
        return ended


class Playbooks:
    """Runs playbooks of the checkout against one lab."""

    def __init__(self, screen: Screen, log: Path, sources: Sequence[str]) -> None:
        self.screen, self.log, self.sources = screen, log, sources

    def run(self, playbook: str, rows: bool = True) -> tuple[list[str], Phases]:
        """Run a playbook; returns its output and what was read of it. LabError when it fails, its last lines shown."""
        lines, phases = [], Phases()
        process = subprocess.Popen(
            [_program(), *(word for source in self.sources for word in ("-i", source)), playbook],
            cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
        )  # fmt: skip
        with self.log.open("a") as log:
            print(f"\n### {playbook}", file=log)
            for line in process.stdout or ():
                log.write(line)
                lines.append(line.rstrip("\n"))
                ended = phases.feed(line, time.monotonic())
                if ended and rows:
                    self.screen.row(ended[0], ended[1])
                self.screen.passing(f"{phases.play}: {phases.task}" if phases.task else phases.play)
        if process.wait():
            self.screen.bad(f"{playbook} failed; the last lines of {self.log}:")
            for line in lines[-LAST_LINES:]:
                self.screen.row(f"| {line}")
            raise LabError(f"{playbook} failed: exit {process.returncode}; its output is in {self.log}")
        return lines, phases


def _program() -> str:
    beside = Path(sys.executable).with_name("ansible-playbook")
    return str(beside) if beside.exists() else "ansible-playbook"


def verification_table(output: Iterable[str]) -> list[list[str]]:
    """Host, check, found, verdict: the rows of the table that verify.yml's task shows; empty when it is not there."""
    text = "\n".join(output).partition("TASK [Show the table]")[2].partition("\nTASK [")[0]
    match = re.search(r"=> (\{.*\})", text, re.DOTALL)
    if not match:
        return []
    message = json.loads(match[1])["msg"]
    lines = message if isinstance(message, list) else message.splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    return [row for row in rows if len(row) == 4 and row[0] != "host"]


def fold(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The same table with one row per check, host names joined; what is not ok keeps a row of its own, first."""
    folded: dict[str, tuple[list[str], list[str]]] = {}
    failed = []
    for host, check, found, verdict in rows:
        if verdict != "ok":
            failed.append([check, host, found, verdict])
            continue
        hosts, values = folded.setdefault(check, ([], []))
        hosts.append(host)
        values.append(found)
    return failed + [
        [check, " ".join(hosts), values[0] if len(set(values)) == 1 else "as the inventory asks", "ok"]
        for check, (hosts, values) in folded.items()
    ]
