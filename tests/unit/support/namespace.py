# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace of the test's own, in which it has all rights: the kernel's routes without a mock of ip(8)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pytest

ROOT = Path(__file__).resolve().parents[3]
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]


def available() -> bool:
    """Whether this machine lets us have one."""
    return (
        bool(shutil.which("ip"))
        and subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    )


needed = pytest.mark.skipif(not available(), reason="needs iproute2 and a network namespace of its own")


class Namespace:
    """Lives until it is closed. Commands in it find programs of `directory` first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.holder = subprocess.Popen(
            [*UNSHARE, "sh", "-c", "ip link set lo up; echo; exec sleep 3600"], stdout=subprocess.PIPE
        )
        assert self.holder.stdout is not None
        self.holder.stdout.readline()

    @property
    def prefix(self) -> list[str]:
        """What makes a command run in it."""
        return ["nsenter", "--preserve-credentials", "--user", "--net", "--target", str(self.holder.pid)]

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the commands."""
        return {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}"}

    def run(self, script: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a shell script."""
        command = [*self.prefix, "sh", "-c", script]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, env=self.environment, **options
        )

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a program; it has the pid of the Popen."""
        return subprocess.Popen([*self.prefix, *command], **{"env": self.environment, **options})

    def install(self, name: str, text: str) -> Path:
        """Put a program on the path."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def install_role_program(self, template: str, **variables: Any) -> Path:
        """Put a role's program on the path, as the role writes it."""
        text = (ROOT / "roles" / template).read_text(encoding="utf-8")
        role = template.partition("/")[0]
        values = {name.removeprefix(f"{role}_"): value for name, value in variables.items()}
        # here, because where modules are tested ansible-test hides what only a controller has
        from ansible.plugins.filter.core import comment

        environment = jinja2.Environment(autoescape=False)  # a program, not HTML
        environment.filters["comment"] = comment
        known = {**variables, f"__{role}_vars": values, "ansible_managed": "test"}
        return self.install(Path(template).stem, environment.from_string(text).render(known))

    def close(self) -> None:
        """End it."""
        self.holder.kill()
        self.holder.wait()


def wait_until(what: str | Callable[[], str], condition: Any, seconds: float = 10, interval: float = 0.02) -> float:
    """Wait for something to be so, and return how long it took; fails when it does not come."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            pytest.fail(f"not so after {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(interval)
    return time.monotonic() - began
