# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an inventory's hosts, as plain data: those that begin like one of ours.

Templating is what takes time, and most values have no template: these are read once, however many hosts have them.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from jinja2 import Undefined, UndefinedError

from . import schema

# of our own playbooks: results that they keep, and facts that they set
INTERNAL = (
    "loadbalancer_deployment", "loadbalancer_deployed", "loadbalancer_state", "loadbalancer_ipvs",
    "loadbalancer_answers", "loadbalancer_targets",
)  # fmt: skip
MARKS = ("{{", "{%", "{#")


@dataclasses.dataclass(frozen=True)
class Values:
    """Variables of one host, templated, and a line for each whose template fails, by its name."""

    variables: dict[str, Any]
    failed: dict[str, str] = dataclasses.field(default_factory=dict)


def prefixes() -> tuple[str, ...]:
    """What names of variables of ours begin with."""
    return ("loadbalancer_", *(f"{name}_" for name in schema.names()))


class Reader:
    """Reads hosts one after the other, and remembers what it read of values that several hosts share."""

    def __init__(self, hostvars: Any, loader: Any = None) -> None:
        self._hostvars = hostvars
        self._loader = loader
        self._prefixes = prefixes()
        self._ours: dict[str, bool] = {}
        self._literal: dict[
            int, tuple[Any, list[Any]]
        ] = {}  # by identity; the value is kept, so that its identity is too

    def host(self, name: str) -> Values:
        """What one host says."""
        raw = self._hostvars.raw_get(name) if self._loader else self._hostvars[name]
        # what Ansible gives of another host by hostvars cannot itself use hostvars
        templar = Templar(loader=self._loader, variables={**raw, "hostvars": self._hostvars}) if self._loader else None
        variables: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for key in sorted(key for key in raw if self._is_ours(str(key))):
            try:
                variables[str(key)] = self._value(raw[key], templar)
            except (AnsibleError, UndefinedError) as error:
                failed[str(key)] = f"{key} cannot be templated: {_reason(error)}"
        return Values(variables, failed)

    def _is_ours(self, name: str) -> bool:
        if name not in self._ours:
            self._ours[name] = name not in INTERNAL and (name.startswith(self._prefixes) or is_slip(name))
        return self._ours[name]

    def _value(self, raw: Any, templar: Any) -> Any:
        known = self._literal.get(id(raw))
        if known is None:
            # nothing where it is a template, which another host may see with other eyes
            known = self._literal[id(raw)] = (raw, [plain(raw)] if is_literal(raw) else [])
        if known[1]:
            return known[1][0]
        return plain(templar.template(raw) if templar else raw)


def is_slip(name: str) -> bool:
    """Whether a name is that of a variable of ours but for one slip, be it in the prefix."""
    near = difflib.get_close_matches(name, schema.variables(), n=1, cutoff=0.9)
    return bool(near) and abs(len(near[0]) - len(name)) <= 1


def is_literal(value: Any) -> bool:
    """Whether a value is what it is, with no template and no vault in it."""
    if isinstance(value, Mapping):
        return all(is_literal(key) and is_literal(entry) for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return all(is_literal(entry) for entry in value)
    if isinstance(value, str):
        return not any(mark in value for mark in MARKS)
    return value is None or isinstance(value, (bool, int, float))


def plain(value: Any) -> Any:
    """A copy in Python's own types: Ansible's are slow to read again and again, and mark their values."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is undefined
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str.__str__(value) if isinstance(value, str) else str(value)


def _reason(error: Exception) -> str:
    text = str(error)
    if "vault" in text.lower():
        return f"its vault password is needed (--ask-vault-pass or --vault-password-file): {text}"
    return text


def read(hostvars: Any, hosts: Iterable[str], loader: Any = None) -> dict[str, Values]:
    """What each of the hosts says; hostvars is Ansible's own with a loader, and plain data without."""
    reader = Reader(hostvars, loader)
    return {name: reader.host(name) for name in hosts}
