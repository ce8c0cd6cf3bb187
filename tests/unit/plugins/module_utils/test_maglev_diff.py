# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of two Maglev tables: against flows looked up one by one, and against figures of a real kernel."""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev
from ansible_collections.multitier.loadbalancer.plugins.module_utils.maglev_diff import compare

ALL_FLAGS = ["mh-fallback", "mh-port"]


def pool(*servers: tuple[int, int], flags: list[str] | None = None, **fields: Any) -> maglev.Pool:
    """A pool of (last byte of the address, weight), in the kernel's order."""
    entries = [{"address": f"10.9.0.{byte}", "weight": weight} for byte, weight in servers]
    return maglev.pool_of({"port": 80, "destinations": entries, "scheduler_flags": flags or [], **fields})


def equal(count: int, *, down: tuple[int, ...] = (), flags: list[str] | None = None) -> maglev.Pool:
    return pool(*[(byte, 0 if byte in down else 1) for byte in range(count, 0, -1)], flags=flags)


def test_nothing_differs() -> None:
    result = compare(equal(5), equal(5))
    assert result["moved"] == 0
    assert result["equal"]
    assert result["difference"] is None
    assert result["reason"] == ""


@pytest.mark.parametrize(("count", "percent"), [(5, 0.24), (10, 0.64), (50, 2.7), (200, 8.8)])
def test_reversed_order_as_measured_on_a_kernel(count: int, percent: float) -> None:
    ascending = pool(*[(byte, 1) for byte in range(1, count + 1)])
    result = compare(equal(count), ascending)
    assert result["moved"] * 100 == pytest.approx(percent, rel=0.3)  # measured on samples of flows
    assert result["difference"]["kind"] == "order"
    assert result["difference"]["place"] == 1


def test_removal_moves_its_own_flows_and_few_others() -> None:
    result = compare(equal(10), pool(*[(byte, 1) for byte in range(10, 1, -1)]))
    assert result["reason"] == "10.9.0.1:80 is present before, absent after"
    others = sum(move["share"] for move in result["moves"] if move["from"] != "10.9.0.1:80")
    assert others == pytest.approx(0.9 * 0.01, abs=0.006)
    assert result["moved"] == pytest.approx(0.1 + others, abs=0.001)


def test_weight_zero_with_fallback_moves_nobody_else() -> None:
    result = compare(equal(10, flags=ALL_FLAGS), equal(10, down=(3,), flags=ALL_FLAGS))
    assert {move["from"] for move in result["moves"]} == {"10.9.0.3:80"}
    assert result["moved"] == pytest.approx(0.1, abs=0.001)
    assert result["slots_changed"] == 0
    assert not result["equal"]
    assert result["reason"] == "weight of 10.9.0.3:80: 1 before, 0 after"


def test_weight_zero_without_fallback_refuses() -> None:
    result = compare(equal(4), equal(4, down=(3,)))
    assert [(move["from"], move["to"]) for move in result["moves"]] == [("10.9.0.3:80", None)]


def test_flags_that_hash_otherwise() -> None:
    result = compare(equal(4), equal(4, flags=["mh-port"]))
    assert result["moved"] == pytest.approx(0.75, abs=0.001)
    assert result["difference"]["kind"] == "flags"


def test_empty_tables() -> None:
    nothing = pool()
    assert compare(nothing, nothing)["moved"] == 0
    result = compare(nothing, equal(2))
    assert result["moved"] == 1
    assert {move["from"] for move in result["moves"]} == {None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (equal(6, down=(2,), flags=ALL_FLAGS), equal(6, down=(5,), flags=ALL_FLAGS)),
        (equal(6, down=(2, 3), flags=ALL_FLAGS), equal(5, down=(2,), flags=ALL_FLAGS)),
        (
            pool((2, 0), (1, 0), flags=ALL_FLAGS, maglev_table_size=251),
            pool((2, 0), (1, 1), flags=ALL_FLAGS, maglev_table_size=251),
        ),
        (equal(4, down=(1,)), equal(4, down=(1,), flags=["mh-fallback"])),
        (pool((1, 5), (2, 3), (3, 0), flags=ALL_FLAGS), pool((3, 5), (2, 1), (1, 1), flags=ALL_FLAGS)),
    ],
)
def test_shares_are_those_of_flows_looked_up_one_by_one(before: maglev.Pool, after: maglev.Pool) -> None:
    tables = maglev.build(before), maglev.build(after)
    draw, flows, counted = random.Random(2), 2000, Counter[tuple[Any, Any]]()
    for _flow in range(flows):
        client, port = ipaddress.ip_address(draw.getrandbits(32)), draw.randrange(1024, 65536)
        old = maglev.lookup(before, tables[0], client, port)
        new = maglev.lookup(after, tables[1], client, port)
        if old != new and (old and old.name) != (new and new.name):
            counted[old and old.name, new and new.name] += 1
    result = compare(before, after)
    assert result["moved"] == pytest.approx(sum(counted.values()) / flows, abs=0.04)
    for move in result["moves"]:
        assert move["share"] == pytest.approx(counted[move["from"], move["to"]] / flows, abs=0.04)
