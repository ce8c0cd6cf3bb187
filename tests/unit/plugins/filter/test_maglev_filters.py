# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as templates call them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.multitier.loadbalancer.plugins.filter.maglev import FilterModule

FILTERS = FilterModule().filters()
SERVICE: dict[str, Any] = {"port": 80, "destinations": [{"address": f"10.9.0.{byte}"} for byte in (3, 2, 1)]}
V6: dict[str, Any] = {"address": "2001:db8::1", "port": 443, "destinations": [{"address": "2001:db8::21"}]}


def test_table() -> None:
    table = FILTERS["maglev_table"](SERVICE)
    assert len(table) == 4093
    assert table[:2] == ["10.9.0.3:80", "10.9.0.2:80"]
    assert len(FILTERS["maglev_table"](SERVICE, table_size=251)) == 251
    assert set(FILTERS["maglev_table"](V6)) == {"[2001:db8::21]:443"}


def test_empty_service() -> None:
    assert set(FILTERS["maglev_table"]({"port": 80, "destinations": []})) == {None}
    assert FILTERS["maglev_lookup"]({"port": 80}, "192.0.2.1") is None


def test_lookup() -> None:
    assert FILTERS["maglev_lookup"](SERVICE, "198.51.100.7") == "10.9.0.1:80"
    with_port = {**SERVICE, "scheduler_flags": ["mh-port"]}
    assert FILTERS["maglev_lookup"](with_port, "198.51.100.7", 50003) == "10.9.0.2:80"
    assert FILTERS["maglev_lookup"](with_port, "198.51.100.7", source_port="50003") == "10.9.0.2:80"


def test_digest_covers_flags_but_not_health() -> None:
    digest = FILTERS["maglev_digest"](SERVICE)
    assert digest.startswith("faf2f8466dafe82c")
    assert len(digest) == 64
    assert FILTERS["maglev_digest"]({**SERVICE, "scheduler_flags": ["mh-port"]}) != digest
    failed = {**SERVICE, "destinations": [{**SERVICE["destinations"][0], "weight": 0}, *SERVICE["destinations"][1:]]}
    assert FILTERS["maglev_digest"](failed) == digest


def test_diff() -> None:
    fewer = {**SERVICE, "destinations": SERVICE["destinations"][1:]}
    result = FILTERS["maglev_diff"](SERVICE, fewer)
    assert 0.33 < result["moved"] < 0.4
    assert result["difference"] == {
        "kind": "member", "destination": "10.9.0.3:80", "before": "present", "after": "absent",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("maglev_table", ({"scheduler": "wlc"},), "maglev_table: the scheduler is wlc"),
        ("maglev_lookup", (SERVICE, "nobody"), "maglev_lookup: 'nobody'"),
        ("maglev_lookup", (SERVICE, "2001:db8::1"), "not of the service's family"),
        ("maglev_lookup", (SERVICE, "192.0.2.1", 65536), "source port 65536"),
        ("maglev_diff", (SERVICE, []), "maglev_diff: a service is a dictionary"),
    ],
)
def test_errors_name_the_filter(name: str, args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        FILTERS[name](*args)
