# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a lab, and that nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab import machine, state
from lab.errors import LabError
from lab.processes import find
from lab.state import LabState

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Topology


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "a home"))
    monkeypatch.setattr(state, "memory_home", lambda: tmp_path / "memory")
    return tmp_path / "a home"


@pytest.mark.parametrize("name", ["", ".", "a/b", "../x", "a b", "x" * 33, "-x"])
def test_a_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot be a lab's name"):
        LabState(name)


def test_what_is_written_is_read_again(topology: Topology) -> None:
    lab = LabState("small")
    lab.write({"inventory": "/x", "topology": topology.to_json()})
    assert lab.topology() == topology
    assert state.names() == ["small"]
    assert lab.directory.stat().st_mode & 0o777 == 0o700


def test_a_lab_that_is_not_there_is_answered_with_those_that_are() -> None:
    LabState("one").write({})
    with pytest.raises(LabError, match="there is no lab two; there are: one"):
        LabState("two").read()


def test_a_damaged_description_says_how_to_clear_it() -> None:
    lab = LabState("one")
    lab.write({})
    lab.description.write_text("{")
    with pytest.raises(LabError, match="lab down --name one"):
        lab.read()


def test_removing_takes_every_file_of_the_lab_and_leaves_other_labs(home: Path, tmp_path: Path) -> None:
    one, two = LabState("one"), LabState("two")
    for lab in (one, two):
        lab.write({})
        lab.make_memory()
    one.remove()
    assert not one.exists()
    assert two.exists()
    two.remove()
    assert not (tmp_path / "memory").exists()
    assert not (home / "labs").exists()


def test_memory_that_another_user_could_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory").chmod(0o777)
    with pytest.raises(LabError, match="only this user"):
        LabState("one").make_memory()


def test_a_process_is_kept_with_its_start_time(tmp_path: Path) -> None:
    myself = find(os.getpid())
    assert myself
    state.write_process(tmp_path / "pid", myself)
    assert state.read_process(tmp_path / "pid") == myself
    (tmp_path / "pid").write_text(f"{myself.pid} {myself.started + 1}\n")
    assert state.read_process(tmp_path / "pid") is None
    (tmp_path / "pid").write_text("")
    assert state.read_process(tmp_path / "pid") is None
    assert state.read_process(tmp_path / "none") is None


def test_two_commands_cannot_change_a_lab_at_once() -> None:
    script = "import sys; from lab.state import LabState\nwith LabState(sys.argv[1]).lock(): print('changing')"
    with LabState("one").lock():
        results = [
            subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, check=False)
            for name in ("one", "two")
        ]
    assert "another command is changing lab one" in results[0].stderr
    assert results[1].stdout == "changing\n"


def test_missing_programs_are_named_with_their_packages() -> None:
    with pytest.raises(LabError, match="missing: no-such-a, no-such-b; as root: apt-get install one two"):
        machine.require({"no-such-a": "two", "no-such-b": "one", "sh": "dash"})


def test_too_little_memory_says_how_much_is_needed_and_there(
    topology: Topology, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 100 << 20)
    with pytest.raises(LabError, match=r"691 MiB needed \(nodes with up to 768 MiB in all\), 100 MiB available"):
        machine.require_memory(topology, [], tmp_path)
    monkeypatch.setattr(machine, "available_memory", lambda: 240 << 20)
    machine.require_memory(topology, ["r1", "r2"], tmp_path)
