# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated part of a role's README, and what is left alone."""

from __future__ import annotations

import pytest

from tools import role_readmes, role_specs


def test_markup_becomes_markdown() -> None:
    text = "C(mh) and V(1), O(a.b) of B(all), M(ansible.builtin.copy), L(here, https://example.com/), R(role, x_role)"
    assert role_readmes.markdown(text) == (
        "`mh` and `1`, `a.b` of **all**, `ansible.builtin.copy`, [here](https://example.com/), `role`"
    )


def test_what_is_written_by_hand_stays() -> None:
    text = f"before\n{role_readmes.BEGIN}stale{role_readmes.END}\nafter\n"
    updated = role_readmes.updated("dsr_loopback", text)
    assert updated.startswith("before\n")
    assert updated.endswith("\nafter\n")
    assert "stale" not in updated
    assert "| `dsr_loopback_vips` | list of str | **required** |" in updated


def test_a_readme_without_its_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="lacks the markers"):
        role_readmes.updated("dsr_loopback", "all by hand")


def test_nested_options_follow_their_parent() -> None:
    spec = {"options": {"a": {"type": "dict", "options": {"b": {"type": "int", "default": 1, "description": "x|y"}}}}}
    assert [option.name for option in role_specs.options(spec)] == ["a", "a.b"]
    assert list(role_readmes.table(spec))[-1] == r"| · `b` | int | `1` | x\|y |"
