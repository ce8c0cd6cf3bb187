# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role demands of its variables when it is used alone, without an inventory of ours.

The table is roles.yml: variables that are right, by role and without its prefix, and changes of them by their paths.
Of a wrong change, one line of the answer has all of `says`; of a right one, `gives` are values by their paths. PEM is
the path of a certificate.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.action.role_parameters import checked
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import certificates, components
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.groups import MAGLEV_MAXIMUM
from ansible_collections.multitier.loadbalancer.tests.unit.inventories import example
from ansible_collections.multitier.loadbalancer.tests.unit.inventories.test_inventories import at
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment, templates

from tools import role_specs

TABLE = templates.load(Path(__file__).parent / "roles.yml")
ROLES = sorted(components.registry())


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(role, case, id=f"{role} {case['set']}"[:100])
        for role in ROLES
        for case in TABLE[kind].get(role, ())
    ]


def with_pem(value: Any, pem: Path) -> Any:
    """A value with the certificate's path."""
    if isinstance(value, dict):
        return {key: with_pem(entry, pem) for key, entry in value.items()}
    if isinstance(value, list):
        return [with_pem(entry, pem) for entry in value]
    return str(pem) if value == "PEM" else value


def check(role: str, changes: dict[str, Any], pem: Path) -> tuple[dict[str, Any], list[str]]:
    """What the role gets, and what is wrong, of variables that are right but for some changes."""
    tree = copy.deepcopy(TABLE["good"][role])
    for path, value in changes.items():
        deployment.put(tree, path, value)
    given = {f"{role}_{name}": with_pem(value, pem) for name, value in tree.items()}
    return checked(components.registry()[role], given, certificates.by_loader(example.LOADER))


def limits() -> list[tuple[str, str, float, float]]:
    """Ranges of numbers, of all components: role, name, lowest and highest."""
    found = []
    for role, component in components.registry().items():
        module = __import__(type(component).__module__, fromlist=["*"])
        ranges = getattr(module, "SETTING_RANGES", getattr(module, "LIMITS", {}))
        found += [(role, name, low, high) for name, (low, high) in ranges.items()]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_component_has_variables_that_are_right(role: str, pem: Path) -> None:
    values, problems = check(role, {}, pem)
    assert problems == []
    assert set(values) == {name.removeprefix(f"{role}_") for name in role_specs.entry_points(role)["main"]["options"]}


@pytest.mark.parametrize(("role", "case"), cases("wrong"))
def test_what_is_wrong_is_refused(role: str, case: dict[str, Any], pem: Path) -> None:
    values, problems = check(role, case["set"], pem)
    assert values == {}
    assert [line for line in problems if all(part in line for part in case["says"])], problems


@pytest.mark.parametrize(("role", "case"), cases("right"))
def test_what_is_right_is_taken(role: str, case: dict[str, Any], pem: Path) -> None:
    values, problems = check(role, case["set"], pem)
    assert problems == []
    assert {path: at(values, path) for path in case.get("gives", {})} == case.get("gives", {})


@pytest.mark.parametrize(("role", "name", "low", "high"), limits())
def test_every_range_holds_its_limits_and_says_so(role: str, name: str, low: float, high: float, pem: Path) -> None:
    line = f"{role}_{name} is {{}}, must be a number from {low} to {high}"
    for value in (low, high):
        assert not [text for text in check(role, {name: value}, pem)[1] if text == line.format(value)]
    for value in (low - 1, high + 1):
        assert line.format(value) in check(role, {name: value}, pem)[1]
    description = role_specs.entry_points(role)["main"]["options"][f"{role}_{name}"]["description"]
    assert f"{low} to {high}" in description


@pytest.mark.parametrize(("count", "good"), [(MAGLEV_MAXIMUM, True), (MAGLEV_MAXIMUM + 1, False)])
def test_real_servers_fit_into_the_kernels_table(pem: Path, count: int, good: bool) -> None:
    servers = [
        {"name": f"p{n}", "addresses": [f"10.20.{n // 256}.{n % 256}", f"2001:db8:20::{n:x}"]}
        for n in range(1, count + 1)
    ]
    line = (
        "ipvs_maglev_real_servers has 4094 entries, must have at most 4093: the kernel's Maglev table has no room for "
        "more"
    )
    assert check("ipvs_maglev", {"real_servers": servers}, pem)[1] == ([] if good else [line])
