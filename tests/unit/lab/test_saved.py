# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved states of a lab that is off: what is kept, listed and put back (tests/lab/machine has one that runs)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab import cli, saved, state
from lab.errors import LabError
from lab.lab import Lab
from lab.state import LabState

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Topology

HOLE = 8 << 20


@pytest.fixture
def lab(topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(state, "memory_home", lambda: tmp_path / "memory")
    here = LabState("small")
    here.write({"inventory": "/nowhere/small", "images": {}, "topology": topology.to_json()})
    one = Lab.load(here)
    for node in topology.nodes:
        here.node_directory(node).mkdir(parents=True)
        write(one, node.name, "one")
    return one


def write(lab: Lab, node: str, text: str) -> None:
    with (lab.state.directory / "nodes" / node / saved.DISK).open("wb") as disk:
        disk.truncate(HOLE)
        disk.write(text.encode())


def disks(lab: Lab) -> list[str]:
    paths = [lab.state.node_directory(node) / saved.DISK for node in lab.topology.nodes]
    return [path.read_bytes().rstrip(b"\0").decode() for path in paths]


def test_every_node_gets_the_disk_back_that_it_had(lab: Lab) -> None:
    saved.save(lab, "first", ["fabric"])
    write(lab, "b1", "changed")
    saved.save(lab, "second", [])
    assert saved.names(lab.state) == ["first", "second"]
    assert saved.read(lab.state, "first")["cut"] == ["fabric"]
    assert saved.read(lab.state, "first")["off"] == ["r1", "r2", "b1"]
    saved.put_back(lab, "first")
    assert disks(lab) == ["one", "one", "one"]
    saved.put_back(lab, "second")
    assert disks(lab) == ["one", "one", "changed"]


def test_a_saved_disk_has_the_holes_that_it_had(lab: Lab) -> None:
    saved.save(lab, "first", [])
    assert (saved.directory_of(lab.state, "first") / "b1.cow").stat().st_size == HOLE
    assert saved.size(lab.state, "first") < HOLE
    saved.put_back(lab, "first")
    assert (lab.state.node_directory(lab.topology.node("b1")) / saved.DISK).stat().st_blocks * 512 < HOLE


def test_a_state_is_replaced_only_when_asked(lab: Lab) -> None:
    saved.save(lab, "first", [])
    write(lab, "r1", "changed")
    with pytest.raises(LabError, match="lab small has a saved state first already; replace it by --replace"):
        saved.save(lab, "first", [])
    saved.save(lab, "first", [], replace=True)
    write(lab, "r1", "again")
    saved.put_back(lab, "first")
    assert disks(lab)[0] == "changed"


def test_what_cannot_be_saved_whole_is_not_saved(lab: Lab) -> None:
    saved.save(lab, "first", [])
    (lab.state.node_directory(lab.topology.node("b1")) / saved.DISK).unlink()
    with pytest.raises(LabError, match=r"b1/disk\.cow"):
        saved.save(lab, "first", [], replace=True)
    assert [path.name for path in (lab.state.directory / "states").iterdir()] == ["first"]
    saved.put_back(lab, "first")
    assert disks(lab) == ["one", "one", "one"]


def test_status_lists_states_and_forget_removes_one(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    saved.save(lab, "first", [])
    assert cli.main(["status"]) == 0
    assert "  saved: first, " in capsys.readouterr().out
    assert cli.main(["status", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)[0]["saved"]] == ["first"]
    assert cli.main(["forget", "other"]) == 1
    assert "lab small has no saved state other; there are: first" in capsys.readouterr().err
    assert cli.main(["forget", "first"]) == 0
    assert saved.names(lab.state) == []


def test_down_removes_states_unless_told_to_keep_them(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    saved.save(lab, "first", [])
    assert cli.main(["down", "--keep"]) == 0
    assert "its disks and saved states are kept" in capsys.readouterr().out
    assert saved.names(lab.state) == ["first"]
    assert cli.main(["down"]) == 0
    assert not lab.state.exists()


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a b"])
def test_a_state_has_a_name_that_can_be_a_files(lab: Lab, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["forget", name]) == 1
    assert f"{name!r} cannot be a state's name" in capsys.readouterr().err
