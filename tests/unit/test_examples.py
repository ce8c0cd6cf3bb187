# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples are right: the READMEs pass their roles' checks, and the inventories work where they are copied to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import certificates, inventory
from tools import role_specs
from tools.role_specs import ROOT

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROLES = [role for role in role_specs.roles() if "validate" in role_specs.entry_points(role)]


INVENTORIES = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))
TIERS = ("two_tier", "three_tier")


def examples(page: Path) -> list[Any]:
    return [yaml.safe_load(block) for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


def checked(play: dict[str, Any]) -> dict[str, Any]:
    """The play of an example with its role's checks in place of the role."""
    (role,) = play["roles"]
    check = {"include_role": {"name": role["role"], "tasks_from": "validate"}, "vars": role["vars"]}
    return {"hosts": play["hosts"], "gather_facts": False, "tasks": [check]}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_one_example(role: str) -> None:
    (example,) = examples(ROOT / f"roles/{role}/README.md")
    assert [part["role"] for play in example for part in play["roles"]] == [f"multitier.loadbalancer.{role}"]


def test_the_roles_accept_their_examples(tmp_path: Path) -> None:
    plays = [checked(play) for role in ROLES for play in examples(ROOT / f"roles/{role}/README.md")[0]]
    playbook, pem = tmp_path / "examples.yml", tmp_path / "www.pem"
    playbook.write_text(json.dumps(plays), encoding="utf-8")
    certificates.make(pem, ["www.example.com"])
    secrets = json.dumps({"vault_www_pem": pem.read_text(encoding="ascii")})
    command = ["ansible-playbook", "-i", str(ROOT / "inventories/three_tier"), "-e", secrets, str(playbook)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_front_page_shows_what_the_example_inventory_says() -> None:
    (shown,) = examples(ROOT / "README.md")
    written = role_specs.load(ROOT / "inventories/three_tier/group_vars/all.yml")
    assert shown["loadbalancer_services"][0] in written["loadbalancer_services"]


def test_no_file_of_an_inventory_is_a_link() -> None:
    assert [str(path) for path in (ROOT / "inventories").rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize("name", INVENTORIES)
def test_a_copied_inventory_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    shutil.copytree(ROOT / "inventories" / name, copy, symlinks=True, ignore=shutil.ignore_patterns("zz_*"))
    wanted = [one for one in inventory.WANTED if one != "loadbalancer_certificates"]
    assert inventory.read([copy], wanted) == inventory.read([ROOT / "inventories" / name], wanted)


def validated(copy: Path) -> None:
    """Make what certificates are missing, as `lab up` does, and validate; fails when that finds a problem."""
    certificates.make_missing(inventory.read([copy]), copy, lambda _text: None)
    command = ["ansible-playbook", "-i", str(copy), "multitier.loadbalancer.validate"]
    done = subprocess.run(command, cwd=copy.parent, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as an inventory source" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", TIERS)
def test_a_copied_example_has_its_certificate_made_in_it_and_is_valid(name: str, tmp_path: Path) -> None:
    copy, ignored = tmp_path / "copies" / name, shutil.ignore_patterns("zz_*", "certificates")
    shutil.copytree(ROOT / "inventories" / name, copy, symlinks=True, ignore=ignored)
    validated(copy)
    assert list(tmp_path.rglob("*.pem")) == [copy / "group_vars/certificates/www.pem"]


def test_the_inventory_of_debian_13_is_valid(tmp_path: Path) -> None:
    copy, ignored = tmp_path / "debian13", shutil.ignore_patterns("zz_*", "certificates")
    shutil.copytree(ROOT / "molecule/debian13/inventory", copy, ignore=ignored)
    validated(copy)


def test_what_serves_two_tiers_serves_three() -> None:
    """A second tier is its hosts: whoever copies an example may turn one into the other."""
    two, three = (ROOT / "inventories" / name / "group_vars" for name in TIERS)
    files = [{path.name: path.read_text(encoding="utf-8") for path in one.glob("*.yml")} for one in (two, three)]
    assert files[1] == files[0] | {"directors.yml": files[1]["directors.yml"]}
