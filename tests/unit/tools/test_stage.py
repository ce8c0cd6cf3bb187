# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage holds what git would take from the working tree, and no more."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import on_stage, stage


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file, and nothing committed."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(".cache\n*.log\n", encoding="utf-8")
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/main.yml").write_text("one", encoding="utf-8")
    monkeypatch.setattr(stage, "ROOT", tmp_path)
    monkeypatch.setattr(stage, "STAGE", tmp_path / ".cache/stage/ansible_collections/multitier/loadbalancer")
    return tmp_path


def staged() -> set[str]:
    files = [path for path in stage.STAGE.rglob("*") if path.is_file() or path.is_symlink()]
    return {name for path in files if not (name := path.relative_to(stage.STAGE).as_posix()).startswith(".git/")}


def test_uncommitted_files_are_staged_and_ignored_ones_are_not(tree: Path) -> None:
    (tree / "run.log").touch()
    stage.main()
    assert staged() == {".gitignore", "roles/main.yml"}


def test_a_change_reaches_the_stage(tree: Path) -> None:
    stage.main()
    (tree / "roles/main.yml").write_text("two", encoding="utf-8")
    (tree / "roles/main.yml").chmod(0o755)
    stage.main()
    copy = stage.STAGE / "roles/main.yml"
    assert copy.read_text(encoding="utf-8") == "two"
    assert os.access(copy, os.X_OK)


def test_what_is_gone_goes_and_ansible_tests_output_stays(tree: Path) -> None:
    stage.main()
    (stage.STAGE / "tests/output").mkdir(parents=True)
    (stage.STAGE / "tests/output/report.json").touch()
    (tree / "roles/main.yml").unlink()
    stage.main()
    assert staged() == {".gitignore", "tests/output/report.json"}
    assert not (stage.STAGE / "roles").exists()


def test_a_link_stays_a_link_and_the_way_back_to_the_tree_is_left_out(tree: Path) -> None:
    (tree / "COPYING").symlink_to("LICENSE")
    (tree / ".collections").mkdir()
    (tree / ".collections/loop").symlink_to("..")
    stage.main()
    assert (stage.STAGE / "COPYING").readlink() == Path("LICENSE")
    assert not (stage.STAGE / ".collections").exists()


def test_pip_is_provided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    on_stage.provide_pip("3.11")
    (script,) = (tmp_path / ".ansible/test/cache").glob("get_pip_*.py")
    script.write_text("downloaded", encoding="utf-8")
    on_stage.provide_pip("3.11")
    assert script.read_text(encoding="utf-8") == "downloaded"
