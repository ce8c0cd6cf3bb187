# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes are found by what they are, never by a pid alone or a broad name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lab import processes
from lab.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def fake(proc: Path, pid: int, state: str = "S", session: int = 1, started: int = 100, name: str = "linux") -> None:
    (proc / str(pid)).mkdir(parents=True)
    fields = [state, "1", "1", str(session), *["0"] * 15, str(started), *["0"] * 30]
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "LAB_TEST_MARK": "only-this-one"}
    child = subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_a_reused_pid_is_not_the_same_process(tmp_path: Path) -> None:
    fake(tmp_path, 7, started=100)
    assert processes.alive(Process(7, 100), tmp_path)
    assert not processes.alive(Process(7, 99), tmp_path)
    assert not processes.alive(None, tmp_path)


def test_a_zombie_is_not_alive(tmp_path: Path) -> None:
    fake(tmp_path, 7, state="Z")
    assert processes.find(7, tmp_path) is None


def test_a_name_with_parentheses_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    fake(tmp_path, 7, session=5, started=42, name="a) S 1 (b")
    assert processes.find(7, tmp_path) == Process(7, 42)
    assert processes.in_session(5, tmp_path) == [Process(7, 42)]


def test_a_session_is_found_without_its_leader(tmp_path: Path) -> None:
    fake(tmp_path, 8, session=7)
    fake(tmp_path, 9, session=7, state="Z")
    fake(tmp_path, 10, session=11)
    assert processes.in_session(7, tmp_path) == [Process(8, 100)]


def test_a_mark_is_found_in_arguments_and_environment_but_not_in_ourselves(sleeper: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 5
    while not (found := processes.mentioning("LAB_TEST_MARK=only-this-one\0")) and time.monotonic() < end:
        time.sleep(0.01)  # until it has executed
    assert [process.pid for process in found] == [sleeper.pid]
    assert processes.mentioning(f"{sys.argv[0]}-there-is-no-such-thing\0") == []


def test_killing_waits_until_the_process_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    process = processes.find(sleeper.pid)
    assert process
    assert processes.kill([process]) == []
    assert processes.find(sleeper.pid) is None


def test_a_process_that_took_over_a_pid_is_spared(sleeper: subprocess.Popen[bytes]) -> None:
    process = processes.find(sleeper.pid)
    assert process
    assert processes.kill([Process(process.pid, process.started - 1)]) == []
    assert sleeper.poll() is None
