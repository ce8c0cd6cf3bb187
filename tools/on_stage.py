# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test, with the arguments given, on a mirror of the working tree: python -m tools.on_stage sanity."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

from tools import stage

PIP_FROM_PYTHON = """\
# Written by multitier.loadbalancer: pip from the interpreter itself, where get-pip.py cannot be downloaded.
import ensurepip

ensurepip.bootstrap(upgrade=True, default_pip=True)
"""


def provide_pip(python: str) -> None:
    """Avoid ansible-test's only download from outside PyPI: put a get-pip.py where it looks for one."""
    version = get_venv_packages(SimpleNamespace(version=python))["pip"].replace(".", "_")
    script = Path(f"~/.ansible/test/cache/get_pip_{version}.py").expanduser()
    if not script.exists():
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(PIP_FROM_PYTHON, encoding="utf-8")


def main() -> None:
    """Replace this process by ansible-test."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stage.main()
    provide_pip(python)
    os.chdir(stage.STAGE)
    # it looks for Python and shellcheck there
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ.pop("PYTHONPATH", None)
    command, *rest = sys.argv[1:]
    os.execvp("ansible-test", ["ansible-test", command, "--python", python, *rest])


if __name__ == "__main__":
    main()
