# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated part of each role's README from its argument specs: python -m tools.role_readmes [--check].

The part is between two markers; the rest of a README is written by hand and left alone. A missing README is created.
With --check nothing is written: READMEs that are out of date are listed, and the exit code is 1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from tools import role_specs

BEGIN = "<!-- begin: written from meta/argument_specs.yml by make format -->"
END = "<!-- end -->"
PART = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def markdown(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"\b[CEOV]\(([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\bB\(([^)]*)\)", r"**\1**", text)
    text = re.sub(r"\bI\(([^)]*)\)", r"*\1*", text)
    text = re.sub(r"\b[MP]\(([^)#]*)[^)]*\)", r"`\1`", text)
    text = re.sub(r"\bL\(([^,]*), *([^)]*)\)", r"[\1](\2)", text)
    return re.sub(r"\bR\(([^,]*),[^)]*\)", r"`\1`", text)


def kind(spec: dict[str, Any]) -> str:
    """The type of an option, and its choices."""
    name = f"list of {spec['elements']}" if spec["type"] == "list" and "elements" in spec else str(spec["type"])
    if spec.get("choices"):
        name += ": " + ", ".join(f"`{choice}`" for choice in spec["choices"])
    return name


def default(spec: dict[str, Any]) -> str:
    """The default of an option as JSON, or that it must be given."""
    if spec.get("required"):
        return "**required**"
    return f"`{json.dumps(spec['default'], ensure_ascii=False)}`" if "default" in spec else ""


def table(entry_point: dict[str, Any]) -> Iterator[str]:
    """The options of an entry point, a row each; nested ones are marked by a dot for each parent."""
    yield "| variable | type | default | |"
    yield "| --- | --- | --- | --- |"
    for option in role_specs.options(entry_point):
        name = "· " * (len(option.path) - 1) + f"`{option.path[-1]}`"
        cells = (name, kind(option.spec), default(option.spec), markdown(" ".join(option.description)))
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def generated(role: str) -> str:
    """The generated part of a role's README, markers included."""
    lines = [BEGIN, ""]
    for name, entry_point in role_specs.entry_points(role).items():
        summary = markdown(entry_point["short_description"])
        if name == "main":
            lines += [f"**{summary}.**", ""]
        else:
            lines += [f"## Entry point `{name}`", "", f"{summary}.", ""]
        for paragraph in role_specs.paragraphs(entry_point.get("description")):
            lines += [markdown(paragraph), ""]
        if name == "main":
            lines += ["## Variables", ""]
        if not entry_point.get("options"):
            lines += ["No variables.", ""]
        elif name != "main" and entry_point["options"] == role_specs.entry_points(role)["main"].get("options"):
            lines += ["The same variables.", ""]
        else:
            lines += [*table(entry_point), ""]
    return "\n".join([*lines, END])


def updated(role: str, text: str) -> str:
    """The README with its generated part written again."""
    text = text or f"# multitier.loadbalancer.{role}\n\n{BEGIN}{END}\n"
    if not PART.search(text):
        raise SystemExit(f"roles/{role}/README.md lacks the markers {BEGIN} and {END}")
    part = generated(role)
    return PART.sub(lambda _match: part, text, count=1)


def main() -> int:
    """Write or check every role's README."""
    stale = []
    for role in role_specs.roles():
        readme = role_specs.ROOT / f"roles/{role}/README.md"
        text = readme.read_text(encoding="utf-8") if readme.exists() else ""
        wanted = updated(role, text)
        if wanted == text:
            continue
        if "--check" in sys.argv[1:]:
            stale.append(f"roles/{role}/README.md")
        else:
            readme.write_text(wanted, encoding="utf-8")
    if stale:
        print(f"out of date, run make format: {', '.join(stale)}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
