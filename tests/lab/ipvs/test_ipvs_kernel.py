# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS and Maglev on a real kernel, on one lab node.

By hand: lab/lab up -i inventories/ipvs, then .venv/bin/pytest tests/lab/ipvs --ansible-inventory=inventories/ipvs
(with .venv/bin in PATH).
"""

from __future__ import annotations

import base64
import pickle
from typing import TYPE_CHECKING, Any

from ansible_collections.multitier.loadbalancer.tests.unit.support.ipvs_strategies import declarations, histories
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

testinfra_hosts = ["ansible://d1"]


def test_maglev_sends_flows_where_the_kernel_does(on_node: Callable[..., Any]) -> None:
    """At least 20,000 flows over at least 40 tables, every one right."""
    result = on_node("agreement.py", "--flows", "400")
    print(result)
    assert result["wrong"] == []
    assert result["tables"] >= 40
    assert result["flows"] >= 20000


def examples(count: int) -> list[tuple[Any, ...]]:
    """Examples of any table, any declaration and any state; the same ones each time."""
    collected: list[tuple[Any, ...]] = []

    @settings(
        max_examples=count, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(histories(), declarations(), st.sampled_from(["present", "replaced", "overridden", "absent"]), st.booleans())
    def collect(history: Any, services: Any, state: str, reorder: bool) -> None:
        collected.append((history, services, state, reorder))

    collect()
    return collected


def test_the_kernel_does_what_check_mode_says(host: Any, on_node: Callable[..., Any]) -> None:
    """And what the kernel in memory does, on which the unit tests run."""
    encoded = base64.b64encode(pickle.dumps(examples(80))).decode()
    host.check_output("rm -f /run/examples.b64")
    for start in range(0, len(encoded), 100_000):
        host.check_output(f"echo {encoded[start : start + 100_000]} >> /run/examples.b64")
    host.check_output("base64 -d /run/examples.b64 > /run/examples.pickle")
    result = on_node("examples.py", "/run/examples.pickle")
    print(result)
    assert result["wrong"] == []
    assert result["examples"] >= 80
    assert result["refused"] < result["examples"] / 4


def test_speed_beside_ipvsadm(on_node: Callable[..., Any]) -> None:
    """From empty at most 1.5 times `ipvsadm -R` beside Python's start; no change means no writes."""
    result = on_node("speed.py")
    print(result)
    for size in ("1_x_1000", "100_x_100"):
        measured = result[size]
        assert measured["from_empty"] - result["python_start"] <= 1.5 * measured["ipvsadm_restore"]
        assert measured["no_change_operations"] == "0"
        assert measured["one_change_operations"] == "1"
    # A process a rule takes longer for a tenth of the rules than the module for all of them.
    assert result["1_x_1000"]["ipvsadm_first_100_rules"] > result["1_x_1000"]["from_empty"]
