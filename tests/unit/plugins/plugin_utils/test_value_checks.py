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
PROTOCOL = "must be a number that no routing daemon has, from 19 to 255, such as 77"
PASSWORD = "must be 1 to 80 printable ASCII characters without white space"

TIME = "must be a time such as 10s or 5m: a number and ms, s, m, h or d, from 1ms to 2147483647ms"
NO_TIMES = [
    "10 s",
    "often",
    5,
    "5",
    "0",
    "0s",
    "1us",
    "2147483648ms",
    "25d",
    "99999999999d",
    "-1s",
    "1.5s",
    "10s\n",
    "１s",
]
NAME = "must be made of letters, digits, _ and -, at most 63 of them, and not begin with -"
NO_NAMES = ["a b", "", "-w", "a.b", "w" * 64, True, "a\n", "a\nb", "é", "a/b", "{{ x }}"]
DOTTED = "must be made of letters, digits, _, - and dots, at most 200 of them, and not begin with - or a dot"
NO_DOTTED_NAMES = [".", "..", "../x", "a/b", "a b", "a#b", "a'b", "-a", ".a", "w" * 201, "", True, "a\nb"]
DOMAIN = "must be a DNS name such as shop.example.com, in ASCII (xn--…)"
NO_DOMAINS = [
    None, "", "a b", "x}y", 'x"y', "x\n}", "bücher.example", "a..b", ".a", "a.", "-a.b", "*.example.com", "10.0.0.1",
    "2001:db8::1", f"{'w' * 64}.example", ".".join(["w" * 60] * 5), "https://a.example", 7, "a.example\n",
]  # fmt: skip
PATH = (
    "must be the path of a URL, without a query: letters, digits and -._~$&()*+,;=:@/, what else there is as % and two "
    "hexadecimal digits, at most 500 characters"
)
NO_PATHS = [
    "/a b", "/a\nb", "/a\rb", "/a\n", "/a\tb", "/a\x00b", "/é", "/a#b", "/a'b", '/a"b', "/a\\b", "/a }", "/a{b",
    "/api } || { src 0.0.0.0/0 } || { path /x", "/${HOSTNAME}", "/100%", "/%zz", "/a!b", "/" + "a" * 500,
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "value", "more"),
    [
        (checks.range_problem, 1, RANGE),
        (checks.range_problem, "65535", RANGE),
        (checks.address_problem, "198.51.100.1", ()),
        (checks.address_problem, "2001:DB8::1", ()),
        (checks.vip_problem, "10.0.0.1", ()),
        (checks.interface_problem, "10.0.0.1/24", ()),
        (checks.interface_problem, "10.0.0.0/31", ()),
        (checks.interface_problem, "2001:db8::/127", ()),
        (checks.interface_problem, "fe80::1/64", ()),
        (checks.peer_problem, "fe80::1", ()),
        (checks.protocol_problem, 77, ()),
        (checks.protocol_problem, "255", ()),
        (checks.password_problem, "!" * 80, ()),
        (checks.interface_problem, "10.0.0.1", ()),
        (checks.prefix_problem, "10.0.0.0/24", ()),
        (checks.time_problem, "10s", ()),
        (checks.time_problem, "1ms", ()),
        (checks.time_problem, "2147483647ms", ()),
        (checks.time_problem, "24d", ()),
        (checks.name_problem, "web-1_a", ()),
        (checks.name_problem, "w" * 63, ()),
        (checks.name_problem, 7, ()),
        (checks.dotted_name_problem, "app1.example.com", ()),
        (checks.domain_problem, "shop.internal", ()),
        (checks.domain_problem, "localhost", ()),
        (checks.domain_problem, "xn--bcher-kva.example", ()),
        (checks.domain_problem, "*.example.com", (True,)),
        (checks.path_problem, "/api", ()),
        (checks.path_problem, "/", ()),
        (checks.path_problem, "/%C3%A9/a;b=c,(d)$&+:@~*", ()),
        (checks.path_problem, "/health?full=1&q=a/b", (True,)),
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
            "it is '10.0.0.1/33', must be an IPv4 or IPv6 address with a prefix length, such as 192.0.2.11/24",
        ),
        (
            checks.prefix_problem,
            "10.0.0.1/24",
            (),
            "it is '10.0.0.1/24', must be a prefix such as 198.51.100.1/32, without host bits",
        ),
        (checks.protocol_problem, 186, (), f"it is 186, {PROTOCOL}"),
        (checks.protocol_problem, 256, (), f"it is 256, {PROTOCOL}"),
        (checks.protocol_problem, 4, (), f"it is 4, {PROTOCOL}"),
        *((checks.password_problem, value, (), f"it is '***', {PASSWORD}") for value in ("", "a b", "é", "a" * 81)),
        (checks.range_problem, "080", RANGE, "it is '080', must be a number from 1 to 65535"),
        (checks.range_problem, "8_0", RANGE, "it is '8_0', must be a number from 1 to 65535"),
        (checks.range_problem, " 80 ", RANGE, "it is ' 80 ', must be a number from 1 to 65535"),
        (checks.range_problem, "８０", RANGE, "it is '８０', must be a number from 1 to 65535"),
        *((checks.time_problem, value, (), f"it is {value!r}, {TIME}") for value in NO_TIMES),
        *((checks.name_problem, value, (), f"it is {checks.show(value)}, {NAME}") for value in NO_NAMES),
        *(
            (checks.dotted_name_problem, value, (), f"it is {checks.show(value)}, {DOTTED}")
            for value in NO_DOTTED_NAMES
        ),
        *((checks.domain_problem, value, (), f"it is {checks.show(value)}, {DOMAIN}") for value in NO_DOMAINS),
        *((checks.path_problem, value, (), f"it is {checks.show(value)}, {PATH}") for value in NO_PATHS),
        (checks.path_problem, "/a?b=c", (), f"it is '/a?b=c', {PATH}"),
        (checks.path_problem, "api", (), "it is 'api', must begin with /"),
        (checks.reference_problem, "wbe", ("pools", ["web", "api"]), "it is 'wbe', must be one of pools: web, api"),
        (checks.reference_problem, "wbe", ("pools", []), "it is 'wbe', must be one of pools: there are none"),
    ],
)
def test_wrong(check: Callable[..., list[str]], value: Any, more: tuple[Any, ...], line: str) -> None:
    assert check("it", value, *more) == [line]


def test_an_address_is_a_duplicate_in_any_spelling() -> None:
    assert checks.duplicates("vips", ["2001:db8::1", "2001:DB8:0::1", "198.51.100.1"]) == [
        "vips: '2001:DB8:0::1' is listed twice; it must be unique"
    ]


def test_a_long_value_is_cut() -> None:
    assert len(checks.show(["x" * 30] * 30)) == checks.SHOWN


def test_secrets_are_not_shown() -> None:
    shown = checks.show([{"pem": "a", "password": "b", "file": "/c"}, "-----BEGIN PRIVATE KEY-----"])
    assert shown == "[{'pem': '***', 'password': '***', 'file': '/c'}, '***']"
