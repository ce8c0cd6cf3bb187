# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed is what is needed, and every place that names a version or a package names the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import machine
from tools.role_specs import ROOT, load, roles

# every Debian system has these
ESSENTIAL = {"apt", "dpkg", "tar"}
OWN = ("ansible.builtin", "multitier.loadbalancer")
# a module, role, filter or lookup by its full name: the key of a task, a name, behind | or in lookup() of a template
FULL_NAME = re.compile(
    r"(?:^ *(?:- )?|\| *|lookup\('|(?:name|role): +)([a-z_]+\.[a-z_]+)\.[a-z0-9_]+(?=:|[ '()}]|$)", re.MULTILINE
)
EXAMPLES = re.compile(r'^EXAMPLES = r"""$(.*?)^"""$', re.MULTILINE | re.DOTALL)


def minimum() -> str:
    """The oldest ansible-core that the collection takes, as 2.18."""
    found = re.fullmatch(r">=(\d+\.\d+)\.0", load(ROOT / "meta/runtime.yml")["requires_ansible"])
    assert found
    return found[1]


def required(path: str) -> set[str]:
    """Names of the Python packages that a requirements file asks for."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def used_collections() -> Iterator[tuple[str, Path]]:
    """Collections whose plugins roles, playbooks and examples in the documentation use, and where."""
    for folder, suffix in (("roles", "yml"), ("playbooks", "yml"), ("plugins", "yml"), ("plugins", "py")):
        for path in sorted((ROOT / folder).rglob(f"*.{suffix}")):
            text = path.read_text(encoding="utf-8")
            texts = EXAMPLES.findall(text) if suffix == "py" else [text]
            yield from ((name, path) for text in texts for name in FULL_NAME.findall(text))


def test_setup_installs_what_the_lab_asks_for() -> None:
    lines = (ROOT / "tools/apt_packages.txt").read_text(encoding="utf-8").splitlines()
    installed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    wanted = {*machine.RUN.values(), *machine.BUILD.values(), *machine.BUILD_AS_USER.values()} - ESSENTIAL
    assert sorted(wanted - installed) == []


def test_the_collections_that_are_used_are_the_ones_declared() -> None:
    found = list(used_collections())
    assert ("multitier.loadbalancer", ROOT / "roles/ipvs_maglev/tasks/main.yml") in found
    assert {name for name, _path in found} - {*OWN} == set(load(ROOT / "galaxy.yml")["dependencies"])


def test_an_execution_environment_gets_what_the_controller_needs_and_no_more() -> None:
    described = load(ROOT / "meta/execution-environment.yml")["dependencies"]["python"]
    needed = required(described)
    assert needed <= required("requirements.in")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (controller,) = re.findall(r"^\| controller \| (.*) \|$", readme, re.MULTILINE)
    assert [name for name in needed if name not in controller] == []


@pytest.mark.parametrize("role", roles())
def test_a_role_takes_the_ansible_core_that_the_collection_takes(role: str) -> None:
    assert load(ROOT / f"roles/{role}/meta/main.yml")["galaxy_info"]["min_ansible_version"] == minimum()


def test_the_pages_name_the_oldest_ansible_core() -> None:
    for page in ("README.md", "docs/support.md"):
        assert f"ansible-core {minimum()}" in (ROOT / page).read_text(encoding="utf-8"), page
