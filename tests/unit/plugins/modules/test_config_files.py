# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written whole, in order, once their command accepts them; what is refused changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multitier.loadbalancer.plugins.modules import config_files
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

ME = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[ModuleRunner]:
    mask = os.umask(0o022)
    yield ModuleRunner(config_files.main, capsys)
    os.umask(mask)


def entry(path: Path, content: str | None = "wanted\n", **options: Any) -> dict[str, Any]:
    given = {} if content is None else {"content": content}
    return {"path": str(path), "mode": "0640", **ME, **given, **options}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_and_directories_are_made_in_order_with_their_modes(run: ModuleRunner, tmp_path: Path) -> None:
    directory, file = tmp_path / "conf.d", tmp_path / "conf.d/one.conf"
    result = run(files=[entry(directory, None, mode="0750"), entry(file)])
    assert result["changed_paths"] == [str(directory), str(file)]
    assert (mode(directory), mode(file), file.read_text()) == (0o750, 0o640, "wanted\n")


def test_a_second_run_changes_nothing(run: ModuleRunner, tmp_path: Path) -> None:
    files = [entry(tmp_path / "conf.d", None, mode="0750"), entry(tmp_path / "one.conf", "Grüße\n")]
    run(files=files)
    before = (tmp_path / "one.conf").stat()
    result = run(files=files)
    assert (result["changed"], result["changed_paths"], result["diff"]) == (False, [], [])
    assert (tmp_path / "one.conf").stat() == before


def test_check_mode_says_what_the_run_then_does_and_writes_nothing(run: ModuleRunner, tmp_path: Path) -> None:
    old = tmp_path / "old.conf"
    old.write_text("before\n")
    old.chmod(0o640)
    files = [entry(old), entry(tmp_path / "new.conf"), entry(tmp_path / "conf.d", None)]
    predicted = run(check=True, files=files)
    assert (old.read_text(), sorted(path.name for path in tmp_path.iterdir())) == ("before\n", ["old.conf"])
    done = run(files=files)
    assert predicted == done
    assert (done["diff"][0]["before"], done["diff"][0]["after"]) == ("before\n", "wanted\n")


def test_a_mode_that_somebody_changed_is_put_right_and_shown(run: ModuleRunner, tmp_path: Path) -> None:
    file = tmp_path / "one.conf"
    run(files=[entry(file)])
    file.chmod(0o666)
    result = run(files=[entry(file)])
    assert (mode(file), result["changed_paths"]) == (0o640, [str(file)])
    assert result["diff"][0]["before"] == {"mode": "0666"}


def test_a_file_that_its_command_refuses_does_not_replace_the_working_one(run: ModuleRunner, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    second.write_text("working\n")
    refuse = "sh -c 'grep -n wanted \"$0\"; exit 3' %s"
    result = run(files=[entry(first), entry(second, validate=refuse), entry(third)])
    assert result["failed"]
    assert f"{second} stays as it is: '{refuse}' refuses the new one with 3 and says: 1:wanted" in result["msg"]
    assert (second.read_text(), third.exists()) == ("working\n", False)
    assert (result["changed"], result["changed_paths"]) == (True, [str(first)])


def test_an_accepted_file_is_checked_before_it_is_in_place(run: ModuleRunner, tmp_path: Path) -> None:
    file = tmp_path / "one.conf"
    assert run(files=[entry(file, validate=f"sh -c 'test ! -e {file} && grep -q wanted \"$0\"' %s")])["changed"]


@pytest.mark.parametrize("stream", [1, 2])
def test_a_command_that_tells_an_error_and_returns_0_refuses_the_file(
    run: ModuleRunner, tmp_path: Path, stream: int
) -> None:
    """As vtysh does, whenever the last block of the file is right."""
    file = tmp_path / "frr.conf"
    file.write_text("working\n")
    said = "line 14: % Unknown command[4]: rooter bgp 65031"
    given = {"validate": f"sh -c 'echo fine; echo \"{said}\" >&{stream}' %s", "validate_errors": "^line [0-9]+: "}
    result = run(files=[entry(file, **given)])
    assert (result["failed"], file.read_text()) == (True, "working\n")
    assert said in result["msg"]
    assert run(files=[entry(file, **{**given, "validate_errors": "^Line "})])["changed"]


def test_a_secret_is_not_shown_and_nobody_elses(run: ModuleRunner, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("old secret\n")
    file.chmod(0o600)
    result = run(files=[entry(file, None, secret_content="new secret\n", mode="0600")])
    assert (mode(file), file.read_text()) == (0o600, "new secret\n")
    assert "new secret" not in str(result)
    assert "old secret" not in str(result)


def test_what_a_pattern_finds_is_masked_and_the_rest_is_shown(run: ModuleRunner, tmp_path: Path) -> None:
    """The old password and the new one, in the diff and in what a command says of the file."""
    file = tmp_path / "frr.conf"
    file.write_text("router bgp 1\n neighbor n password 0ld-w0rd\n")
    content = "router bgp 2\n neighbor n password n3w-w0rd\n"
    pattern = "^ neighbor [^ ]+ password (.*)$"
    refused = run(files=[entry(file, content, secret_pattern=pattern, validate="sh -c 'cat $0; false' %s")])
    assert "neighbor n password ********" in refused["msg"]
    changed = run(files=[entry(file, content, secret_pattern=pattern)])
    diff = changed["diff"][0]
    assert "router bgp 1\n neighbor n password ********" in diff["before"]
    assert "router bgp 2\n neighbor n password ********" in diff["after"]
    assert "w0rd" not in str(refused) + str(changed)
    assert file.read_text() == content


def test_the_hosts_journal_is_told_nothing_of_the_files(
    run: ModuleRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible does not find a secret of several lines in the text of parameters that it would log."""
    told: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, message, **_other: told.append(message))
    run(files=[entry(tmp_path / "key.pem", None, secret_content="one\ntwo\n")])
    assert len(told) == 1
    assert "key.pem" not in told[0]
    assert "two" not in told[0]


def test_a_directory_where_a_file_should_be_is_told(run: ModuleRunner, tmp_path: Path) -> None:
    (tmp_path / "one.conf").mkdir()
    assert run(files=[entry(tmp_path / "one.conf")])["msg"] == f"{tmp_path}/one.conf is a directory, must be a file"


def test_a_missing_directory_is_told(run: ModuleRunner, tmp_path: Path) -> None:
    result = run(files=[entry(tmp_path / "none/one.conf")])
    assert result["failed"]
    assert str(tmp_path / "none") in result["msg"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory with a key that is in use, one that is not, a link, and a directory."""
    directory = tmp_path / "keys"
    (directory / "old").mkdir(parents=True, mode=0o750)
    for name in ("used.pem", ".gone.pem"):
        (directory / name).write_text("a secret\n")
    (directory / "link.pem").symlink_to(tmp_path / "elsewhere.pem")
    (tmp_path / "elsewhere.pem").write_text("not ours\n")
    directory.chmod(0o750)
    return directory


def test_a_directory_holds_only_what_it_should(run: ModuleRunner, keys: Path, tmp_path: Path) -> None:
    files = [entry(keys, None, mode="0700", only=["used.pem", "missing.pem"])]
    predicted = run(check=True, files=files)
    assert len(list(keys.iterdir())) == 4
    done = run(files=files)
    assert predicted == done
    assert done["changed_paths"] == [str(keys), f"{keys}/.gone.pem", f"{keys}/link.pem"]
    assert sorted(path.name for path in keys.iterdir()) == ["old", "used.pem"]
    assert (tmp_path / "elsewhere.pem").exists()
    assert "a secret" not in str(done)
    assert [(diff["before"], diff["after"]) for diff in done["diff"][1:]] == [(".gone.pem\n", ""), ("link.pem\n", "")]
    assert not run(files=files)["changed"]


def test_a_directory_that_is_not_there_yet_may_be_one_that_holds_only_something(
    run: ModuleRunner, tmp_path: Path
) -> None:
    files = [entry(tmp_path / "keys", None, mode="0700", only=[])]
    assert run(check=True, files=files)["changed_paths"] == run(files=files)["changed_paths"] == [f"{tmp_path}/keys"]
    assert not run(files=files)["changed"]


def test_nothing_is_removed_when_a_file_before_it_is_refused(run: ModuleRunner, keys: Path, tmp_path: Path) -> None:
    files = [entry(tmp_path / "one.conf", validate="false %s"), entry(keys, None, mode="0700", only=[])]
    assert run(files=files)["failed"]
    assert len(list(keys.iterdir())) == 4


def test_a_file_holds_no_files(run: ModuleRunner, tmp_path: Path) -> None:
    assert "mutually exclusive" in run(files=[entry(tmp_path / "one.conf", only=[])])["msg"]
