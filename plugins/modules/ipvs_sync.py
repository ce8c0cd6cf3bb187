#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the connection synchronisation daemons of IPVS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_sync
short_description: Start and stop the connection synchronisation daemons of IPVS
version_added: 0.1.0
description:
  - A director with the master daemon multicasts its connections, and one with the backup daemon receives them, so
    that it can take them over. A host can run one of each.
  - In a running daemon, an option that is left out keeps its value; a new daemon gets the kernel's default.
  - To change a running daemon, the module stops and restarts it. Nothing survives a reboot.
  - Directors with the scheduler C(mh) and the sysctl C(sloppy_tcp) do not need it.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
options:
  daemon:
    description:
      - Which daemon. V(master) sends, V(backup) receives.
    type: str
    choices: [master, backup]
    required: true
  state:
    description:
      - Whether it should run.
    type: str
    choices: [started, stopped]
    default: started
  interface:
    description:
      - Interface for the multicast. Required to start a daemon.
    type: str
  sync_id:
    description:
      - Number that distinguishes groups of directors, 0 to 255. V(0) receives from all groups. A new daemon gets V(0)
        by default.
    type: int
  max_length:
    description:
      - Largest payload in bytes. By default what the interface's MTU allows.
    type: int
  group:
    description:
      - Multicast group, IPv4 or IPv6. By default 224.0.0.81.
    type: str
  port:
    description:
      - UDP port, 1 to 65535. By default 8848.
    type: int
  ttl:
    description:
      - TTL of the multicast, 1 to 255. By default V(1).
    type: int
requirements:
  - Linux 4.3 or newer with the module C(ip_vs); root or C(CAP_NET_ADMIN).
notes:
  - The kernel refuses to start a daemon while a service has real servers of the other family, and vice versa.
seealso:
  - module: multitier.loadbalancer.ipvs
  - module: multitier.loadbalancer.ipvs_info
"""

EXAMPLES = r"""
- name: Send connections to the other director
  multitier.loadbalancer.ipvs_sync:
    daemon: master
    interface: eth1
    sync_id: 17

- name: Take in those of the other director
  multitier.loadbalancer.ipvs_sync:
    daemon: backup
    interface: eth1
    sync_id: 17

- name: Stop sending
  multitier.loadbalancer.ipvs_sync:
    daemon: master
    state: stopped
"""

RETURN = r"""
sync_daemons:
  description:
    - The daemons that run now, as RV(multitier.loadbalancer.ipvs_info#module:sync_daemons) has them.
    - In check mode, those that would run; what the kernel would choose is V(none).
  returned: success
  type: list
  elements: dict
failure:
  description: What went wrong, for programs. Its C(kind) is V(invalid), V(no_module), V(no_privilege) or V(kernel).
  returned: failure
  type: dict
"""

import errno
import ipaddress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ipvs.kernel import IpvsUnavailableError, Kernel
from ..module_utils.ipvs.model import canonical_address
from ..module_utils.ipvs.report import fail

FIELDS = ("interface", "sync_id", "max_length", "group", "port", "ttl")
RANGES = {"sync_id": (0, 255), "max_length": (1, 65535), "port": (1, 65535), "ttl": (1, 255)}


def checked(module: AnsibleModule) -> dict[str, Any]:
    """The options that were given, canonical."""
    wanted = {name: module.params[name] for name in FIELDS if module.params[name] is not None}
    for name, (lowest, highest) in RANGES.items():
        if name in wanted and not lowest <= wanted[name] <= highest:
            fail(module, "invalid", f"{name} is {wanted[name]}, it must be {lowest} to {highest}", entry=name)
    if "group" in wanted:
        try:
            wanted["group"] = canonical_address(wanted["group"])[1]
        except ValueError as error:
            fail(module, "invalid", f"group {error}", entry="group")
        if not ipaddress.ip_address(wanted["group"]).is_multicast:
            fail(module, "invalid", f"group {wanted['group']} is not a multicast address", entry="group")
    if module.params["state"] == "started" and not Path("/sys/class/net", wanted["interface"]).exists():
        fail(module, "invalid", f"there is no interface {wanted['interface']}", entry="interface")
    return wanted


def refused(module: AnsibleModule, error: OSError, what: str) -> None:
    """Fail with what the kernel said and, where it is known, why."""
    hint = ""
    if error.errno == errno.EINVAL:
        hint = (
            " It refuses an interface without multicast, a group of a family without an address on it, and services "
            "with real servers of the other family."
        )
    message = f"The kernel refused to {what}: {error.strerror}.{hint}"
    fail(module, "kernel", message, errno=error.errno, error=errno.errorcode.get(error.errno or 0))


def change(module: AnsibleModule, kernel: Kernel, running: bool, wanted: dict[str, Any] | None) -> None:
    """Stop the daemon that runs, and start the wanted one."""
    name = module.params["daemon"]
    if running:
        try:
            kernel.stop_daemon(name)
        except OSError as error:
            refused(module, error, f"stop the {name} daemon")
    if wanted is not None:
        try:
            kernel.start_daemon(wanted)
        except OSError as error:
            refused(module, error, f"start the {name} daemon" + (" (the old one is stopped)" if running else ""))


def run(module: AnsibleModule) -> None:
    """Compare, and change if it differs."""
    name = module.params["daemon"]
    given = checked(module)
    kernel = Kernel()
    before = kernel.daemons()
    current = next((daemon for daemon in before if daemon["state"] == name), None)
    wanted: dict[str, Any] | None = None
    if module.params["state"] == "started":
        wanted = {**dict.fromkeys(FIELDS), "sync_id": 0, **(current or {}), **given, "state": name}
        if current is not None and (":" in str(current["group"])) != (":" in str(wanted["group"])):
            wanted["max_length"] = given.get("max_length")  # the other family's headers leave other room
    after = before
    if current != wanted:
        others = [daemon for daemon in before if daemon["state"] != name]
        after = others + ([wanted] if wanted is not None else [])
        if not module.check_mode:
            change(module, kernel, current is not None, wanted)
            after = kernel.daemons()
    result: dict[str, Any] = {"changed": current != wanted, "sync_daemons": after}
    if module._diff:
        result["diff"] = {"before": {"sync_daemons": before}, "after": {"sync_daemons": after}}
    module.exit_json(**result)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "daemon": {"type": "str", "choices": ["master", "backup"], "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "interface": {"type": "str"},
            "sync_id": {"type": "int"},
            "max_length": {"type": "int"},
            "group": {"type": "str"},
            "port": {"type": "int"},
            "ttl": {"type": "int"},
        },
        required_if=[("state", "started", ("interface",))],
        supports_check_mode=True,
    )
    try:
        run(module)
    except IpvsUnavailableError as error:
        fail(module, error.kind, str(error))
    except OSError as error:
        fail(module, "kernel", f"The kernel refused: {error.strerror}.", errno=error.errno)


if __name__ == "__main__":
    main()
