# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value has the structure that an argument spec describes.

The spec is that of a role's meta/argument_specs.yml. Ansible checks the same when a role starts; this checks the
whole inventory in advance, with messages that name the value and, for an unknown name, the one that was probably
meant. Private to this collection.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import BOOLEANS

from .values import entry_name, show

Spec = Mapping[str, Any]


def is_list(value: Any) -> bool:
    """Whether value is a list or like one."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def is_number(value: Any, form: re.Pattern[str]) -> bool:
    """Whether value is a number or the text of one, as templates make."""
    return not isinstance(value, bool) and form.fullmatch(str(value)) is not None


def is_text(value: Any) -> bool:
    """Whether value can be text: no list, no dictionary, no null, and no yes that YAML takes for true."""
    return value is not None and not is_list(value) and not isinstance(value, (Mapping, bool))


# as people write them: int() would take 080, 8_0, ' 80 ' and digits of other scripts too
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?")

# type to what a value of it is, and whether a value is one
TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: str(value).lower() in {str(word).lower() for word in BOOLEANS}),
    "dict": ("a dictionary", lambda value: isinstance(value, Mapping)),
    "float": ("a number", lambda value: is_number(value, FLOAT)),
    "int": ("a whole number", lambda value: is_number(value, INTEGER)),
    "list": ("a list", is_list),
    "path": ("text", is_text),
    "str": ("text", is_text),
}


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the one most like it."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)  # with its prefix, all are a bit alike
    return f": did you mean {near[0]}?" if near else ""


def unset_problem(where: str, spec: Spec) -> str:
    """The line about a value that must be there and is not."""
    return f"{where} is not set, must be {TYPES[spec.get('type', 'str')][0]}"


def structure_problems(where: str, value: Any, spec: Spec) -> list[str]:
    """Problems of value, one line each."""
    kind = spec.get("type", "str")
    wanted, is_good = TYPES[kind]
    if not is_good(value):
        return [f"{where} is {'***' if spec.get('no_log') else show(value)}, must be {wanted}{required_options(spec)}"]
    if kind == "list":
        entries = {**spec, "type": spec.get("elements", "str")}
        return [
            problem
            for index, entry in enumerate(value)
            for problem in structure_problems(entry_name(where, index, entry), entry, entries)
        ]
    if kind == "dict":
        return options_problems(where, value, spec["options"]) if spec.get("options") else []
    choices = spec.get("choices")
    if choices and value not in choices:
        return [f"{where} is {show(value)}, must be one of {', '.join(map(str, choices))}"]
    return []


def required_options(spec: Spec) -> str:
    """The end of a message about what is no dictionary: the one option that it must have, in the spec's words."""
    required = [(name, option) for name, option in (spec.get("options") or {}).items() if option.get("required")]
    if len(required) != 1 or not isinstance(required[0][1].get("description"), str):
        return ""
    return f", with {required[0][0]}: {required[0][1]['description'].rstrip('.')}"


def options_problems(where: str, value: Mapping[str, Any], options: Mapping[str, Spec]) -> list[str]:
    """Problems of a dictionary: unknown names, missing names, and the problems of its values."""
    problems = [
        f"{where}.{name} is {show(value[name])}, but there is no such option"
        + (meant(str(name), options) or f", only {', '.join(options)}")
        for name in value
        if name not in options
    ]
    for name, spec in options.items():
        entry = value.get(name)
        if entry is not None:
            problems += structure_problems(f"{where}.{name}", entry, spec)
        elif spec.get("required"):
            problems.append(unset_problem(f"{where}.{name}", spec))
    return problems
