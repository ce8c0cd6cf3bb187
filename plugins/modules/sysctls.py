#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings as one file and one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctls
short_description: Set a group of kernel parameters, now and at every boot
version_added: 0.1.0
description:
  - Writes a whole group of kernel parameters to one file under C(/etc/sysctl.d), and sets those of the running kernel
    that differ. One call replaces a loop over single settings, and it corrects values that somebody changed by hand.
  - Nothing is written if a parameter does not exist in the running kernel, for example because its module is not
    loaded.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  path:
    description: File for the whole group. systemd-sysctl reads V(/etc/sysctl.d/NN-NAME.conf) at boot.
    type: path
    required: true
  settings:
    description: Parameter names, with dots, and their values.
    type: dict
    required: true
  comment:
    description: First line of the file, saying who manages it.
    type: str
    default: Managed by Ansible, multitier.loadbalancer
  missing_ok:
    description:
      - In check mode only, accept parameters that the running kernel lacks, because what creates them has not run yet.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Hash ECMP flows on addresses and ports
  multitier.loadbalancer.sysctls:
    path: /etc/sysctl.d/60-frr-ecmp.conf
    settings:
      net.ipv4.fib_multipath_hash_policy: 1
      net.ipv6.fib_multipath_hash_policy: 1
"""

RETURN = r"""
changed_settings:
  description: Parameters whose running value was (or, in check mode, would be) changed.
  returned: success
  type: list
  elements: str
  sample: [net.ipv4.fib_multipath_hash_policy]
"""

import os

from ansible.module_utils.basic import AnsibleModule

PROC = "/proc/sys"


def proc_path(name: str) -> str:
    """Path of a parameter. A slash in a name stands for a dot within one component, as for sysctl(8)."""
    return os.path.join(PROC, *(part.replace("/", ".") for part in name.split(".")))


def read_kernel(name: str) -> str | None:
    """Value as the kernel prints it, white space folded; None where the parameter does not exist."""
    try:
        with open(proc_path(name), encoding="ascii") as file:
            return " ".join(file.read().split())
    except FileNotFoundError:
        return None


def write_kernel(name: str, value: str) -> None:
    """Set a value in the running kernel. Raises OSError if the kernel rejects it."""
    with open(proc_path(name), "w", encoding="ascii") as file:
        file.write(value + "\n")


def render(comment: str, settings: dict[str, str]) -> str:
    """Text of the sysctl.d file, sorted so that the order of a dict never makes a change."""
    return "".join([f"# {comment}\n", *(f"{name} = {value}\n" for name, value in sorted(settings.items()))])


def as_text(value: object) -> str:
    """YAML booleans are what people write for 0 and 1."""
    if isinstance(value, bool):
        return str(int(value))
    return " ".join(str(value).split())


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "settings": {"type": "dict", "required": True},
            "comment": {"type": "str", "default": "Managed by Ansible, multitier.loadbalancer"},
            "missing_ok": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    wanted = {name: as_text(value) for name, value in module.params["settings"].items()}
    running = {name: read_kernel(name) for name in wanted}
    missing = sorted(name for name, value in running.items() if value is None)
    if missing and not (module.check_mode and module.params["missing_ok"]):
        module.fail_json(
            msg=f"The running kernel has no parameter {', '.join(missing)}: load the module that provides it first. "
            "Nothing was changed."
        )
    differing = sorted(name for name in wanted if running[name] != wanted[name])

    before = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            before = file.read()
    after = render(module.params["comment"], wanted)
    result = {
        "changed": bool(differing) or before != after,
        "changed_settings": differing,
        "diff": [
            {"before_header": path, "after_header": path, "before": before, "after": after},
            {
                "before_header": "running kernel",
                "after_header": "running kernel",
                "before": "".join(f"{name} = {running[name]}\n" for name in differing),
                "after": "".join(f"{name} = {wanted[name]}\n" for name in differing),
            },
        ],
    }
    if not module.check_mode:
        for name in differing:
            try:
                write_kernel(name, wanted[name])
            except OSError as error:
                module.fail_json(msg=f"The kernel refused {name} = {wanted[name]!r}: {error.strerror}.")
        if before != after:
            temporary = os.path.join(module.tmpdir, "sysctls")
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(after)
            os.chmod(temporary, 0o644)
            module.atomic_move(temporary, path)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
