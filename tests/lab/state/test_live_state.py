# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment as kernels and daemons have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import told

PROBE = Path(__file__).parents[1] / "node" / "neighbour_probe.py"
VIPS = ["198.51.100.1", "198.51.100.2", "2001:db8:100::1", "2001:db8:100::2"]


def test_verify_finds_everything_as_it_should_be(playbook: Any) -> None:
    result = playbook("playbooks/verify.yml")
    assert result.returncode == 0, told(result.stdout)
    assert ", 0 failed" in result.stdout


@pytest.mark.parametrize(
    "asker, interface, sources, control",
    [
        ("r1", "eth2", ("10.20.0.11", "2001:db8:20::11"), ("10.20.0.31", "2001:db8:20::31")),
        ("b1", "eth1", ("10.30.0.41", "2001:db8:30::41"), ("10.30.0.31", "2001:db8:30::31")),
        ("c1", "eth1", ("203.0.113.51", "2001:db8:10::51"), ("203.0.113.11", "2001:db8:10::11")),
    ],
)
def test_nobody_answers_arp_or_nd_for_a_vip(node: Any, asker: Any, interface: Any, sources: Any, control: Any) -> None:
    """The controls are addresses that must answer, so that silence means something."""
    source4, source6 = sources
    words = " ".join([interface, source4, source6, *control, *VIPS])
    program = PROBE.read_text()
    answers = json.loads(node(asker).check_output(f"python3 - {words} <<'END'\n{program}\nEND"))
    assert sorted(answers) == sorted(control)


def test_frr_runs_what_its_file_says(node: Any, groups: Any) -> None:
    for name in [*groups["routers"], *groups["directors"], *groups["proxies"]]:
        delta = node(name).check_output("/usr/lib/frr/frr-reload.py --test /etc/frr/frr.conf")
        assert "Lines To" not in delta, f"{name}: {delta}"


def test_secrets_and_configurations_are_not_for_everybody(node: Any, groups: Any) -> None:
    for name in groups["proxies"]:
        certificate = node(name).file("/etc/haproxy/certificates/www.pem")
        assert (certificate.user, certificate.group, certificate.mode) == ("root", "haproxy", 0o640)
        assert node(name).file("/etc/frr/frr.conf").mode == 0o640


def test_a_switch_is_configured_as_a_switch(node: Any, groups: Any) -> None:
    if "r2" not in groups["routers"]:
        pytest.skip("there is no switch")
    switch = node("r2")
    assert switch.check_output(". /etc/os-release && echo $ID") == "cumulus-linux"
    assert "--v6-rr-semantics" in switch.check_output("pgrep -ax zebra")
    assert "zebra nexthop proto only" in switch.check_output("vtysh -c 'show running-config'")
