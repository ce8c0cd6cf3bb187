#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: how long IPVS keeps idle connections."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_timeouts
short_description: Set how long IPVS keeps idle connections
version_added: 0.1.0
description:
  - Sets the timeouts of the running kernel's IPVS connections. Nothing survives a reboot.
  - They apply from the next packet of a connection; until then it keeps its current timer.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
options:
  tcp:
    description:
      - Seconds for established TCP connections, 1 to 2147483. The kernel starts with V(900).
    type: int
  tcp_fin:
    description:
      - Seconds for TCP connections after a FIN, 1 to 2147483. The kernel starts with V(120).
    type: int
  udp:
    description:
      - Seconds for UDP, 1 to 2147483. The kernel starts with V(300).
    type: int
requirements:
  - Linux 3.18 or newer with the module C(ip_vs); root or C(CAP_NET_ADMIN).
seealso:
  - module: multitier.loadbalancer.ipvs
  - module: multitier.loadbalancer.ipvs_info
"""

EXAMPLES = r"""
- name: Keep idle connections for an hour
  multitier.loadbalancer.ipvs_timeouts:
    tcp: 3600
"""

RETURN = r"""
timeouts:
  description: All timeouts in seconds, as they are now, or would be in check mode.
  returned: success
  type: dict
  contains:
    tcp:
      description: TCP, established.
      type: int
    tcp_fin:
      description: TCP, after a FIN.
      type: int
    udp:
      description: UDP.
      type: int
  sample: {tcp: 3600, tcp_fin: 120, udp: 300}
failure:
  description: What went wrong, for programs. Its C(kind) is V(invalid), V(no_module), V(no_privilege) or V(kernel).
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ipvs.kernel import IpvsUnavailableError, Kernel
from ..module_utils.ipvs.report import fail

NAMES = ("tcp", "tcp_fin", "udp")
LONGEST = 2147483  # seconds: the kernel counts in ticks, up to 1000 a second, in 31 bits


def run(module: AnsibleModule) -> None:
    """Compare, and set what differs."""
    wanted = {name: module.params[name] for name in NAMES if module.params[name] is not None}
    for name, value in wanted.items():
        if not 1 <= value <= LONGEST:
            fail(module, "invalid", f"{name} is {value}, it must be 1 to {LONGEST}", entry=name)
    kernel = Kernel()
    before = kernel.timeouts()
    after = {**before, **wanted}
    if after != before and not module.check_mode:
        kernel.set_timeouts({name: value for name, value in wanted.items() if before[name] != value})
        after = kernel.timeouts()
    result: dict[str, Any] = {"changed": after != before, "timeouts": after}
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    module.exit_json(**result)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"tcp": {"type": "int"}, "tcp_fin": {"type": "int"}, "udp": {"type": "int"}},
        required_one_of=[NAMES],
        supports_check_mode=True,
    )
    try:
        run(module)
    except IpvsUnavailableError as error:
        fail(module, error.kind, str(error))
    except OSError as error:
        fail(module, "kernel", f"The kernel refused the timeouts: {error.strerror}.", errno=error.errno)


if __name__ == "__main__":
    main()
