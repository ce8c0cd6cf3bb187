# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, found without trusting a pid alone: a pid is reused, a pid with its start time is not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Process(NamedTuple):
    """A process: its pid, and the clock ticks after boot at which it started."""

    pid: int
    started: int


def stat(pid: int, proc: Path = PROC) -> list[str] | None:
    """The fields of /proc/PID/stat from `state` (0) on, or None when there is no such process."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()  # the name, in parentheses, may hold spaces and parentheses


def find(pid: int, proc: Path = PROC) -> Process | None:
    """The process of that pid now, or None when there is none but a zombie."""
    fields = stat(pid, proc)
    return Process(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None


def alive(process: Process | None, proc: Path = PROC) -> bool:
    """Whether this very process still runs."""
    return process is not None and find(process.pid, proc) == process


def pids(proc: Path = PROC) -> list[int]:
    """Every pid there is."""
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]


def in_session(session: int, proc: Path = PROC) -> list[Process]:
    """The living processes of a session (setsid), the leader included."""
    members = []
    for pid in pids(proc):
        fields = stat(pid, proc)
        if fields and fields[0] not in "ZX" and int(fields[3]) == session:
            members.append(Process(pid, int(fields[19])))
    return members


def mentioning(token: str, proc: Path = PROC) -> list[Process]:
    """Processes with this text in an argument or in their environment, as far as we may look; never ourselves."""
    found = []
    for pid in pids(proc):
        if pid == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            try:
                if token.encode() in (proc / str(pid) / name).read_bytes():
                    process = find(pid, proc)
                    found += [process] if process else []
                    break
            except OSError:  # gone, or not ours to read
                continue
    return found


def kill(processes: list[Process], seconds: float = 10) -> list[Process]:
    """End these processes at once and wait until they are gone; returns those that are still there after all."""
    for process in processes:
        if alive(process):
            try:
                os.kill(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
    end = time.monotonic() + seconds
    while (left := [process for process in processes if alive(process)]) and time.monotonic() < end:
        time.sleep(0.02)
    return left
