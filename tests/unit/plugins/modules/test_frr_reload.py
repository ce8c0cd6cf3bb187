# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What frr_reload does before frr-reload.py, how it calls it, and that it tells no password.

FRR itself is a stand-in here; tests/lab/two_tier has the real one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import frr_reload
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

# as FRR 8.4.4 prints it
RUNNING = """\
frr defaults datacenter
hostname r1
!
router bgp 65011
 bgp router-id 10.20.0.11
 neighbor fabric4 peer-group
 neighbor fabric4 bfd profile ecmp
 neighbor 10.20.0.31 remote-as 65031
 neighbor 10.20.0.31 password 0ld-w0rd
 neighbor 10.20.0.32 remote-as 65032
 neighbor 10.20.0.32 password 0ld-w0rd
exit
!
bfd
 profile ecmp
  detect-multiplier 5
  transmit-interval 100
  receive-interval 100
 exit
 !
exit
!
end
"""
PASSWORDS = " neighbor 10.20.0.{} password 0ld-w0rd"
DELTA = "Lines To Add\n============\nrouter bgp 65011\n neighbor 10.20.0.31 password n3w-w0rd"


def bfd(*timers: str) -> str:
    """The running configuration with these timers in place of its own."""
    start, end = RUNNING.index("  detect-multiplier"), RUNNING.index(" exit\n !")
    return RUNNING[:start] + "".join(f"  {timer}\n" for timer in timers) + RUNNING[end:]


def test_a_configuration_that_runs_needs_no_correction() -> None:
    assert frr_reload.corrections(RUNNING, RUNNING) == []


def test_timers_that_the_file_no_longer_has_go_back_to_the_defaults() -> None:
    """frr-reload would say no transmit-interval 100, which FRR does not know."""
    lines = frr_reload.corrections(RUNNING, bfd("detect-multiplier 4"))
    timers = [line.strip() for line in lines if line.startswith("  ")]
    assert timers == ["receive-interval 300", "transmit-interval 300"]
    assert lines[:2] == ["bfd", " profile ecmp"]
    assert "  detect-multiplier 3" in frr_reload.corrections(RUNNING, bfd())


def test_timers_that_the_file_has_are_left_to_frr_reload() -> None:
    assert frr_reload.corrections(bfd(), RUNNING) == []
    assert frr_reload.corrections(RUNNING, RUNNING.replace("interval 100", "interval 200")) == []


def test_a_changed_or_removed_password_is_no_argument_of_a_command() -> None:
    """frr-reload would run vtysh -c 'no neighbor 10.20.0.31 password 0ld-w0rd'."""
    wanted = RUNNING.replace(PASSWORDS.format(31), PASSWORDS.format(31).replace("0ld", "n3w"))
    wanted = wanted.replace(PASSWORDS.format(32) + "\n", "")
    assert frr_reload.corrections(RUNNING, wanted) == [
        "router bgp 65011",
        " neighbor 10.20.0.31 password n3w-w0rd",
        " no neighbor 10.20.0.32 password",
        "exit",
    ]


class Frr:
    """Stand-ins for vtysh and frr-reload.py, which note how they were called and what they were given."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.conf = directory / "frr.conf"
        self.conf.write_text(RUNNING, encoding="utf-8")
        (directory / "running").write_text(RUNNING, encoding="utf-8")
        (directory / "delta").write_text("", encoding="utf-8")
        self.program("vtysh", 'case "$1" in -c) cat running;; -f) umask >> calls; cat "$2" >> loaded;; esac')
        self.program("frr-reload.py", 'case "$1" in --test) cat delta;; --reload) umask >> calls;; esac')

    def program(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(f'#!/bin/sh\ncd {self.directory} && echo "{name} $*" >> calls\n{text}\n', encoding="utf-8")
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = self.directory / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def frr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Frr]:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(frr_reload, "RELOAD", str(tmp_path / "frr-reload.py"))
    mask = os.umask(0o022)
    yield Frr(tmp_path)
    os.umask(mask)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    return ModuleRunner(frr_reload.main, capsys)


def test_nothing_is_loaded_where_nothing_differs(frr: Frr, run: ModuleRunner) -> None:
    frr.conf.write_text(f"! Ansible managed\n{RUNNING.replace('hostname r1', '')}hostname r1\n", encoding="utf-8")
    result = run(path=str(frr.conf))
    assert (result["changed"], result["delta"]) == (False, [])
    assert [call.split()[:2] for call in frr.calls] == [["vtysh", "-c"]]


def test_frr_reload_has_the_last_word_where_a_line_differs(frr: Frr, run: ModuleRunner) -> None:
    frr.conf.write_text(RUNNING.replace("hostname r1", "hostname  r1"), encoding="utf-8")
    assert not run(path=str(frr.conf))["changed"]
    assert [call.split()[:2] for call in frr.calls] == [["vtysh", "-c"], ["frr-reload.py", "--test"]]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (" neighbor 10.20.0.31 password 0ld-w0rd\n", ""),
        ("", "hostname r2\n"),
        ("  detect-multiplier 5\n", ""),
        (" exit-address-family\n", "  maximum-paths 64\n exit-address-family\n"),
        ("ipv4 unicast\n  neighbor", "ipv6 unicast\n  neighbor"),
    ],
)
def test_a_line_that_is_added_gone_or_elsewhere_is_a_difference(here: str, there: str) -> None:
    families = " address-family ipv4 unicast\n  neighbor n activate\n exit-address-family\nexit\n!\nbfd"
    running = RUNNING.replace("exit\n!\nbfd", families)
    assert frr_reload.statements(running) != frr_reload.statements(running.replace(here, there, 1))


def test_what_differs_is_loaded_and_told_without_passwords(frr: Frr, run: ModuleRunner) -> None:
    (frr.directory / "delta").write_text(DELTA, encoding="utf-8")
    frr.conf.write_text(bfd().replace("0ld-w0rd", "n3w-w0rd"), encoding="utf-8")
    result = run(path=str(frr.conf))
    assert result["changed"]
    assert " neighbor 10.20.0.31 password ********" in result["delta"]
    assert "  transmit-interval 300" in result["delta"]
    assert "w0rd" not in str(result)
    assert "w0rd" not in str(frr.calls)
    assert " neighbor 10.20.0.32 password n3w-w0rd\n" in (frr.directory / "loaded").read_text(encoding="utf-8")


def test_no_other_user_can_read_what_is_written_on_the_way(frr: Frr, run: ModuleRunner) -> None:
    """Neither the files by which lines are loaded, nor a log of them."""
    (frr.directory / "delta").write_text("Lines To Add\n", encoding="utf-8")
    frr.conf.write_text(bfd(), encoding="utf-8")
    run(path=str(frr.conf))
    [load] = [call.split() for call in frr.calls if "--reload" in call]
    assert "--stdout" in load
    assert load[load.index("--rundir") + 1] != "/var/run/frr"
    assert [call for call in frr.calls if call.isdigit()] == ["0077", "0077"]


def test_check_mode_says_what_a_run_would_change_and_loads_nothing(frr: Frr, run: ModuleRunner) -> None:
    (frr.directory / "delta").write_text("Lines To Delete\n", encoding="utf-8")
    frr.conf.write_text(bfd(), encoding="utf-8")
    assert run(check=True, path=str(frr.conf))["changed"]
    assert [call.split()[:2] for call in frr.calls] == [["vtysh", "-c"], ["frr-reload.py", "--test"]]


def test_a_load_that_fails_says_what_frr_said_without_passwords(frr: Frr, run: ModuleRunner) -> None:
    (frr.directory / "delta").write_text("Lines To Add\n", encoding="utf-8")
    frr.conf.write_text(RUNNING + "hostname r2\n", encoding="utf-8")
    said = 'echo "line 3: n password 0ld-w0rd" >&2; exit 1'
    frr.program("frr-reload.py", f'case "$1" in --test) cat delta;; *) {said};; esac')
    result = run(path=str(frr.conf))
    assert result["failed"]
    assert result["msg"] == "Loading FRR's file failed with 1 and said: line 3: n password ********"


def test_a_missing_frr_reload_is_told(frr: Frr, run: ModuleRunner) -> None:
    (frr.directory / "frr-reload.py").unlink()
    assert "frr-pythontools" in run(path=str(frr.conf))["msg"]
