# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every unit test needs, whether pytest runs it in a checkout or ansible-test in its own place; certificates."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from ansible.utils.collection_loader import AnsibleCollectionConfig

ROOT = Path(__file__).resolve().parent.parent.parent
# `lab` and `tools` are imported from the collection's own directory, which ansible-test does not put on the path
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# a command that a test starts is the one beside the interpreter, and finds the collection above a mirror, or through a
# checkout's own link
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
INSTALLED = ROOT.parts[-3:] == ("ansible_collections", "multitier", "loadbalancer")
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT.parents[2] if INSTALLED else ROOT / ".collections")

# Ansible finds the collection's own filters in templates only if it is the one that imports the collection
if AnsibleCollectionConfig.collection_finder is None:
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()

# ansible-test makes a pattern without hosts an error; for users, in two tiers without directors, it is a warning
os.environ.pop("ANSIBLE_HOST_PATTERN_MISMATCH", None)


def certificate(path: Path, domain: str) -> Path:
    """A certificate with its key."""
    from lab import certificates

    certificates.make(path, [domain])
    return path


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key."""
    return certificate(tmp_path_factory.mktemp("certificates") / "www.pem", "www.example.com")


@pytest.fixture(scope="session")
def other_pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one."""
    return certificate(tmp_path_factory.mktemp("certificates") / "other.pem", "other.example.com")
