#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: make the configuration that FRR runs the one of its file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frr_reload
short_description: Load what differs between FRR's file and what it runs, keeping sessions up
version_added: 0.1.0
description:
  - Compares the running configuration with the file, and loads the differences by C(frr-reload.py). What runs is what
    counts, so a load that failed or was lost is made up for by the next run.
  - Does first what C(frr-reload.py) cannot. Timers of a BFD profile that the file no longer has go back to FRR's
    defaults. A password is changed by way of a file, where no process list shows it.
  - No password is in the result, in a log file, or in a file that others could read.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
options:
  path:
    description: FRR's file, on the host. It should have passed C(vtysh -C) before.
    type: path
    default: /etc/frr/frr.conf
requirements:
  - frr-reload.py, which Debian has in the package frr-pythontools
notes:
  - FRR must run.
seealso:
  - module: multitier.loadbalancer.config_files
"""

EXAMPLES = r"""
- name: Load what differs, keeping sessions up
  multitier.loadbalancer.frr_reload:
    path: /etc/frr/frr.conf
"""

RETURN = r"""
delta:
  description: Lines that were (or, in check mode, would be) deleted and added, without passwords.
  returned: success
  type: list
  elements: str
  sample: [Lines To Add, ============, ip prefix-list accept4 seq 2591063932 permit 198.51.100.1/32]
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule

RELOAD = "/usr/lib/frr/frr-reload.py"
PASSWORD = re.compile(r"^ neighbor (\S+) password (.+)$", re.MULTILINE)
# what FRR leaves out of a profile, and takes back only when it is told the value
BFD_DEFAULTS = {"detect-multiplier": 3, "transmit-interval": 300, "receive-interval": 300}

ENDS = {"exit", "exit-address-family", "end"}


def masked(text: str) -> str:
    """The text without passwords, and without the colours of frr-reload."""
    return re.sub(r"( password )\S+", r"\1********", re.sub(r"\033\[\d+m", "", text))


def bfd_timers(configuration: str) -> set[tuple[str, str]]:
    """Profile and name of each timer that BFD profiles have."""
    timers = set()
    profile = ""
    for line in configuration.splitlines():
        words = line.split()
        if words[:1] == ["profile"] and len(words) == 2:
            profile = words[1]
        elif not line.startswith("  "):
            profile = ""
        elif profile and words[0] in BFD_DEFAULTS:
            timers.add((profile, words[0]))
    return timers


def corrections(running: str, wanted: str) -> list[str]:
    """Lines that make of the running configuration one that frr-reload can make the wanted one of."""
    lines = []
    for profile, timer in sorted(bfd_timers(running) - bfd_timers(wanted)):
        lines += ["bfd", f" profile {profile}", f"  {timer} {BFD_DEFAULTS[timer]}", " exit", "exit"]
    instance = re.search(r"^router bgp \d+$", running, re.MULTILINE)
    new = dict(PASSWORD.findall(wanted))
    changed = [neighbor for neighbor, old in PASSWORD.findall(running) if new.get(neighbor) != old]
    if instance and changed:
        lines.append(instance.group())
        for neighbor in changed:
            take = f" no neighbor {neighbor} password"
            lines.append(f" neighbor {neighbor} password {new[neighbor]}" if neighbor in new else take)
        lines.append("exit")
    return lines


def statements(configuration: str) -> set[tuple[str, ...]]:
    """Each line that says something, after the lines that it is below of."""
    found = set()
    above: list[str] = []
    for line in configuration.splitlines():
        words = line.strip()
        if words and not words.startswith("!") and words not in ENDS and not words.startswith("frr version "):
            above = [*above[: len(line) - len(line.lstrip())], words]
            found.add(tuple(above))
    return found


def run(module: AnsibleModule, what: str, *command: str) -> str:
    """Standard output of a command; a failed one ends the module, with what it said."""
    return_code, output, errors = module.run_command(list(command))
    if return_code:
        said = masked(" ".join(text.strip() for text in (output, errors) if text.strip())) or "nothing"
        module.fail_json(msg=f"{what} failed with {return_code} and said: {said}")
    return str(output)


def correct(module: AnsibleModule, vtysh: str, lines: list[str]) -> None:
    """Configure lines by way of a file that is nobody else's."""
    path = os.path.join(module.tmpdir, "corrections")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    run(module, "Configuring FRR by vtysh", vtysh, "-f", path)


def main() -> None:
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "default": "/etc/frr/frr.conf"}}, supports_check_mode=True
    )
    path = module.params["path"]
    vtysh = module.get_bin_path("vtysh", required=True)
    if not os.path.exists(RELOAD):
        module.fail_json(msg=f"{RELOAD} is not there; Debian has it in the package frr-pythontools.")
    os.umask(0o077)  # frr-reload writes what it loads, passwords and all, into a file
    try:
        with open(path, encoding="utf-8") as file:
            wanted = file.read()
    except OSError as error:
        module.fail_json(msg=f"{path} cannot be read: {error.strerror}")
    running = run(module, "Reading FRR's running configuration", vtysh, "-c", "show running-config no-header")
    if statements(running) == statements(wanted):
        # frr-reload, which compares in the same way, takes four times as long
        module.exit_json(changed=False, delta=[], diff={"prepared": ""})
    lines = corrections(running, wanted)
    if lines and not module.check_mode:
        correct(module, vtysh, lines)

    delta = masked(run(module, "Comparing FRR with its file", RELOAD, "--test", path)).strip()
    differs = "Lines To" in delta
    if differs and not module.check_mode:
        # --stdout: its log file would have the passwords
        run(module, "Loading FRR's file", RELOAD, "--reload", "--stdout", "--rundir", module.tmpdir, path)
    told = [masked(line) for line in lines] if lines and not module.check_mode else []
    told += delta.splitlines() if differs else []
    module.exit_json(
        changed=bool(told),
        delta=told,
        diff={"prepared": "".join(f"{line}\n" for line in told)},
    )


if __name__ == "__main__":
    main()
