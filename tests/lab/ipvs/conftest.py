# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab tests of IPVS share: programs of node/ run on a lab node, over testinfra's ssh backend."""

from __future__ import annotations

import base64
import io
import json
import shlex
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = "ansible_collections/multitier/loadbalancer"
PARTS = ("plugins/module_utils", "tests/unit/support", "tests/lab/ipvs/node")
PLACE = "/run/ipvs-tests"
RunOnNode = Callable[..., Any]


def _archive() -> str:
    """What the programs import, as a base64 text that fits into one command."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for part in PARTS:
            for path in sorted((ROOT / part).rglob("*.py")):
                archive.add(path, f"{COLLECTION}/{path.relative_to(ROOT)}")
    return base64.b64encode(buffer.getvalue()).decode()


def unpack(host: Any, archive: str, place: str = PLACE) -> None:
    """Unpack an archive on a node."""
    # One argument of a command has at most 128 KiB, so longer ones go in pieces.
    host.check_output(f"rm -rf {place} && mkdir -p {place}")
    for start in range(0, len(archive), 100_000):
        host.check_output(f"echo {archive[start : start + 100_000]} >> {place}/archive")
    host.check_output(f"base64 -d {place}/archive | tar -xz -C {place}")


def run_program(host: Any, program: str, *arguments: str) -> Any:
    """Run a program of node/ on a node; returns the JSON that it prints."""
    path = f"{PLACE}/{COLLECTION}/tests/lab/ipvs/node/{program}"
    words = " ".join(shlex.quote(word) for word in arguments)
    return json.loads(host.check_output(f"PYTHONPATH={PLACE} python3 {path} {words}"))


def install(host: Any) -> None:
    """What the modules are compared with, and what they work beside; no role does it here."""
    host.check_output("command -v ipvsadm && command -v keepalived || apt-get install --yes --quiet ipvsadm keepalived")


@pytest.fixture(scope="session")
def archive() -> str:
    """The programs and what they import."""
    return _archive()


@pytest.fixture
def on_node(host: Any, archive: str) -> RunOnNode:
    """Function (program, *arguments) that runs a program on the test's host."""
    install(host)
    unpack(host, archive)
    return lambda program, *arguments: run_program(host, program, *arguments)
