#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd unit that runs, with the configuration that is written."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unit_state
short_description: Have a systemd unit run, now and at boot, with the configuration that is on the disk
version_added: 0.1.0
description:
  - Enables and starts a unit, and reloads it when a file that it loads is newer than its last start or reload. What
    counts is the state of the host and not what changed in this run, so a reload that was missed, because another host
    failed or somebody interrupted the run, is made up for by the next one. Handlers cannot do that.
  - systemd is asked to read unit files again whenever it says that it needs to.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
attributes:
  check_mode:
    support: full
    details: What was not written yet, since nothing is written in check mode, is given as O(pending).
  diff_mode:
    support: full
options:
  name:
    description: Name of the unit.
    type: str
    required: true
  running:
    description: Whether it runs, now and at boot. With V(false) it is stopped and disabled, where there is such a unit.
    type: bool
    default: true
  loads:
    description:
      - Files that it reads when it starts or reloads, and directories, which stand for all files in them.
      - A file is newer when it was written, moved into its place, or given another owner or mode. That one was removed
        is not noticed.
    type: list
    elements: path
    default: []
  validate:
    description: Command that must accept the configuration before the unit is started or reloaded.
    type: str
  pending:
    description: Paths that a task before this one changed, or would change in check mode.
    type: list
    elements: path
    default: []
seealso:
  - module: ansible.builtin.systemd_service
"""

EXAMPLES = r"""
- name: Run HAProxy with what is written
  multitier.loadbalancer.unit_state:
    name: haproxy.service
    loads: [/etc/haproxy]
    validate: haproxy -c -f /etc/haproxy/haproxy.cfg
"""

RETURN = r"""
actions:
  description: What was (or, in check mode, would be) done, in this order.
  returned: success
  type: list
  elements: str
  sample: [daemon-reload, enable, start]
newer:
  description: Files that were newer than what the unit had loaded.
  returned: success
  type: list
  elements: str
  sample: [/etc/haproxy/haproxy.cfg]
"""

import os
import shlex
import time
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "DropInPaths",
    "ReloadResult",
    "StateChangeTimestampMonotonic",
)
SETTINGS = "/etc/systemd/system"
RUNS = ("active", "reloading")


def files_of(paths: list[str]) -> Iterator[str]:
    """The files that there are, with all those below directories."""
    for path in paths:
        if os.path.isfile(path):
            yield path
        for directory, dummy, files in os.walk(path):
            yield from (os.path.join(directory, name) for name in files)


def newer_than(paths: list[str], moment: float) -> list[str]:
    """Those that were written after a moment of the wall clock."""
    return sorted(path for path in files_of(paths) if os.lstat(path).st_ctime > moment)


def last_loaded(state: dict[str, str]) -> float:
    """When the unit started, or ended its last reload, by the wall clock as it goes now."""
    # a clock that was set since then does no harm: files are written long after boot
    return time.time() - time.monotonic() + int(state["StateChangeTimestampMonotonic"]) / 1e6


def is_below(path: str, parents: list[str]) -> bool:
    """Whether a path is one of these, or in a directory of them."""
    return any(path == parent or path.startswith(parent.rstrip("/") + "/") for parent in parents)


class Unit:
    """A unit, and what is to be done with it."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.name: str = module.params["name"]
        self.systemctl = module.get_bin_path("systemctl", required=True)
        self.actions: list[str] = []
        self.newer: list[str] = []
        self.state = self.show()
        self.before = self.described(self.state)

    def show(self) -> dict[str, str]:
        """What systemd says of it."""
        command = [self.systemctl, "show", self.name, "--property", ",".join(PROPERTIES)]
        output = self.module.run_command(command, check_rc=True)[1]
        found = dict(line.partition("=")[::2] for line in output.splitlines())
        return {name: found.get(name, "") for name in PROPERTIES}

    def described(self, state: dict[str, str]) -> str:
        """State, for the diff."""
        return f"{self.name}: {state['ActiveState']}, {state['UnitFileState'] or state['LoadState']} at boot\n"

    def do(self, *words: str) -> None:
        """Have systemd do something."""
        self.actions.append(words[0])
        if self.module.check_mode:
            return
        return_code, output, errors = self.module.run_command([self.systemctl, *words])
        if return_code:
            self.module.fail_json(
                msg=f"systemctl {' '.join(words)} failed with {return_code}: {(errors or output).strip()} "
                f"See: journalctl -u {self.name}",
                actions=self.actions,
            )

    def unseen(self) -> list[str]:
        """Settings of the unit that systemd has not read; of a new directory it does not tell by NeedDaemonReload."""
        directory = os.path.join(SETTINGS, f"{self.name}.d")
        names = os.listdir(directory) if os.path.isdir(directory) else []
        paths = [os.path.join(directory, name) for name in names if name.endswith(".conf")]
        return [path for path in paths if path not in self.state["DropInPaths"].split()]

    def refresh(self) -> None:
        """Have systemd know the unit as it is on the disk."""
        unit_files = ("/etc/systemd/system", "/run/systemd/system")
        pending = [path for path in self.module.params["pending"] if is_below(path, list(unit_files))]
        unread = self.state["NeedDaemonReload"] == "yes" or self.state["LoadState"] == "not-found" or self.unseen()
        if unread or (pending and self.module.check_mode):
            self.do("daemon-reload")
            self.state = self.show()
        if self.state["LoadState"] == "masked":
            self.module.fail_json(msg=f"{self.name} is masked: 'systemctl unmask {self.name}' makes it usable again")
        if self.state["LoadState"] == "not-found" and not self.module.check_mode:
            self.module.fail_json(msg=f"There is no unit {self.name}")

    def accept(self) -> None:
        """Have the command accept the configuration, or fail."""
        command = self.module.params["validate"]
        if command and not self.module.check_mode:
            return_code, output, errors = self.module.run_command(shlex.split(command))
            if return_code:
                said = " ".join(text.strip() for text in (output, errors) if text.strip()) or "nothing"
                self.module.fail_json(
                    msg=f"{self.name} goes on with what it has loaded: '{command}' refuses the configuration with "
                    f"{return_code} and says: {said}",
                    actions=self.actions,
                    newer=self.newer,
                )

    def run(self) -> None:
        """Have it run with what is written."""
        self.refresh()
        loads = self.module.params["loads"]
        if self.state["ActiveState"] in RUNS:
            self.newer = newer_than(loads, last_loaded(self.state))
            if self.module.check_mode:
                self.newer += [path for path in self.module.params["pending"] if is_below(path, loads)]
            if self.newer or (loads and self.state["ReloadResult"] not in ("", "success")):
                self.accept()
                self.do("reload", self.name)
        if self.state["UnitFileState"] == "disabled" or self.state["LoadState"] == "not-found":
            self.do("enable", self.name)
        if self.state["ActiveState"] not in RUNS:
            self.accept()
            self.do("start", self.name)

    def rest(self) -> None:
        """Have it not run."""
        if self.state["LoadState"] == "not-found":
            return
        if self.state["UnitFileState"].startswith("enabled"):
            self.do("disable", self.name)
        if self.state["ActiveState"] not in ("inactive", "failed"):
            self.do("stop", self.name)

    def after(self) -> str:
        """What it is now, or would be, for the diff."""
        if not self.module.check_mode:
            return self.described(self.show())
        if not self.actions:
            return self.before
        return f"{self.name}: {', '.join(self.actions)}\n"


def main() -> None:
    arguments: dict[str, Any] = {
        "name": {"type": "str", "required": True},
        "running": {"type": "bool", "default": True},
        "loads": {"type": "list", "elements": "path", "default": []},
        "validate": {"type": "str"},
        "pending": {"type": "list", "elements": "path", "default": []},
    }
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    unit = Unit(module)
    if module.params["running"]:
        unit.run()
    else:
        unit.rest()
    newer = "".join(f"newer than what it has loaded: {path}\n" for path in unit.newer)
    newer += "settings that systemd has not read\n" if "daemon-reload" in unit.actions else ""
    module.exit_json(
        changed=bool(unit.actions),
        actions=unit.actions,
        newer=unit.newer,
        diff={
            "before_header": unit.name,
            "after_header": unit.name,
            "before": unit.before + newer,
            "after": unit.after(),
        },
    )


if __name__ == "__main__":
    main()
