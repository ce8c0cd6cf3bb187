# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages name everything that the collection has, and lead only to what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import role_specs, stage
from tools.role_specs import ROOT

TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "roles").glob("*/README.md"))]
INDEX = ROOT / "docs/README.md"
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", [ROOT / "README.md", INDEX], ids=relative)
def test_every_role_has_its_place(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [role for role in role_specs.roles() if f"roles/{role}/README.md" not in text]


def test_the_index_names_every_playbook() -> None:
    text = INDEX.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert listed == {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


def test_the_index_leads_to_every_page() -> None:
    linked = {(INDEX.parent / target).resolve() for target in LINK.findall(INDEX.read_text(encoding="utf-8"))}
    guides = [page for page in (ROOT / "docs").rglob("*.md") if page != INDEX]
    assert not [relative(page) for page in guides if page.resolve() not in linked]


def test_the_front_page_names_the_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(
        re.findall(r"(?:^    |`|\$ )make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {"demo", "test"} <= named <= targets


def test_no_file_of_a_machine_is_named() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|farm)/")
    files = [ROOT / name for name in stage.tracked_files() if name.endswith((".md", ".yml", ".py", ".j2", ".sh"))]
    assert not [relative(path) for path in files if machine.search(path.read_text(encoding="utf-8"))]
