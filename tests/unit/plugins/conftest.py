# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fixtures several tests share: certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key."""
    path = tmp_path_factory.mktemp("certificates") / "www.pem"
    certificates.make(path, ["www.example.com"])
    return path


@pytest.fixture(scope="session")
def other_pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one."""
    path = tmp_path_factory.mktemp("certificates") / "other.pem"
    certificates.make(path, ["other.example.com"])
    return path
