# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's main() as Ansible would, in this process."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.18

    @contextlib.contextmanager
    def patch_module_args(args: dict[str, Any]) -> Iterator[None]:
        """Give a module its arguments."""
        with mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()):
            yield


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ModuleRunner", "patch_module_args"]


class ModuleRunner:
    """Calls a module and returns what it printed; what a failed one printed has failed: true."""

    def __init__(self, main: Callable[[], None], capture: pytest.CaptureFixture[str]) -> None:
        self.main, self.capture = main, capture

    def __call__(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run it with these arguments, in check mode or not."""
        given_by_ansible = {"_ansible_check_mode": check, "_ansible_no_log": False}
        with patch_module_args({**arguments, **given_by_ansible}), pytest.raises(SystemExit):
            self.main()
        result: dict[str, Any] = json.loads(self.capture.readouterr().out)
        result.pop("invocation", None)  # ansible-core 2.21 and newer leave it out
        return result
