# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a role's template as Ansible does, with the role's own defaults and vars.

In a process of its own, where Ansible itself imports the collection and so finds its filters.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[3]


def rendered(role: str, template: str, variants: Sequence[Mapping[str, Any]]) -> list[str]:
    """The text of roles/ROLE/templates/TEMPLATE for each set of variables, which win over the role's."""
    command = [sys.executable, __file__, role, template]
    done = subprocess.run(command, input=json.dumps(variants), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    texts: list[str] = json.loads(done.stdout)
    return texts


def main(role: str, template: str) -> None:
    """Read variants from standard input and write texts to standard output, both as JSON."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar

    trusted: dict[str, Any] = {"trusted_as_template": True}
    try:
        from ansible.template import trust_as_template
    except ImportError:  # ansible-core 2.18, which trusts all

        def trust_as_template(value: str) -> str:
            return value

        trusted = {}

    init_plugin_loader([])
    loader = DataLoader()
    from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import schema

    known: dict[str, Any] = {"ansible_managed": "Ansible managed"}
    known.update(loader.load_from_file(str(ROOT / f"roles/{role}/vars/main.yml"), **trusted))
    text = trust_as_template((ROOT / f"roles/{role}/templates/{template}").read_text(encoding="utf-8"))
    texts = []
    for variables in json.load(sys.stdin):
        complete = schema.complete({n: v for n, v in variables.items() if n in schema.role(role)}, schema.role(role))
        values = {name.removeprefix(f"{role}_"): value for name, value in complete.items()}
        templar = Templar(loader=loader, variables={**known, **variables, f"__{role}_vars": values})
        texts.append(str(templar.template(text, overrides={"trim_blocks": True}, escape_backslashes=False)))
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
