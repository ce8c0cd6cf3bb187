# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the READMEs are right: each role's is given to the role's own checks, which contact no host."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import certificates
from tools import role_specs
from tools.role_specs import ROOT

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROLES = [role for role in role_specs.roles() if "validate" in role_specs.entry_points(role)]


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
    inventory = role_specs.load(ROOT / "inventories/three_tier/group_vars/all.yml")
    assert shown["loadbalancer_services"][0] in inventory["loadbalancer_services"]
