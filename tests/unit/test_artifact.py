# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact holds what a user needs and no more, and what is in it runs where only it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import certificates
from tools import role_specs
from tools.role_specs import ROOT

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
INVENTORIES = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))
# whatever else lies in the root of a release needs a place here or in build_ignore of galaxy.yml
SHIPPED = {
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "ansible.cfg",
    "changelogs",
    "docs",
    "inventories",
    "lab",
    "meta",
    "playbooks",
    "plugins",
    "pyproject.toml",
    "requirements.in",
    "requirements.txt",
    "roles",
    "site.yml",
    "tools",
}


def run(*command: str, cwd: Path, collections: Path) -> str:
    """Run an ansible command that sees the collections of one directory (and those of the ansible package)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("artifact")
    run("ansible-galaxy", "collection", "build", "--output-path", str(place), str(ROOT), cwd=place, collections=place)
    return next(place.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of collections that holds this one alone."""
    place = tmp_path_factory.mktemp("installed")
    install = ("ansible-galaxy", "collection", "install", "--offline", "-p", str(place), str(artifact))
    run(*install, cwd=place, collections=place)
    return place


def test_the_artifact_holds_what_a_user_needs(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    top = {name.split("/")[0] for name in names}
    assert top <= SHIPPED
    assert {"README.md", "docs", "inventories", "lab", "playbooks", "plugins", "roles", "site.yml"} <= top
    assert not [name for name in names if "__pycache__" in name or name.endswith(("zz_lab_connection.yml", ".pem"))]


def test_the_installed_files_are_those_of_the_artifact(installed: Path) -> None:
    verify = ("ansible-galaxy", "collection", "verify", "--offline", "multitier.loadbalancer")
    run(*verify, cwd=installed, collections=installed)


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_playbooks_are_found_by_name(installed: Path, inventory: str, tmp_path: Path) -> None:
    hosts = installed / "ansible_collections/multitier/loadbalancer/inventories" / inventory
    playbooks = [f"multitier.loadbalancer.{playbook}" for playbook in PLAYBOOKS]
    output = run(
        "ansible-playbook", "--syntax-check", "-i", str(hosts), *playbooks, cwd=tmp_path, collections=installed
    )
    assert re.findall(r"playbook: .*/playbooks/(.*)\.yml", output) == PLAYBOOKS


def test_roles_and_their_options_are_documented(installed: Path) -> None:
    listing = run("ansible-doc", "-t", "role", "--list", "multitier.loadbalancer", cwd=installed, collections=installed)
    assert not [role for role in role_specs.roles() if f"multitier.loadbalancer.{role}" not in listing]


@pytest.mark.parametrize("example", ["two_tier", "three_tier"])
def test_an_example_that_is_copied_out_of_the_artifact_works(installed: Path, example: str, tmp_path: Path) -> None:
    shipped = installed / "ansible_collections/multitier/loadbalancer/inventories" / example
    shutil.copytree(shipped, tmp_path / "copy", symlinks=True)
    certificates.make(tmp_path / "copy/group_vars/certificates/www.pem", ["www.example.com"])
    validate = ("ansible-playbook", "-i", "copy", "multitier.loadbalancer.validate")
    run(*validate, cwd=tmp_path, collections=installed)
