# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysctls: one file and the running kernel, brought to the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import sysctls
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from pathlib import Path

WANTED = {"net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "4096 131072 6291456"}


class Kernel:
    """A directory that stands for /proc/sys, and one for /etc/sysctl.d."""

    def __init__(self, root: Path) -> None:
        self.proc, self.file = root / "proc", root / "60-test.conf"
        self.set("net.ipv4.ip_forward", "0\n")
        self.set("net.ipv4.tcp_rmem", "4096\t131072\t6291456\n")

    def set(self, name: str, value: str) -> None:
        path = self.proc.joinpath(*name.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value, encoding="ascii")

    def get(self, name: str) -> str:
        return self.proc.joinpath(*name.split(".")).read_text(encoding="ascii").strip()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(sysctls, "PROC", str(made.proc))
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    return ModuleRunner(sysctls.main, capsys)


def test_kernel_and_file_get_the_values(kernel: Kernel, run: ModuleRunner) -> None:
    result = run(path=str(kernel.file), settings=WANTED, comment="Ours")
    assert (result["changed"], result["changed_settings"]) == (True, ["net.ipv4.ip_forward"])
    assert kernel.get("net.ipv4.ip_forward") == "1"
    assert kernel.file.read_text() == "# Ours\nnet.ipv4.ip_forward = 1\nnet.ipv4.tcp_rmem = 4096 131072 6291456\n"
    assert kernel.file.stat().st_mode & 0o777 == 0o644


def test_a_second_run_changes_nothing(kernel: Kernel, run: ModuleRunner) -> None:
    run(path=str(kernel.file), settings=WANTED)
    reordered = dict(reversed(WANTED.items()))
    result = run(path=str(kernel.file), settings=reordered)
    assert (result["changed"], result["changed_settings"]) == (False, [])


def test_what_somebody_changed_by_hand_is_put_right(kernel: Kernel, run: ModuleRunner) -> None:
    run(path=str(kernel.file), settings=WANTED)
    kernel.set("net.ipv4.ip_forward", "0")
    result = run(path=str(kernel.file), settings=WANTED)
    assert (result["changed"], kernel.get("net.ipv4.ip_forward")) == (True, "1")


def test_a_file_that_differs_is_a_change_by_itself(kernel: Kernel, run: ModuleRunner) -> None:
    kernel.set("net.ipv4.ip_forward", "1")
    result = run(path=str(kernel.file), settings=WANTED)
    assert (result["changed"], result["changed_settings"]) == (True, [])


def test_check_mode_says_so_and_writes_nothing(kernel: Kernel, run: ModuleRunner) -> None:
    result = run(check=True, path=str(kernel.file), settings=WANTED)
    assert (result["changed"], result["changed_settings"]) == (True, ["net.ipv4.ip_forward"])
    assert kernel.get("net.ipv4.ip_forward") == "0"
    assert not kernel.file.exists()


def test_the_diff_shows_file_and_kernel(kernel: Kernel, run: ModuleRunner) -> None:
    file, running = run(check=True, path=str(kernel.file), settings=WANTED)["diff"]
    assert (file["before"], file["after"].splitlines()[1]) == ("", "net.ipv4.ip_forward = 1")
    assert (running["before"], running["after"]) == ("net.ipv4.ip_forward = 0\n", "net.ipv4.ip_forward = 1\n")


@pytest.mark.parametrize(("value", "text"), [(True, "1"), (False, "0"), (7, "7"), ("a  b", "a b")])
def test_values_are_written_as_the_kernel_reads_them(value: Any, text: str) -> None:
    assert sysctls.as_text(value) == text


def test_a_parameter_that_is_missing_stops_before_anything_is_written(kernel: Kernel, run: ModuleRunner) -> None:
    settings = {**WANTED, "net.ipv4.vs.sloppy_tcp": 1}
    result = run(path=str(kernel.file), settings=settings)
    assert result["failed"]
    assert result["msg"].startswith("The running kernel has no parameter net.ipv4.vs.sloppy_tcp: load the module")
    assert kernel.get("net.ipv4.ip_forward") == "0"
    assert not kernel.file.exists()


@pytest.mark.parametrize("check", [True, False])
def test_what_is_not_there_yet_is_accepted_in_check_mode_only(kernel: Kernel, run: ModuleRunner, check: bool) -> None:
    settings = {"net.ipv4.vs.sloppy_tcp": 1}
    result = run(check=check, path=str(kernel.file), settings=settings, missing_ok=True)
    assert bool(result.get("failed")) != check
    assert bool(result.get("changed")) == check


def test_a_value_that_the_kernel_refuses_is_told(
    kernel: Kernel, run: ModuleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysctls, "write_kernel", refuse)
    result = run(path=str(kernel.file), settings={"net.ipv4.ip_forward": 2})
    assert result["msg"] == "The kernel refused net.ipv4.ip_forward = '2': Invalid argument."
    assert not kernel.file.exists()


def refuse(name: str, value: str) -> None:
    raise OSError(22, "Invalid argument")


def test_a_dot_in_an_interface_name_is_written_as_a_slash() -> None:
    assert sysctls.proc_path("net.ipv4.conf.eth0/100.arp_ignore") == "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore"
