# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command vip-announce, as the role writes it, with the kernel's own routes in a network namespace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import namespace
from ansible_collections.multitier.loadbalancer.tests.unit.support.namespace import Namespace

pytestmark = namespace.needed


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Namespace]:
    """A host with the command on its path."""
    space = Namespace(tmp_path)
    space.install_role_program("vips/templates/vip-announce.j2", vips_marker_protocol=77)
    yield space
    space.close()


@pytest.mark.parametrize(
    "spelling, canonical",
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:100::1", "2001:db8:100::1"),
        ("2001:DB8:100::1", "2001:db8:100::1"),
        ("2001:db8:0100:0::1", "2001:db8:100::1"),
        ("2001:0db8:0100:0000:0000:0000:0000:0001", "2001:db8:100::1"),
        ("2001:db8:100::c000:201", "2001:db8:100::c000:201"),
        ("2001:db8:100::192.0.2.1", "2001:db8:100::c000:201"),
    ],
)
def test_a_vip_is_withdrawn_in_whatever_spelling_it_was_announced(
    host: Namespace, spelling: str, canonical: str
) -> None:
    for first, second in ((spelling, canonical), (canonical, spelling), (spelling, spelling)):
        result = host.run(
            f"vip-announce up {first} && vip-announce status && echo then && vip-announce down {second} && "
            "vip-announce status"
        )
        assert (result.returncode, result.stdout) == (0, f"{canonical}\nthen\n"), result.stderr


def test_what_was_not_announced_is_withdrawn_already(host: Namespace) -> None:
    result = host.run("vip-announce down 198.51.100.1 2001:DB8::1 && vip-announce down 198.51.100.1")
    assert (result.returncode, result.stderr) == (0, "")


def test_only_our_own_route_is_withdrawn(host: Namespace) -> None:
    result = host.run(
        "ip route add blackhole 198.51.100.1/32 proto 55; "
        "ip route add 198.51.100.2/32 dev lo proto 77; vip-announce down 198.51.100.1 198.51.100.2; ip route show"
    )
    assert len(result.stdout.splitlines()) == 2, result.stdout


@pytest.mark.parametrize("vip", ["198.51.100.2", "2001:DB8:100::2"])
def test_one_failure_keeps_no_other_vip_announced_and_is_told(host: Namespace, vip: str) -> None:
    ip = shutil.which("ip")
    refusal = f'case "$*" in *" del "*"{vip}/"*) echo refused >&2; exit 2 ;; esac'
    host.install("ip", f'#!/bin/sh\n{refusal}\nexec {ip} "$@"\n')
    vips = f"{vip} 198.51.100.1 2001:db8:100::1"
    result = host.run(f"vip-announce up {vips}; vip-announce down {vips}; echo rc $?; vip-announce status")
    assert result.stdout.split() == ["rc", "1", vip.lower()]
    assert result.stderr.splitlines()[-1] == f"vip-announce: could not do 'down' for {vip}"


@pytest.mark.parametrize("wrong", ["www", "198.51.100", "198.51.100.0/24", "198.51.100.256", "2001:db8::g", "::/0"])
@pytest.mark.parametrize("action", ["up", "down"])
def test_what_is_not_an_address_is_an_error_and_keeps_no_other_from_being_done(
    host: Namespace, action: str, wrong: str
) -> None:
    prepare = "true" if action == "up" else "vip-announce up 198.51.100.1"
    result = host.run(f"{prepare}; vip-announce {action} {wrong} 198.51.100.1; echo rc $?; vip-announce status")
    assert result.stdout.split() == ["rc", "1", *(["198.51.100.1"] if action == "up" else [])]
    assert f"could not do '{action}' for {wrong}" in result.stderr


@pytest.mark.parametrize("words", ["", "up", "down", "off 198.51.100.1"])
def test_a_command_that_it_does_not_know_is_told(host: Namespace, words: str) -> None:
    result = host.run(f"vip-announce {words}")
    assert (result.returncode, result.stderr.startswith("usage:")) == (64, True)
