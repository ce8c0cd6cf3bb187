# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates are made of services, with addresses as the kernel spells them, and never open before checks were done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils import gates, topology

SERVICES: list[dict[str, Any]] = [
    {
        "name": "www",
        "vips": ["198.51.100.1", "2001:DB8:0100:0::1"],
        "listeners": [{"port": 80, "protocol": "http"}, {"port": "443", "protocol": "https"}],
    },
    {"name": "dns", "vips": ["198.51.100.53"], "listeners": [{"port": 53, "protocol": "udp"}]},
]


@pytest.mark.parametrize(("address", "host"), [("10.20.0.31", "10.20.0.31"), ("2001:db8::31", "[2001:db8::31]")])
def test_a_proxy_has_a_gate_for_each_service(address: str, host: str) -> None:
    made = gates.url_gates(SERVICES, address, 8090)
    assert made[0] == {
        "name": "www",
        "vips": ["198.51.100.1", "2001:db8:100::1"],
        "url": f"http://{host}:8090/healthcheck/www",
    }
    assert [gate["name"] for gate in made] == ["www", "dns"]
    assert gates.gate_problems(made) == []


def test_a_director_has_a_gate_for_each_vip_with_all_its_listeners() -> None:
    made = gates.quorum_gates(SERVICES)
    assert [gate["vips"] for gate in made] == [["198.51.100.1"], ["2001:db8:100::1"], ["198.51.100.53"]]
    assert made[1]["virtual_servers"] == [
        {"address": "2001:db8:100::1", "protocol": "tcp", "port": 80},
        {"address": "2001:db8:100::1", "protocol": "tcp", "port": 443},
    ]
    assert made[2]["virtual_servers"] == [{"address": "198.51.100.53", "protocol": "udp", "port": 53}]
    assert gates.gate_problems(made) == []


def test_vips_are_spelt_as_the_kernel_does() -> None:
    assert topology.vips(SERVICES) == ["198.51.100.1", "2001:db8:100::1", "198.51.100.53"]
    assert topology.vip_prefixes(SERVICES)[1] == "2001:db8:100::1/128"


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        ({}, []),
        ({"vip_gate_hold": 8}, []),
        (
            {"vip_gate_hold": 7},
            ["vip_gate_hold is 7, must be more than 7 seconds, the length of the first round of checks"],
        ),
        ({"vip_gate_hold": "30", "ipvs_maglev_check_interval": "20"}, []),
        (
            {"ipvs_maglev_check_interval": 20, "ipvs_maglev_check_retries": 2},
            ["vip_gate_hold is 10, must be more than 28 seconds, the length of the first round of checks"],
        ),
        ({"vip_gate_hold": "soon"}, []),  # reported as a range
    ],
)
def test_a_director_waits_for_its_first_round_of_checks(variables: dict[str, Any], problems: list[str]) -> None:
    assert gates.hold_problem(variables) == problems
