# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check of a value takes what is right, and says what is wrong with the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.checks import values as checks

if TYPE_CHECKING:
    from collections.abc import Callable

RANGE = ((1, 65535),)


@pytest.mark.parametrize(
    ("check", "value", "more"),
    [
        (checks.range_problem, 1, RANGE),
        (checks.range_problem, "65535", RANGE),
        (checks.address_problem, "198.51.100.1", ()),
        (checks.address_problem, "2001:DB8::1", ()),
        (checks.vip_problem, "10.0.0.1", ()),
        (checks.interface_problem, "10.0.0.1/24", ()),
        (checks.interface_problem, "10.0.0.1", ()),
        (checks.prefix_problem, "10.0.0.0/24", ()),
        (checks.time_problem, "10s", ()),
        (checks.time_problem, 5, ()),
        (checks.name_problem, "web-1_a", ()),
        (checks.path_problem, "/api", ()),
        (checks.reference_problem, "web", ("pools", ["web"])),
    ],
)
def test_right(check: Callable[..., list[str]], value: Any, more: tuple[Any, ...]) -> None:
    assert check("it", value, *more) == []


@pytest.mark.parametrize(
    ("check", "value", "more", "line"),
    [
        (checks.range_problem, 0, RANGE, "it is 0, must be a number from 1 to 65535"),
        (checks.range_problem, "x", RANGE, "it is 'x', must be a number from 1 to 65535"),
        (checks.range_problem, True, RANGE, "it is True, must be a number from 1 to 65535"),
        (checks.range_problem, None, RANGE, "it is None, must be a number from 1 to 65535"),
        (
            checks.address_problem,
            "10.0.0.1/24",
            (),
            "it is '10.0.0.1/24', must be an IPv4 or IPv6 address without a prefix length",
        ),
        (checks.vip_problem, "a", (), "it is 'a', must be an IPv4 or IPv6 address without a prefix length"),
        (checks.vip_problem, "0.0.0.0", (), "it is '0.0.0.0', must be a unicast address that can be routed to"),
        (checks.vip_problem, "fe80::1", (), "it is 'fe80::1', must be a unicast address that can be routed to"),
        (checks.vip_problem, "224.0.0.1", (), "it is '224.0.0.1', must be a unicast address that can be routed to"),
        (checks.vip_problem, "::1", (), "it is '::1', must be a unicast address that can be routed to"),
        (
            checks.interface_problem,
            "10.0.0.1/33",
            (),
            "it is '10.0.0.1/33', must be an IPv4 or IPv6 address, with a prefix length or without",
        ),
        (
            checks.prefix_problem,
            "10.0.0.1/24",
            (),
            "it is '10.0.0.1/24', must be a prefix such as 198.51.100.1/32, without host bits",
        ),
        (checks.time_problem, "10 s", (), "it is '10 s', must be a time such as 10s or 5m"),
        (checks.name_problem, "a b", (), "it is 'a b', must be made of letters, digits, _ and -"),
        (checks.path_problem, "api", (), "it is 'api', must begin with /"),
        (checks.reference_problem, "wbe", ("pools", ["web", "api"]), "it is 'wbe', must be one of pools: web, api"),
        (checks.reference_problem, "wbe", ("pools", []), "it is 'wbe', must be one of pools: there are none"),
    ],
)
def test_wrong(check: Callable[..., list[str]], value: Any, more: tuple[Any, ...], line: str) -> None:
    assert check("it", value, *more) == [line]


def test_an_address_is_a_duplicate_in_any_spelling() -> None:
    assert checks.duplicates("vips", ["2001:db8::1", "2001:DB8:0::1", "198.51.100.1"]) == [
        "vips: '2001:DB8:0::1' is there twice, must be unique"
    ]


def test_a_long_value_is_cut() -> None:
    assert len(checks.show(["x" * 30] * 30)) == checks.SHOWN


def test_secrets_are_not_shown() -> None:
    shown = checks.show([{"pem": "a", "password": "b", "file": "/c"}, "-----BEGIN PRIVATE KEY-----"])
    assert shown == "[{'pem': '***', 'password': '***', 'file': '/c'}, '***']"
