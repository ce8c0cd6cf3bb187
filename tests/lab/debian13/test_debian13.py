# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian 13: that it is what runs here, and that its daemons are those of that release."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("name, release", [("r1", "13"), ("d1", "13"), ("d2", "12"), ("p1", "13"), ("p2", "13")])
def test_a_node_is_of_the_release_that_it_should_be(node: Any, name: Any, release: Any) -> None:
    assert node(name).check_output("cat /etc/debian_version").partition(".")[0] == release


@pytest.mark.parametrize(
    "name, command, version",
    [
        ("r1", "vtysh -c 'show version'", "FRRouting 10."),
        ("p1", "haproxy -v", "version 3.0."),
        ("d1", "keepalived --version 2>&1", "Keepalived v2.3."),
    ],
)
def test_a_daemon_is_that_of_the_release(node: Any, name: Any, command: Any, version: Any) -> None:
    assert version in node(name).check_output(command)


def test_directors_of_two_releases_have_the_same_tables(node: Any) -> None:
    tables = [node(name).check_output("ipvsadm -Sn") for name in ("d1", "d2")]
    assert tables[0] == tables[1]
    assert tables[0].count("-a ") == 12  # three listeners of two families, two proxies each
