# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's argument specs are complete, and say what its defaults say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tools import role_readmes, role_specs
from tools.role_specs import ROOT, Option

ROLES = role_specs.roles()
# dicts whose keys are the user's own, with what they are
FREE_FORM: dict[str, str] = {}
# the role whose options are the inventory's variables; the compiler fills in their defaults
OWN = "deployment"


def every_option(role: str) -> Iterator[Option]:
    for entry_point in role_specs.entry_points(role).values():
        yield from role_specs.options(entry_point)


def top_level(role: str) -> dict[str, dict[str, Any]]:
    return {option.name: option.spec for option in every_option(role) if len(option.path) == 1}


def names(options: list[Option]) -> list[str]:
    return [option.name for option in options]


def test_there_are_roles() -> None:
    assert ROLES


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_typed_and_described(role: str) -> None:
    assert not names([option for option in every_option(role) if "type" not in option.spec])
    assert not names([option for option in every_option(role) if not all(option.description or [""])])


@pytest.mark.parametrize("role", ROLES)
def test_descriptions_are_sentences(role: str) -> None:
    entry_points = role_specs.entry_points(role).values()
    texts = [text for option in every_option(role) for text in option.description]
    texts += [text for entry_point in entry_points for text in role_specs.paragraphs(entry_point.get("description"))]
    assert not [text for text in texts if not text.endswith((".", ":"))]


@pytest.mark.parametrize("role", ROLES)
def test_every_list_says_what_it_holds(role: str) -> None:
    lists = [option for option in every_option(role) if option.spec["type"] == "list"]
    assert not names([option for option in lists if "elements" not in option.spec])


@pytest.mark.parametrize("role", ROLES)
def test_every_dict_says_its_keys(role: str) -> None:
    dicts = [option for option in every_option(role) if "dict" in (option.spec["type"], option.spec.get("elements"))]
    assert not names([option for option in dicts if not option.spec.get("options") and option.name not in FREE_FORM])


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_roles_name(role: str) -> None:
    variables = {*top_level(role), *role_specs.defaults(role)}
    prefix = "loadbalancer" if role == OWN else role
    assert not [name for name in variables if not name.startswith(f"{prefix}_")]


@pytest.mark.parametrize("role", [role for role in ROLES if role != OWN])
def test_defaults_are_the_same_in_both_places(role: str) -> None:
    specified = {name: spec["default"] for name, spec in top_level(role).items() if "default" in spec}
    assert specified == role_specs.defaults(role)


@pytest.mark.parametrize("role", ROLES)
def test_a_default_is_one_of_the_choices(role: str) -> None:
    chosen = [option for option in every_option(role) if "choices" in option.spec and "default" in option.spec]
    assert not names([option for option in chosen if option.spec["default"] not in option.spec["choices"]])


@pytest.mark.parametrize("role", ROLES)
def test_no_option_is_both_required_and_defaulted(role: str) -> None:
    assert not names([o for o in every_option(role) if o.spec.get("required") and "default" in o.spec])


def test_what_a_proxy_serves_is_what_the_inventory_says() -> None:
    """Two roles describe services, backends and certificates: with the same options, so that they cannot drift."""

    def shape(spec: dict[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in spec.items() if key not in ("description", "options", "required")}
        return found | {name: shape(option) | {"required": option.get("required")} for name, option in nested(spec)}

    def nested(spec: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        return sorted((spec.get("options") or {}).items())

    ours, theirs = top_level(OWN), top_level("haproxy_l7")
    for name in ("services", "backends", "certificates"):
        assert shape(ours[f"loadbalancer_{name}"]) == shape(theirs[f"haproxy_l7_{name}"])


def test_every_variable_of_the_inventory_is_used() -> None:
    places = [ROOT / "plugins", ROOT / "playbooks"]
    files = [path for place in places for path in place.rglob("*") if path.suffix in (".py", ".yml")]
    used = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert not [name for name in top_level(OWN) if not re.search(rf"\b{name}\b", used)]


@pytest.mark.parametrize("role", [role for role in ROLES if role != OWN])
def test_every_variable_is_used_by_the_role(role: str) -> None:
    files = [path for path in (ROOT / "roles" / role).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    used = "\n".join(
        path.read_text(encoding="utf-8")
        for path in files
        if path.parent.name != "defaults" and path.name not in ("README.md", "argument_specs.yml")
    )
    short = {name: name.removeprefix(f"{role}_") for name in top_level(role)}
    assert not [name for name in short if not re.search(rf"\b({name}|__{role}_vars\.{short[name]})\b", used)]


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_has_its_tasks(role: str) -> None:
    tasks = {path.stem for path in (ROOT / f"roles/{role}/tasks").glob("*.yml")}
    assert set(role_specs.entry_points(role)) <= tasks


@pytest.mark.parametrize("role", ROLES)
def test_the_generated_part_of_the_readme_is_current(role: str) -> None:
    readme = (ROOT / f"roles/{role}/README.md").read_text(encoding="utf-8")
    assert role_readmes.updated(role, readme) == readme
