# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of verify.yml's result: what was expected of a host, and what was found there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Check = dict[str, Any]


def check(identity: str, host: str, name: str, expected: Any, found: Any, ok: bool | None = None) -> Check:
    """A check with an id for programs and a name for people; without ok, expected and found must be equal."""
    return {
        "id": identity,
        "host": host,
        "check": name,
        "expected": text(expected),
        "found": text(found),
        "ok": expected == found if ok is None else ok,
    }


def difference(
    identity: str, host: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any], good: str
) -> Check:
    """A check that shows only the entries that differ."""
    keys = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
    if not keys:
        return check(identity, host, name, good, good)
    return check(
        identity,
        host,
        name,
        {key: wanted.get(key, "absent") for key in keys},
        {key: found.get(key, "absent") for key in keys},
        False,
    )


def text(value: Any) -> str:
    """A value as a person reads it in the table."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(entry)}" for key, entry in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(str(entry) for entry in value) or "none"
    return str(value)
