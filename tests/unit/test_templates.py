# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the templates of all roles have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
import pytest
from ansible.plugins.filter.core import comment

from tools.role_specs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = sorted((ROOT / "roles").glob("*/templates/*.j2"))
BANNER = "Ansible managed\nrm -rf /"


def rendered_banner(template: Path) -> list[str]:
    """Lines that the parts of a template with the banner become, when the banner has two lines."""
    environment = jinja2.Environment(autoescape=False)  # configuration files, not HTML
    environment.filters["comment"] = comment
    lines = [line for line in template.read_text(encoding="utf-8").splitlines() if "ansible_managed" in line]
    return [
        part for line in lines for part in environment.from_string(line).render(ansible_managed=BANNER).splitlines()
    ]


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 10


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_banner_of_several_lines_is_a_comment(template: Path) -> None:
    mark = "!" if template.name == "frr.conf.j2" else "#"
    lines = rendered_banner(template)
    assert f"{mark} rm -rf /" in lines
    assert [line for line in lines if not line.startswith(mark)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_the_interpreter_of_a_script_stays_on_its_first_line(template: Path) -> None:
    lines = template.read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#!") == (number == 0) for number, line in enumerate(lines) if "#!/" in line)
