# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inventories are refused with a message that leads to the mistake, and right ones are compiled.

The tables are wrong_*.yml and right.yml. A case is an example (`in`, two_tier if absent), with values put in (`set`)
and taken out (`drop`) by FILE:KEY. Of a wrong one, one line of the answer must have all of `says`: host, variable,
value, and what would be right. Of a right one, `gives` are values in the deployment by their paths, and `warns` are
parts of its warnings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.action.compile import as_data
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.references import resolved
from ansible_collections.multitier.loadbalancer.tests.unit.inventories import example
from ansible_collections.multitier.loadbalancer.tests.unit.support import templates

HERE = Path(__file__).parent
EXAMPLE = "two_tier"
WHAT_WOULD_BE_RIGHT = re.compile(r"must|did you mean|there is no such|set that instead|cannot be templated")


def table(*names: str) -> list[Any]:
    """Cases of some files, by their names."""
    cases = [case for name in names for case in templates.load(HERE / name)]
    return [pytest.param(case, id=case["case"]) for case in cases]


WRONG = table(*sorted(path.name for path in HERE.glob("wrong_*.yml")))
RIGHT = table("right.yml")


def changed(case: dict[str, Any], directory: Path) -> example.Example:
    """The inventory of a case."""
    inventory = example.Example(case.get("in", EXAMPLE), directory)
    for where in case.get("drop", ()):
        inventory.drop(where)
    for where, value in (case.get("set") or {}).items():
        inventory.put(where, value)
    return inventory


def at(data: Any, path: str) -> Any:
    """What a path leads to; names of hosts have no dots here."""
    for step in path.split("."):
        data = data[int(step)] if isinstance(data, (list, tuple)) else data[step]
    return list(data) if isinstance(data, tuple) else data


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_a_line_that_leads_to_it(case: dict[str, Any], directory: Path) -> None:
    compiled = changed(case, directory).compile()
    assert compiled.deployment is None
    assert [line for line in compiled.problems if all(part in line for part in case["says"])], compiled.problems
    assert [line for line in compiled.problems if not WHAT_WOULD_BE_RIGHT.search(line)] == []
    assert all(re.match(r"[\w.-]+(, [\w.-]+)*( and [0-9]+ more)?: ", line) for line in compiled.problems)


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_compiled(case: dict[str, Any], directory: Path) -> None:
    compiled = changed(case, directory).compile()
    assert compiled.problems == []
    assert compiled.deployment is not None
    data = as_data(compiled.deployment)
    data["variables"] = resolved(data["variables"], data["shared"], lambda name, _default: {"$inventory": name})
    assert {path: at(data, path) for path in case.get("gives", {})} == case.get("gives", {})
    for part in case.get("warns", ()):
        assert [line for line in compiled.warnings if part in line]
    assert bool(compiled.warnings) == bool(case.get("warns"))


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(WRONG) >= 200
    assert len(RIGHT) >= 60
    names = [case.id for case in [*WRONG, *RIGHT]]
    assert sorted(names) == sorted(set(names))
