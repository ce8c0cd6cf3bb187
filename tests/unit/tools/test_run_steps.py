# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps are run whatever the others do, summed up, and stopped when they take too long."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import run_steps

MAKEFILE = """\
good:
\t@echo '===== 3 passed, 1 skipped in 0.1s ====='
bad:
\t@echo what went wrong; exit 3
slow:
\t@sleep 50 & sleep 51
clear-slow:
\t@echo cleared up
"""

Run = Callable[..., tuple[int, list[str]]]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="runs make")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call the tool in a directory with the makefile above; gives its exit code and its lines."""
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    monkeypatch.setattr(run_steps, "ROOT", tmp_path)
    monkeypatch.setattr(run_steps, "LOGS", tmp_path / "logs")

    def call(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["run_steps", *arguments])
        code = run_steps.main()
        return code, capfd.readouterr().out.splitlines()

    return call


def test_all_good(run: Run) -> None:
    code, lines = run("good")
    assert code == 0
    assert lines[-1] == "1 passed, 0 failed"
    assert lines[-2].startswith("ok     good")
    assert lines[-2].endswith("3 passed, 1 skipped")


def test_a_failure_is_shown_and_the_rest_is_run(run: Run) -> None:
    code, lines = run("--jobs", "2", "bad", "good", "--alone", "good")
    assert code == 1
    assert lines[-1] == "2 passed, 1 failed"
    assert "what went wrong" in lines


def test_what_a_good_step_prints_is_not_shown(run: Run) -> None:
    _code, lines = run("good")
    assert not [line for line in lines if "=====" in line]


def test_a_slow_step_is_stopped_and_cleared_up(run: Run) -> None:
    code, lines = run("--step-minutes", "0.01", "--clear", "clear-", "slow", "good")
    assert code == 1
    assert "cleared up" in lines
    assert lines[-1] == "1 passed, 1 failed"


def test_nothing_is_started_when_the_time_is_up(run: Run) -> None:
    code, lines = run("--minutes", "0", "good")
    assert code == 1
    assert "not run: the time is up" in lines
