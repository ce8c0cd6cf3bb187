# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A structure is checked as its argument spec says, with messages that lead to the place."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.checks.structure import structure_problems

SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str"},
        "port": {"type": "int", "required": True},
        "protocol": {"type": "str", "choices": ["http", "https"]},
        "vips": {"type": "list", "elements": "str"},
        "tls": {"type": "bool"},
        "share": {"type": "float"},
        "file": {"type": "path"},
        "limit": {"type": "dict", "options": {"requests": {"type": "int", "required": True}}},
        "labels": {"type": "dict"},
    },
}


@pytest.mark.parametrize(
    "entry",
    [
        {"port": 80},
        {"port": "80", "tls": "yes", "share": "0.5", "file": "/a", "vips": [], "protocol": "http"},
        {"port": 80, "tls": False, "limit": {"requests": 1}, "labels": {"any": "thing"}, "name": None},
    ],
)
def test_right(entry: dict[str, Any]) -> None:
    assert structure_problems("it", [entry], SPEC) == []


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"port": 80, "protcol": 1}, "it[0].protcol is 1, but there is no such option: did you mean protocol?"),
        (
            {"port": 80, "limit": {"requests": 1, "xyz": 2}},
            "it[0].limit.xyz is 2, but there is no such option, only requests",
        ),
        ({"name": "www"}, "it (www).port is not set, must be a whole number"),
        ({"port": "http"}, "it[0].port is 'http', must be a whole number"),
        ({"port": 80.5}, "it[0].port is 80.5, must be a whole number"),
        ({"port": True}, "it[0].port is True, must be a whole number"),
        ({"port": 80, "protocol": "htp"}, "it[0].protocol is 'htp', must be one of http, https"),
        ({"port": 80, "vips": "a,b"}, "it[0].vips is 'a,b', must be a list"),
        ({"port": 80, "vips": ["a", {}]}, "it[0].vips[1] is {}, must be text"),
        ({"port": 80, "tls": "maybe"}, "it[0].tls is 'maybe', must be true or false"),
        ({"port": 80, "share": "much"}, "it[0].share is 'much', must be a number"),
        ({"port": 80, "limit": [1]}, "it[0].limit is [1], must be a dictionary"),
        ("www", "it[0] is 'www', must be a dictionary"),
    ],
)
def test_wrong(entry: Any, line: str) -> None:
    assert structure_problems("it", [entry], SPEC) == [line]


def test_all_is_said_at_once() -> None:
    assert len(structure_problems("it", [{"prt": 1}, {"port": "x"}, 5], SPEC)) == 4
