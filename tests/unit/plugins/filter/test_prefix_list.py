# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of a prefix list keeps its number whatever happens to the others."""

from __future__ import annotations

import pytest
from ansible_collections.multitier.loadbalancer.plugins.filter import prefix_list
from hypothesis import given
from hypothesis import strategies as st

FOUR = [f"198.51.100.{byte}/32" for byte in range(256)]
SIX = [f"2001:db8:100::{number:x}/128" for number in range(1, 256)]
PREFIXES = st.lists(st.sampled_from(FOUR + SIX), unique=True)


def numbers(prefixes: list[str]) -> dict[str, int]:
    return {entry["prefix"]: entry["sequence"] for entry in prefix_list.prefix_list_entries(prefixes)}


@given(PREFIXES, PREFIXES)
def test_a_prefix_has_the_same_number_beside_any_others(ours: list[str], others: list[str]) -> None:
    alone, together = numbers(ours), numbers([*others, *ours])
    assert set(alone) == set(ours)
    assert {prefix: together[prefix] for prefix in ours} == alone


def test_a_number_is_the_same_in_every_release() -> None:
    wanted = {"198.51.100.1/32": 2591063932, "2001:db8:100::1/128": 3337391051, "::/0": 2520929699}
    assert numbers(list(wanted)) == wanted


def test_lines_come_in_the_order_of_their_numbers() -> None:
    sequences = [entry["sequence"] for entry in prefix_list.prefix_list_entries(FOUR)]
    assert sequences == sorted(sequences)


def test_a_prefix_is_one_line_however_it_is_written() -> None:
    assert numbers(["2001:DB8:100:0::1/128", "2001:db8:100::1", "2001:db8:100::1/128"]) == {
        "2001:db8:100::1/128": 3337391051
    }


@pytest.mark.parametrize("choice", [1, 4294967294])
def test_prefixes_that_want_one_number_get_different_ones(choice: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_list, "first_choice", lambda dummy: choice)
    found = numbers(FOUR[:3])
    assert found == numbers(FOUR[2::-1])
    assert len(set(found.values())) == 3
    assert all(1 <= number <= 4294967294 for number in found.values())
