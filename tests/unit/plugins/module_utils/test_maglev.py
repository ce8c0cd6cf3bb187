# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Maglev table against vectors recorded from a real kernel (ip_vs_mh of Linux 6.1, 64 bit)."""

from __future__ import annotations

import ipaddress
import random

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev


def service(*weights: int, **fields: object) -> dict[str, object]:
    """Servers 10.9.0.N ... 10.9.0.1 in the kernel's order with these weights."""
    places = range(len(weights), 0, -1)
    servers = [{"address": f"10.9.0.{place}", "weight": weight} for place, weight in zip(places, weights, strict=True)]
    return {"port": 80, "destinations": servers, **fields}


def table_of(described: dict[str, object]) -> list[str | None]:
    return maglev.names(maglev.build(maglev.pool_of(described)))


@pytest.mark.parametrize(("word", "expected"), [(0, 0x1D5A77C2), (1, 0x16EC66B2), (0x0A090001 + 80, 0xE9F219F2)])
def test_hash(word: int, expected: int) -> None:
    assert maglev.siphash13_low32(2654435761, word) == expected


def test_offset_and_skip() -> None:
    pool = maglev.pool_of(service(1, 1, 1))
    walks = {str(server.address): maglev.offset_and_skip(server, pool) for server in pool.servers}
    assert walks == {"10.9.0.1": (3983, 475), "10.9.0.2": (1411, 2615), "10.9.0.3": (1624, 3921)}


def test_first_slots() -> None:
    ends = [int(name.split(":")[0][-1]) for name in table_of(service(1, 1, 1))[:12] if name]
    assert ends == [3, 2, 3, 3, 1, 1, 3, 1, 3, 1, 3, 3]


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (service(1, 1, 1), "faf2f8466dafe82c"),
        (service(3, 2, 1), "1043670920248504"),
        (service(1000, 7, 100), "489b5c3ddda23809"),
        (service(1, 1, 1, port=None, fwmark=7), "55dd20a56cb1c669"),
    ],
)
def test_digest_of_recorded_tables(described: dict[str, object], expected: str) -> None:
    assert maglev.digest(table_of(described)).startswith(expected)


def test_lookup_with_and_without_port() -> None:
    client = ipaddress.ip_address("198.51.100.7")
    for flags, expected in (["mh-port"], "3132"), ([], "1111"):
        pool = maglev.pool_of(service(1, 1, 1, scheduler_flags=flags))
        found = [maglev.lookup(pool, maglev.build(pool), client, port) for port in range(50000, 50004)]
        assert "".join(str(server.address)[-1] for server in found if server) == expected


def test_port_and_address_are_summed() -> None:
    """10.0.0.1:81 and 10.0.0.2:80 walk the table alike, as in the kernel."""
    pool = maglev.pool_of({"destinations": [{"address": "10.0.0.1", "port": 81}, {"address": "10.0.0.2", "port": 80}]})
    assert maglev.offset_and_skip(pool.servers[0], pool) == maglev.offset_and_skip(pool.servers[1], pool)


def test_weight_zero_keeps_its_slots_unless_it_was_added_so() -> None:
    full, failed = service(1, 1, 1), service(1, 0, 1)
    assert table_of(full) == table_of(failed)
    added_at_zero = service(1, 0, 1)
    added_at_zero["destinations"][1]["last_weight"] = 0  # type: ignore[index]
    assert "10.9.0.2:80" not in table_of(added_at_zero)


def test_assumed_last_weight_is_the_most_common_one() -> None:
    assert maglev.assumed_last_weight([5, 5, 7, 0]) == 5
    assert maglev.assumed_last_weight([5, 7, 0]) == 7
    assert maglev.assumed_last_weight([0]) == maglev.assumed_last_weight([]) == 1


def test_unavailable_server_with_and_without_fallback() -> None:
    client = ipaddress.ip_address("198.51.100.7")
    for flags, refused in ([], True), (["mh-fallback"], False), (["flag-1"], False):
        pool = maglev.pool_of(service(1, 1, 0, scheduler_flags=flags))
        server = maglev.lookup(pool, maglev.build(pool), client)
        assert (server is None) is refused
        assert server is None or server.available
    nobody = maglev.pool_of(service(0, 0, scheduler_flags=["mh-fallback"], maglev_table_size=251))
    assert maglev.lookup(nobody, maglev.build(nobody), client) is None


def test_fallback_moves_only_the_flows_of_the_failed_server() -> None:
    flags = ["mh-fallback", "mh-port"]
    before, after = (maglev.pool_of(service(*weights, scheduler_flags=flags)) for weights in [(1, 1, 1), (1, 0, 1)])
    tables = maglev.build(before), maglev.build(after)
    draw = random.Random(1)
    for _flow in range(500):
        client = ipaddress.ip_address(draw.getrandbits(32))
        old, new = (maglev.lookup(pool, table, client, 7) for pool, table in zip((before, after), tables, strict=True))
        assert old and new
        assert old.name == new.name or old.name == "10.9.0.2:80"


def test_address_words_by_family() -> None:
    v6 = ipaddress.ip_address("2001:db8:1:2:3:4:5:6")
    words = 0x20010DB8, 0x00010002, 0x00030004, 0x00050006
    assert maglev.address_word(v6, True) == words[0] ^ words[1] ^ words[2] ^ words[3]
    assert maglev.address_word(v6, False) == words[0]
    v4 = ipaddress.ip_address("192.0.2.1")
    assert maglev.address_word(v4, True) == maglev.address_word(v4, False) == 0xC0000201


def test_balance_and_sizes() -> None:
    for size in maglev.TABLE_SIZES[:6]:
        counts = [table_of(service(*[1] * 10, maglev_table_size=size)).count(f"10.9.0.{i}:80") for i in range(1, 11)]
        assert sum(counts) == size
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1, 1), [1, 1]),
        ((100, 50), [2, 1]),
        ((1000, 1), [62, 1]),
        ((100, 99, 50, 1, 7), [50, 49, 25, 1, 3]),
        ((0, 0), [0, 0]),
        ((0, 4), [0, 1]),
    ],
)
def test_turns(weights: tuple[int, ...], expected: list[int]) -> None:
    assert maglev.turns(weights, 4093) == expected


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"scheduler": "rr"}, "scheduler is rr"),
        ({"scheduler_flags": ["sh-port"]}, "sh-port"),
        ({"maglev_table_size": 4096}, "table size 4096"),
        ({"destinations": [{"address": "proxy1"}]}, "destination 1: address is 'proxy1'"),
        ({"destinations": [{"address": "10.0.0.1"}]}, "port is None"),
        ({"port": 80, "destinations": [{"address": "10.0.0.1", "weight": -1}]}, "weight is -1"),
        ({"port": 80, "destinations": [{"address": "10.0.0.1"}] * 2}, "10.0.0.1:80 is listed twice"),
        ({"port": 80, "destinations": [{"address": "10.0.0.1"}, {"address": "::1"}]}, "both families"),
        ({"family": "inet"}, "family is 'inet'"),
        ({"destinations": ["10.0.0.1"]}, "list of dictionaries"),
        ("www", "a service is a dictionary"),
    ],
)
def test_bad_input_is_named(described: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maglev.pool_of(described)
