# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""unit_state: what is asked of systemd, by what it says of the unit and by how old files are."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import unit_state
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

# keeps one unit's properties in a file beside it, and writes down what it was asked
SYSTEMCTL = """#!{python}
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
state = json.loads((here / "state.json").read_text())
word = sys.argv[1]
if word == "show":
    print("\\n".join(f"{{name}}={{value}}" for name, value in state.items()))
    sys.exit()
with (here / "calls").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if (here / "fails").exists():
    state["ReloadResult"] = "exit-code"
    (here / "state.json").write_text(json.dumps(state))
    sys.exit("Job failed.")
if word == "daemon-reload":
    state.update(NeedDaemonReload="no", LoadState=state.pop("Later", "loaded"))
    state["UnitFileState"] = state["UnitFileState"] or "disabled"
elif word in ("enable", "disable"):
    state["UnitFileState"] = word + "d"
elif word in ("start", "reload", "stop"):
    now = str(int(time.monotonic() * 1e6))
    state.update(ActiveState="inactive" if word == "stop" else "active", ReloadResult="success")
    state["StateChangeTimestampMonotonic"] = now
(here / "state.json").write_text(json.dumps(state))
"""
RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "NeedDaemonReload": "no",
    "ReloadResult": "success",
}
NEW = {**RUNNING, "LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}


class Systemd:
    """The stand-in for systemctl(1), with one unit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        program = directory / "systemctl"
        program.write_text(SYSTEMCTL.format(python=sys.executable))
        program.chmod(0o755)
        self.set(RUNNING)

    def set(self, state: dict[str, str], age: float = 0) -> None:
        """Make the unit so, since `age` seconds."""
        changed = str(int((time.monotonic() - age) * 1e6))
        text = json.dumps({**state, "StateChangeTimestampMonotonic": changed})
        (self.directory / "state.json").write_text(text)

    def calls(self) -> list[str]:
        """What was asked since the last call."""
        path = self.directory / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Systemd(tmp_path / "bin")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    return ModuleRunner(unit_state.main, capsys)


@pytest.fixture
def loads(tmp_path: Path) -> Path:
    """A configuration of two files, older than the unit's start."""
    directory = tmp_path / "etc"
    (directory / "conf.d").mkdir(parents=True)
    (directory / "main.conf").write_text("main")
    (directory / "conf.d" / "part.conf").write_text("part")
    return directory


def started(systemd: Systemd, **state: str) -> None:
    """Let the unit have started just now, after all files were written."""
    time.sleep(0.02)  # ctime goes by the kernel's tick
    systemd.set({**RUNNING, **state})


def test_what_runs_with_what_is_written_is_left_alone(systemd: Systemd, run: ModuleRunner, loads: Path) -> None:
    started(systemd)
    result = run(name="web", loads=[str(loads)], validate="false")
    assert (result["changed"], result["newer"], systemd.calls()) == (False, [], [])


@pytest.mark.parametrize("changed", ["main.conf", "conf.d/part.conf", "conf.d/new.conf"])
def test_a_file_that_is_newer_than_the_start_is_loaded_once(
    systemd: Systemd, run: ModuleRunner, loads: Path, changed: str
) -> None:
    started(systemd)
    time.sleep(0.02)
    (loads / changed).write_text("other")
    result = run(name="web", loads=[str(loads)])
    assert systemd.calls() == ["reload web"]
    assert str(loads / changed) in result["newer"]
    assert str(loads / changed) in result["diff"]["before"]
    assert run(name="web", loads=[str(loads)])["changed"] is False


def test_an_old_file_that_was_moved_into_its_place_is_noticed(
    systemd: Systemd, run: ModuleRunner, loads: Path, tmp_path: Path
) -> None:
    (tmp_path / "staged").write_text("old, and moved later")
    started(systemd)
    time.sleep(0.02)
    (tmp_path / "staged").rename(loads / "main.conf")
    run(name="web", loads=[str(loads)])
    assert systemd.calls() == ["reload web"]


def test_a_file_that_nobody_names_any_more_may_go_without_a_reload(
    systemd: Systemd, run: ModuleRunner, loads: Path
) -> None:
    started(systemd)
    time.sleep(0.02)
    (loads / "conf.d" / "part.conf").unlink()
    assert run(name="web", loads=[str(loads)])["changed"] is False


def test_what_the_daemon_refuses_is_not_loaded_and_is_tried_again(
    systemd: Systemd, run: ModuleRunner, loads: Path
) -> None:
    systemd.set(RUNNING, age=60)
    for dummy in range(2):
        result = run(name="web", loads=[str(loads)], validate="sh -c 'echo line 7 is wrong; exit 3'")
        assert result["failed"]
        assert result["msg"].endswith("exit 3'' refuses the configuration with 3 and says: line 7 is wrong")
        assert systemd.calls() == []
    assert run(name="web", loads=[str(loads)], validate="true")["actions"] == ["reload"]


def test_a_reload_that_failed_is_tried_again(systemd: Systemd, run: ModuleRunner, loads: Path) -> None:
    systemd.set(RUNNING, age=60)
    (systemd.directory / "fails").touch()
    result = run(name="web", loads=[str(loads)])
    assert result["failed"]
    assert result["msg"].startswith("systemctl reload web failed with 1: Job failed.")
    (systemd.directory / "fails").unlink()
    started(systemd, ReloadResult="exit-code")  # systemd's time of change is that of the failed reload
    systemd.calls()
    assert run(name="web", loads=[str(loads)])["actions"] == ["reload"]


def test_a_new_unit_is_read_enabled_and_started(systemd: Systemd, run: ModuleRunner) -> None:
    systemd.set(NEW)
    assert run(name="web")["actions"] == ["daemon-reload", "enable", "start"]
    assert systemd.calls() == ["daemon-reload", "enable web", "start web"]
    assert run(name="web")["changed"] is False


def test_a_unit_file_that_systemd_has_not_read_is_read(systemd: Systemd, run: ModuleRunner) -> None:
    systemd.set({**RUNNING, "NeedDaemonReload": "yes"})
    assert run(name="web")["actions"] == ["daemon-reload"]
    assert run(name="web")["changed"] is False


def test_settings_in_a_directory_that_systemd_does_not_know_are_read(
    systemd: Systemd, run: ModuleRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd remembers where units lie, and tells of a new directory neither by NeedDaemonReload nor otherwise."""
    settings = tmp_path / "settings/web.d/restart.conf"
    settings.parent.mkdir(parents=True)
    settings.touch()
    monkeypatch.setattr(unit_state, "SETTINGS", str(tmp_path / "settings"))
    systemd.set(RUNNING)
    assert run(name="web")["actions"] == ["daemon-reload"]
    systemd.set({**RUNNING, "DropInPaths": str(settings)})
    assert run(name="web")["changed"] is False


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_what_does_not_run_is_started_and_not_reloaded(
    systemd: Systemd, run: ModuleRunner, loads: Path, state: str
) -> None:
    systemd.set({**RUNNING, "ActiveState": state}, age=60)
    assert run(name="web", loads=[str(loads)])["actions"] == ["start"]


def test_a_unit_that_is_missing_or_masked_is_an_error(systemd: Systemd, run: ModuleRunner) -> None:
    systemd.set({**NEW, "Later": "not-found"})
    assert run(name="web")["msg"] == "There is no unit web"
    systemd.set({**RUNNING, "LoadState": "masked"})
    assert run(name="web")["msg"].startswith("web is masked")


def test_what_is_not_to_run_is_stopped_once(systemd: Systemd, run: ModuleRunner) -> None:
    assert run(name="web", running=False)["actions"] == ["disable", "stop"]
    assert run(name="web", running=False)["changed"] is False
    systemd.set(NEW)
    assert run(name="web", running=False)["changed"] is False


@pytest.mark.parametrize(
    ("state", "pending", "actions"),
    [
        (RUNNING, [], []),
        (RUNNING, ["main.conf"], ["reload"]),
        (RUNNING, ["/etc/other.conf"], []),
        (RUNNING, ["/etc/systemd/system/web.service"], ["daemon-reload"]),
        (NEW, ["/etc/systemd/system/web.service"], ["daemon-reload", "enable", "start"]),
    ],
)
def test_check_mode_says_so_and_asks_nothing(
    systemd: Systemd, run: ModuleRunner, loads: Path, state: dict[str, str], pending: list[str], actions: list[str]
) -> None:
    started(systemd, **state)
    arguments: dict[str, Any] = {"loads": [str(loads)], "pending": [str(loads / path) for path in pending]}
    result = run(check=True, name="web", **arguments)
    assert (result["actions"], result["changed"]) == (actions, bool(actions))
    assert systemd.calls() == []
