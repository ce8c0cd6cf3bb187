# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs of the collection's roles: the one schema of loadbalancer_* and of each role's variables."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROLES = Path(__file__).resolve().parents[3] / "roles"
OWN = "deployment"

Spec = Mapping[str, Any]


@functools.cache
def role(name: str) -> dict[str, Spec]:
    """Options of a role by name, of all its entry points; those of the role `deployment` are loadbalancer_*."""
    text = (ROLES / name / "meta/argument_specs.yml").read_text(encoding="utf-8")
    options: dict[str, Spec] = {}
    for entry_point in yaml.safe_load(text)["argument_specs"].values():
        options.update(entry_point.get("options") or {})
    return options


@functools.cache
def names() -> tuple[str, ...]:
    """Names of all roles."""
    return tuple(sorted(path.parents[1].name for path in ROLES.glob("*/meta/argument_specs.yml")))


@functools.cache
def variables() -> dict[str, Spec]:
    """Options of all roles, by the variable's name."""
    return {name: spec for one in names() for name, spec in role(one).items()}


def complete(values: Mapping[str, Any], options: Mapping[str, Spec]) -> dict[str, Any]:
    """Values in the types of their options, with every default filled in, inside of structures too.

    What has neither value nor default is None, and null is no value. Raises ValueError for values that the structure
    checks let through and Ansible does not take.
    """
    # what is null is as if it were not there, inside of structures too
    result = ArgumentSpecValidator(dict(options)).validate(without_none(dict(values)))
    if result.error_messages:
        raise ValueError("; ".join(result.error_messages))
    completed: dict[str, Any] = result.validated_parameters
    return completed


def without_none(value: Any) -> Any:
    """A copy without the entries of dictionaries that are None."""
    if isinstance(value, dict):
        return {key: without_none(entry) for key, entry in value.items() if entry is not None}
    return [without_none(entry) for entry in value] if isinstance(value, list) else value
