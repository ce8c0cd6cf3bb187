# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands: help, names, and complaints with a non-zero exit."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from lab import certificates, cli, commands, state
from lab import inventory as reader
from lab.errors import LabError
from lab.model import Topology
from lab.programs.sniffer import header, record
from lab.progress import Progress
from lab.state import LabState


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(state, "memory_home", lambda: tmp_path / "memory")


@pytest.fixture
def dead(topology: Topology) -> LabState:
    """A lab whose processes have all gone, as after a crash of the machine."""
    lab = LabState("small")
    lab.write({"inventory": "/nowhere/small", "images": {}, "topology": topology.to_json()})
    console = lab.node_directory(topology.node("b1")) / "console.log"
    state.write_file(console, "first line\nlast words\n")
    return lab


def test_help_has_examples_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"lab {word}" in text for word in ("up", "status", "run", "kill", "cut", "save", "capture", "down"))


@pytest.mark.parametrize(
    "command",
    ["up", "down", "status", "ssh", "run", "logs", "cut", "mend", "kill", "start", "capture", "inventory",
     "connection", "image", "save", "restore", "forget", "demo"],
)  # fmt: skip
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"lab {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["up", "-i", "/nowhere"], "inventory /nowhere does not exist"),
        (["run", "r1", "true"], "there is no lab"),
        (["run", "--name", "other", "r1", "true"], "there is no lab other; there are: none"),
        (["up", "-i", "/", "--name", "a/b"], "cannot be a lab's name"),
    ],
)
def test_complaints_go_to_standard_error_with_a_non_zero_exit(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 1
    assert complaint in capsys.readouterr().err


def test_with_several_labs_the_user_is_asked_which(dead: LabState, capsys: pytest.CaptureFixture[str]) -> None:
    LabState("other").write(dead.read())
    assert cli.main(["logs", "b1"]) == 1
    assert "There are: other, small; give --name" in capsys.readouterr().err
    assert cli.main(["logs", "-i", "/nowhere/small", "b1"]) == 1
    assert "several labs are of this inventory: other, small" in capsys.readouterr().err


def test_a_dead_nodes_log_is_its_console(dead: LabState, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs", "b1", "-n", "1"]) == 0
    assert capsys.readouterr().out == "last words\n"
    assert cli.main(["logs", "r1"]) == 1
    assert "r1 has never been started" in capsys.readouterr().err


def test_a_lab_that_has_crashed_says_what_to_do(dead: LabState, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "b1", "true"]) == 1
    assert "`lab up` starts it again, `lab down` removes it" in capsys.readouterr().err


def test_status_is_there_for_programs_too(dead: LabState, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 0
    (lab,) = json.loads(capsys.readouterr().out)
    assert (lab["lab"], lab["up"]) == ("small", False)
    assert {node["name"]: node["state"] for node in lab["nodes"]} == {"r1": "dead", "r2": "dead", "b1": "dead"}


def test_down_clears_a_crashed_lab_and_one_that_was_never_made(
    dead: LabState, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["down"]) == 0
    assert not dead.exists()
    assert cli.main(["down", "--name", "small"]) == 0
    assert capsys.readouterr().out == "lab small is down\nthere was no lab small\n"


def test_down_clears_a_half_made_lab_without_a_description() -> None:
    lab = LabState("half")
    lab.directory.mkdir(parents=True)
    lab.make_memory()
    assert cli.main(["status"]) == 0
    assert cli.main(["down", "--name", "half"]) == 0
    assert not lab.exists()


@pytest.mark.parametrize(
    ("path", "name"), [("three_tier", "three_tier"), ("x/small.yml", "small"), ("y/hosts.yml", "y")]
)
def test_a_lab_is_named_after_its_inventory(tmp_path: Path, path: str, name: str) -> None:
    target = tmp_path / path
    if target.suffix:
        target.parent.mkdir()
        target.touch()
    else:
        target.mkdir()
    assert commands.default_name(target) == name


def test_certificates_are_made_only_below_the_inventory_and_only_where_missing(tmp_path: Path) -> None:
    (tmp_path / "there.pem").touch()
    wanted = [{"name": "a", "file": str(tmp_path / "certs" / "a.pem"), "domains": ["a.example.com", "b.example.com"]},
              {"name": "b", "file": "there.pem"}, {"name": "c", "pem": "inline"}]  # fmt: skip
    hosts = [reader.Host("p1", {"loadbalancer_certificates": wanted}), reader.Host("p2", {})]
    said: list[str] = []
    certificates.make_missing(hosts, tmp_path, said.append)
    text = (tmp_path / "certs" / "a.pem").read_text()
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE KEY" in text
    assert (tmp_path / "certs" / "a.pem").stat().st_mode & 0o777 == 0o600
    assert said == [f"made a self-signed certificate for a.example.com, b.example.com: {tmp_path}/certs/a.pem"]
    outside = [reader.Host("p1", {"loadbalancer_certificates": [{"name": "x", "file": "/nowhere/x.pem"}]})]
    with pytest.raises(LabError, match=r"host p1: the certificate /nowhere/x\.pem does not exist"):
        certificates.make_missing(outside, tmp_path, said.append)


def test_a_certificate_in_a_linked_directory_of_the_inventory_is_made(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "deep/inventory").mkdir(parents=True)
    (tmp_path / "deep/inventory/group_vars").symlink_to(tmp_path / "elsewhere")
    wanted = [{"name": "a", "file": str(tmp_path / "deep/inventory/group_vars/a.pem"), "domains": ["a.example.com"]}]
    hosts = [reader.Host("p1", {"loadbalancer_certificates": wanted})]
    certificates.make_missing(hosts, tmp_path / "deep/inventory", lambda _text: None)
    assert (tmp_path / "elsewhere/a.pem").exists()


def test_progress_on_a_plain_stream_says_each_thing_once() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for text in ("building: one", "building: one", "building: two"):
        progress.step(text)
    for state_of_node in ("booting", "booting", "ready"):
        progress.node("r1", state_of_node)
    lines = [line.split("] ")[1] for line in stream.getvalue().splitlines()]
    assert lines == ["building: one", "building: two", "r1: booting", "r1: ready"]


def test_a_capture_is_a_pcap_file_with_whole_packets() -> None:
    assert header()[:4] == (0xA1B23C4D).to_bytes(4, "little") or header()[:4] == (0xA1B23C4D).to_bytes(4, "big")
    assert len(header()) == 24
    packet = bytes(range(64))
    assert record(packet, 1_500_000_000)[16:] == packet
    assert int.from_bytes(record(packet, 1_500_000_000)[4:8], sys.byteorder) == 500_000_000
