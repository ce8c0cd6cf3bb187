# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plan.yml tells of a change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.multitier.loadbalancer.plugins.filter.director_plan import FilterModule
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import director_plan

SERVICES = [{"name": "www", "vips": ["198.51.100.1", "2001:DB8::1"], "listeners": [{"port": 80}]}]
V4 = "tcp 198.51.100.1:80"


def servers(*numbers: int, **weights: int) -> list[dict[str, Any]]:
    return [
        {"name": f"p{n}", "weight": weights.get(f"p{n}", 1), "addresses": [f"10.0.0.{n}", f"2001:db8:1::{n}"]}
        for n in numbers
    ]


def live(*numbers: int, **weights: int) -> list[dict[str, Any]]:
    """Tables of a director that was started with these proxies, as ipvs_info returns them."""
    wanted = director_plan.wanted_services(SERVICES, servers(*numbers))
    for service in wanted.values():
        for item in service["destinations"]:
            item["active_connections"] = 3
            proxy = "p" + item["address"].replace("::", ".").rpartition(".")[2]
            item["weight"] = weights.get(proxy, item["weight"])
    return list(wanted.values())


def plan(tables: dict[str, Any], wanted: list[dict[str, Any]]) -> dict[str, Any]:
    return FilterModule().filters()["director_plan"](tables, SERVICES, wanted)


def test_nothing_to_do() -> None:
    result = plan({"d1": live(1, 2, 3), "d2": live(1, 2, 3)}, servers(1, 2, 3))
    assert not result["changes"]
    assert result["agree_now"]
    assert result["agree_after"]
    assert result["first"] == []
    assert [entry["service"] for entry in result["services"]] == [V4, "tcp [2001:db8::1]:80"]
    assert director_plan.table(result)[-1] == "Nothing to do first."


def test_a_proxy_is_appended() -> None:
    result = plan({"d1": live(1, 2, 3), "d2": live(1, 2, 3)}, servers(1, 2, 3, 4))
    director = result["services"][0]["directors"][0]
    assert director["come"] == ["10.0.0.4:80"]
    assert 0.25 <= result["moved"] < 0.3
    assert result["agree_after"]
    assert result["first"] == []


def test_a_proxy_is_inserted() -> None:
    result = plan({"d1": live(1, 2, 3), "d2": live(1, 2, 3)}, servers(1, 4, 2, 3))
    assert result["agree_after"]
    assert len([step for step in result["first"] if step.startswith("After: a director that restarts")]) == 2


def test_a_proxy_goes() -> None:
    result = plan({"d1": live(1, 2, 3), "d2": live(1, 2, 3)}, servers(1, 3))
    assert result["services"][0]["directors"][1]["go"] == ["10.0.0.2:80"]
    assert "Before: drain 10.0.0.2:80, it has 3 active connections on d1." in result["first"]
    assert any("-10.0.0.2:80" in line for line in director_plan.table(result))


def test_directors_differ_now() -> None:
    result = plan({"d1": live(1, 2, 3), "d2": live(3, 2, 1)}, servers(1, 2, 3))
    assert not result["agree_now"]
    assert not result["agree_after"]
    assert result["first"][0].startswith(f"Now: d1 and d2 differ in {V4} (order: place 1")
    assert "directors now: DIFFER; after the change: DIFFER" in director_plan.table(result)


def test_a_failed_server_keeps_its_slots() -> None:
    result = plan({"d1": live(1, 2, 3, p2=0), "d2": live(1, 2, 3, p2=0)}, servers(1, 2, 3))
    assert not result["changes"]
    assert result["services"][0]["directors"][0]["down"] == ["10.0.0.2:80"]
    assert result["first"][0] == "Now: 10.0.0.2:80 takes no new flows on d1. Find out why, or go on without it."


def test_a_weight_changes() -> None:
    result = plan({"d1": live(1, 2, 3)}, servers(1, 2, 3, p3=4))
    director = result["services"][0]["directors"][0]
    assert director["weights"] == [{"destination": "10.0.0.3:80", "before": 1, "after": 4}]
    assert director["moved"] > 0.2
    assert director["reason"] == "last_weight of 10.0.0.3:80: 1 before, 4 after"


def test_services_come_and_go() -> None:
    stranger = {**live(1)[0], "name": "tcp 198.51.100.9:80", "address": "198.51.100.9", "scheduler": "rr"}
    result = plan({"d1": [*live(1), stranger], "d2": []}, servers(1))
    reasons = {
        (entry["service"], item["director"]): item["reason"]
        for entry in result["services"]
        for item in entry["directors"]
    }
    assert reasons[V4, "d2"] == "the service is new"
    assert reasons["tcp 198.51.100.9:80", "d1"] == "the service goes"
    assert result["changes"]
    assert not result["agree_now"]


def test_another_scheduler() -> None:
    tables = [{**service, "scheduler": "wlc", "scheduler_flags": []} for service in live(1, 2)]
    director = plan({"d1": tables}, servers(1, 2))["services"][0]["directors"][0]
    assert director["moved"] is None
    assert director["reason"] == "the scheduler is wlc, it becomes mh"


def test_no_directors() -> None:
    with pytest.raises(AnsibleFilterError, match="no director"):
        plan({}, servers(1))
