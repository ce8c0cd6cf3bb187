# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What frr_ecmp writes into frr.conf, and which lines of it a change touches."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.multitier.loadbalancer.tests.unit.support.render import rendered

from tools.role_specs import ROOT

VIPS = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:100::1", "2001:db8:100::2", "2001:db8:100::3"]
NEIGHBORS = [
    {"name": "n", "address": "10.20.0.12", "asn": 65012},
    {"name": "n", "address": "2001:db8:20::12", "asn": 65012},
]
HOST = {
    "frr_ecmp_asn": 65011,
    "frr_ecmp_router_id": "10.20.0.11",
    "frr_ecmp_neighbors": NEIGHBORS,
    "ansible_facts": {"hostname": "r1", "nodename": "r1"},
}


def configurations(*variants: dict[str, Any]) -> list[list[str]]:
    """Lines of frr.conf for each of these sets of variables."""
    texts = rendered("frr_ecmp", "frr.conf.j2", [{**HOST, **variables} for variables in variants])
    return [text.splitlines() for text in texts]


def router(vips: list[str]) -> dict[str, Any]:
    prefixes = [f"{vip}/{128 if ':' in vip else 32}" for vip in vips]
    return {"frr_ecmp_accept": prefixes, "frr_ecmp_originate_default": True, "frr_ecmp_forwarding": True}


def announcer(vips: list[str]) -> dict[str, Any]:
    return {"frr_ecmp_announce": vips}


@pytest.mark.parametrize("host", [router, announcer])
def test_a_vip_that_comes_or_goes_touches_its_own_line_only(host: Any) -> None:
    every, *without = configurations(host(VIPS), *(host([vip for vip in VIPS if vip != gone]) for gone in VIPS))
    for gone, lines in zip(VIPS, without, strict=True):
        own = [line for line in every if f"permit {gone}/" in line]
        assert len(own) == 1
        assert lines == [line for line in every if line not in own]


@pytest.mark.parametrize("host", [router, announcer])
def test_a_vip_that_moves_in_the_inventory_changes_nothing(host: Any) -> None:
    before, after = configurations(host(VIPS), host(VIPS[::-1]))
    assert before == after


@pytest.mark.parametrize("host", [router, announcer])
def test_what_no_list_names_is_refused_both_ways(host: Any) -> None:
    for lines in configurations(host(VIPS), host([])):
        for name in ("accept4", "send4", "accept6", "send6"):
            assert [line for line in lines if f"prefix-list {name} seq" in line][-1].endswith("seq 4294967295 deny any")


@pytest.mark.parametrize("host", [router, announcer])
def test_what_was_refused_is_looked_at_again_when_the_list_has_grown(host: Any) -> None:
    """FRR does that for route maps; what an inbound prefix list refused is lost until the neighbour sends it again."""
    [lines] = configurations(host(VIPS))
    inbound = [line.strip() for line in lines if line.endswith(" in")]
    assert inbound == ["neighbor fabric4 route-map accept4 in", "neighbor fabric6 route-map accept6 in"]
    for name, match in (("accept4", "ip"), ("accept6", "ipv6")):
        start = lines.index(f"route-map {name} permit 10")
        assert lines[start + 1] == f" match {match} address prefix-list {name}"


@pytest.mark.parametrize(
    "said",
    [
        "line 14: % Unknown command[4]: rooter bgp 65031",
        "line 14: % Unknown command[4]: router bgp 65_031",
        "line 5: % Ambiguous command[4]: ip p",
        "% Can't open configuration file /etc/frr/frr.conf due to 'Permission denied'.",
    ],
)
def test_a_line_that_vtysh_does_not_know_refuses_the_file(said: str) -> None:
    """It returns 0 all the same, as FRR 8.4.4 does, when a block that it knows comes after it."""
    tasks = yaml.safe_load((ROOT / "roles/frr_ecmp/tasks/configure.yml").read_text(encoding="utf-8"))
    [file] = [entry for entry in tasks[0]["multitier.loadbalancer.config_files"]["files"] if "validate" in entry]
    assert re.search(file["validate_errors"], f"\n{said}", re.MULTILINE)


def test_the_host_is_called_what_its_kernel_calls_it() -> None:
    """FRR has a full name from the kernel, and takes a short one for a change at every run."""
    facts = {"ansible_facts": {"hostname": "p1", "nodename": "p1.example.com"}}
    [lines] = configurations(facts)
    assert [line for line in lines if line.startswith("hostname")] == ["hostname p1.example.com"]


def test_as_many_next_hops_as_frr_can_have_are_no_line() -> None:
    """It never shows the limit that it was compiled with, so frr-reload would add the line at every run."""
    most, fewer = configurations({"frr_ecmp_maximum_paths": 256}, {"frr_ecmp_maximum_paths": 255})
    assert [line for line in most if "maximum-paths" in line] == []
    assert [line for line in fewer if "maximum-paths" in line] == ["  maximum-paths 255"] * 2


def test_a_neighbour_that_sent_too_much_is_tried_again() -> None:
    """Without restart, its session stays down until somebody clears it by hand."""
    [lines] = configurations({"frr_ecmp_maximum_prefixes": 7})
    limits = [line.strip() for line in lines if "maximum-prefix " in line]
    assert limits == [f"neighbor {group} maximum-prefix 7 restart 1" for group in ("fabric4", "fabric6")]


def test_a_switch_given_as_text_means_what_it_says() -> None:
    """As -e frr_ecmp_ttl_security=false hands it over."""
    names = [f"frr_ecmp_{name}" for name in ("ttl_security", "graceful_shutdown", "originate_default", "forwarding")]
    texts = configurations(*(dict.fromkeys(names, value) for value in (False, "false", "no", True, "true", "yes")))
    assert texts[0] == texts[1] == texts[2] != texts[3]
    assert texts[3] == texts[4] == texts[5]


@pytest.mark.parametrize(
    ("name", "default"), [("bfd_interval", "300"), ("bfd_multiplier", "3"), ("maximum_paths", "256")]
)
def test_a_default_given_as_text_is_no_line(name: str, default: str) -> None:
    text, number = configurations({f"frr_ecmp_{name}": default}, {f"frr_ecmp_{name}": int(default)})
    assert text == number
