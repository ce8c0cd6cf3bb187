# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of inventories share: certificates, and templates that are compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import pem_files


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the inventories, with their certificates."""
    return pem_files.make_all(tmp_path_factory.mktemp("inventory"))


@pytest.fixture(scope="module", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    """Each inventory has the templates of its example, whose compiling takes longer than all else."""
    compile_template, known = jinja2.Environment.compile, {}

    def compiled(self: jinja2.Environment, source: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(source, str) or arguments or options:
            return compile_template(self, source, *arguments, **options)
        if source not in known:
            known[source] = compile_template(self, source)
        return known[source]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", compiled)
        yield
