# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is put in any place of an inventory, the compiler says what is wrong with it, and does not fall over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.action.compile import as_data
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import components
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import schema
from ansible_collections.multitier.loadbalancer.tests.unit.inventories import example
from ansible_collections.multitier.loadbalancer.tests.unit.inventories.test_inventories import WHAT_WOULD_BE_RIGHT

ODD: tuple[Any, ...] = (None, "", [[]], {"a": 1}, 10**30)


def paths(value: Any, before: str = "") -> Iterator[str]:
    """Paths to all that is in a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        path = f"{before}.{key}" if before else str(key)
        yield path
        yield from paths(entry, path)


def places() -> Iterator[tuple[str, str]]:
    """An example, and FILE:KEY in it."""
    for name, file in (("three_tier", "all.yml"), ("three_tier", "proxies.yml"), ("keepalived_vrrp", "directors.yml")):
        for path in paths(example.files(name)[file]):
            if path.startswith(("loadbalancer_", "keepalived_")):
                yield name, f"{file}:{path}"
    for name in set(schema.variables()) - set(components.derived()) - set(example.files("three_tier")["all.yml"]):
        yield "three_tier", f"all.yml:{name}"


@pytest.mark.parametrize(("name", "place"), sorted(places()))
def test_an_odd_value_is_told_of_and_breaks_nothing(name: str, place: str, directory: Path) -> None:
    for value in ODD:
        inventory = example.Example(name, directory)
        inventory.put(place, value)
        compiled = inventory.compile()
        assert bool(compiled.deployment) != bool(compiled.problems), value
        assert [line for line in compiled.problems if not WHAT_WOULD_BE_RIGHT.search(line)] == []
        if compiled.deployment:
            assert as_data(compiled.deployment)["hosts"]
