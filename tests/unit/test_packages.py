# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make setup installs is what the lab asks for."""

from __future__ import annotations

from lab import machine
from tools.role_specs import ROOT

# every Debian system has these
ESSENTIAL = {"apt", "dpkg", "tar"}


def test_setup_installs_what_the_lab_asks_for() -> None:
    lines = (ROOT / "tools/apt_packages.txt").read_text(encoding="utf-8").splitlines()
    installed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    wanted = {*machine.RUN.values(), *machine.BUILD.values(), *machine.BUILD_AS_USER.values()} - ESSENTIAL
    assert sorted(wanted - installed) == []
