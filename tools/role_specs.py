# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the roles' argument specs and defaults, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Option:
    """One option of a role: its path from the outermost (("services", "vips")) and its spec as written."""

    path: tuple[str, ...]
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        """Name for messages: the parts joined by dots."""
        return ".".join(self.path)

    @property
    def description(self) -> list[str]:
        """The paragraphs of the description."""
        return paragraphs(self.spec.get("description"))


def paragraphs(text: str | list[str] | None) -> list[str]:
    """A description as a list of paragraphs; YAML allows one string for one paragraph."""
    return [text] if isinstance(text, str) else list(text or [])


def roles() -> list[str]:
    """Names of the collection's roles."""
    return sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "meta").is_dir())


def load(path: Path) -> Any:
    """What a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def entry_points(role: str) -> dict[str, dict[str, Any]]:
    """The entry points of a role ("main" first, then by name) with their specs."""
    specs = load(ROOT / f"roles/{role}/meta/argument_specs.yml")["argument_specs"]
    return {name: specs[name] for name in sorted(specs, key=lambda name: (name != "main", name))}


def defaults(role: str) -> dict[str, Any]:
    """The role's defaults/main.yml."""
    path = ROOT / f"roles/{role}/defaults/main.yml"
    return (load(path) or {}) if path.exists() else {}


def options(entry_point: dict[str, Any]) -> Iterator[Option]:
    """All options of an entry point, each followed by those nested in it."""
    yield from _walk((), entry_point.get("options") or {})


def _walk(parents: tuple[str, ...], specs: dict[str, dict[str, Any]]) -> Iterator[Option]:
    for name, spec in specs.items():
        yield Option((*parents, name), spec)
        yield from _walk((*parents, name), spec.get("options") or {})
