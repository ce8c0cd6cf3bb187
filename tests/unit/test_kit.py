# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CI, pre-commit and CONTRIBUTING.md name what exists: make targets, gates, versions. Not in the artifact."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tools.role_specs import ROOT, load

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GATES = set(re.findall(r"^gates := (.*)$", MAKEFILE, re.MULTILINE)[0].split())
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
SCENARIOS = {f"molecule-{path.parent.name}" for path in ROOT.glob("molecule/*/molecule.yml")}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    jobs: dict[str, Any] = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    return jobs


def make_targets(text: str) -> set[str]:
    """Targets that a text calls make with."""
    return set(re.findall(r"\bmake (?:--no-print-directory )?([a-z_-]+)", text))


def test_ci_calls_make_targets_that_exist(jobs: dict[str, Any]) -> None:
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    called = {target for command in commands for target in make_targets(command) if command.startswith("make")}
    assert called == {"check", "venv", "units", "sanity"}
    assert called <= TARGETS | GATES
    assert ".ci/run" in commands


def test_ci_covers_the_versions_that_are_supported(jobs: dict[str, Any]) -> None:
    (controller,) = re.findall(
        r"^\| controller \| ([^|]*)", (ROOT / "docs/support.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    matrix = jobs["ansible-core"]["strategy"]["matrix"]["include"]
    assert {entry["core"] for entry in matrix} == set(re.findall(r"\b2\.\d+", controller))


def test_every_commit_hook_is_a_gate() -> None:
    hooks = [hook for repo in load(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    called = {target for hook in hooks for target in make_targets(hook["entry"])}
    assert called <= GATES | {"check"}
    assert {hook["language"] for hook in hooks} == {"system"}


def test_contributing_describes_every_gate() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+`) \| ", CONTRIBUTING.split("## Gates")[1], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == GATES


def test_contributing_names_make_targets_that_exist() -> None:
    named = make_targets("\n".join(re.findall(r"`make [^`]+`|^    make .*", CONTRIBUTING, re.MULTILINE)))
    assert {"setup", "check", "test", "ruff"} <= named <= TARGETS | GATES | SCENARIOS
