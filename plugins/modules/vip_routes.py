#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs as kernel routes that carry an owner's protocol number."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_routes
short_description: Make VIPs local to a host, or prune the markers that announce them
version_added: 0.1.0
description:
  - A VIP is made local by a route in the kernel's local table, and announced by a marker, a blackhole route that the
    BGP daemon redistributes. Both carry a routing protocol number that says whose they are, so this module knows
    exactly which routes it may remove, and touches no others.
  - An address on an interface would do for the first, but it is a connected route to the BGP daemon, which then ignores
    the marker.
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
  vips:
    description: VIPs, IPv4 or IPv6 addresses without a prefix length.
    type: list
    elements: str
    required: true
  kind:
    description:
      - V(local) is a route in the table C(local), which makes the host accept packets for the VIP.
      - V(marker) is a blackhole route in the table C(main), which the BGP daemon announces.
    type: str
    choices: [local, marker]
    required: true
  state:
    description:
      - V(exact) adds what is missing and removes what is not listed.
      - V(pruned) only removes what is not listed. Health checks are what adds markers.
    type: str
    choices: [exact, pruned]
    default: exact
  interface:
    description: Device of O(kind=local) routes.
    type: str
    default: lo
  protocol:
    description: Routing protocol number that marks the routes as ours.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Accept packets for these VIPs, and no longer for any other
  multitier.loadbalancer.vip_routes:
    kind: local
    protocol: 78
    vips: [198.51.100.1, "2001:db8:100::1"]
"""

RETURN = r"""
added:
  description: VIPs whose route was (or, in check mode, would be) added.
  returned: success
  type: list
  elements: str
  sample: [198.51.100.1]
removed:
  description: VIPs whose route was (or, in check mode, would be) removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

import ipaddress
import json

from ansible.module_utils.basic import AnsibleModule


def listed(output: str, kind: str) -> dict[str, str]:
    """VIP to device, read from C(ip -json route show); a device is '' for a marker."""
    routes = json.loads(output or "[]")
    wanted_type = "local" if kind == "local" else "blackhole"
    return {
        route["dst"]: (route.get("dev", "") if kind == "local" else "")
        for route in routes
        if route.get("type", wanted_type) == wanted_type and "/" not in route["dst"]
    }


def changes(current: dict[str, str], wanted: dict[str, str], state: str) -> tuple[list[str], list[str]]:
    """What to add (or replace) and what to remove, each sorted."""
    add = [] if state == "pruned" else [vip for vip, device in wanted.items() if current.get(vip) != device]
    return sorted(add), sorted(set(current) - set(wanted))


def route_line(action: str, vip: str, kind: str, interface: str, protocol: int) -> str:
    """One line for C(ip -batch)."""
    prefix = f"{vip}/{ipaddress.ip_address(vip).max_prefixlen}"
    if kind == "local":
        return f"route {action} local {prefix} dev {interface} proto {protocol} table local\n"
    return f"route {action} blackhole {prefix} proto {protocol}\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vips": {"type": "list", "elements": "str", "required": True},
            "kind": {"type": "str", "choices": ["local", "marker"], "required": True},
            "state": {"type": "str", "choices": ["exact", "pruned"], "default": "exact"},
            "interface": {"type": "str", "default": "lo"},
            "protocol": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    kind, interface, protocol = (module.params[key] for key in ("kind", "interface", "protocol"))
    if not 5 <= protocol <= 255:
        module.fail_json(msg=f"protocol is {protocol}, must be 5 to 255 (below are the kernel's own).")
    try:
        vips = [str(ipaddress.ip_address(vip)) for vip in module.params["vips"]]
    except ValueError as error:
        module.fail_json(msg=f"vips: {error}. Nothing was changed.")
    ip = module.get_bin_path("ip", required=True)

    current: dict[str, str] = {}
    for family in ("-4", "-6"):
        table = "local" if kind == "local" else "main"
        command = [ip, "-json", family, "route", "show", "table", table, "proto", str(protocol)]
        current.update(listed(module.run_command(command, check_rc=True)[1], kind))
    wanted = dict.fromkeys(vips, interface if kind == "local" else "")
    added, removed = changes(current, wanted, module.params["state"])

    if (added or removed) and not module.check_mode:
        batch = "".join(route_line("replace", vip, kind, interface, protocol) for vip in added)
        batch += "".join(route_line("del", vip, kind, current[vip] or interface, protocol) for vip in removed)
        return_code, dummy, errors = module.run_command([ip, "-batch", "-"], data=batch, binary_data=True)
        if return_code != 0:
            module.fail_json(msg=f"ip refused a route: {errors.strip()}. Lines before it were applied.", batch=batch)
    after = (set(current) | set(added)) - set(removed)
    module.exit_json(
        changed=bool(added or removed),
        added=added,
        removed=removed,
        diff={
            "before_header": f"{kind} routes, proto {protocol}",
            "after_header": f"{kind} routes, proto {protocol}",
            "before": "".join(f"{vip} {device}\n" for vip, device in sorted(current.items())),
            "after": "".join(f"{vip} {wanted.get(vip, '')}\n" for vip in sorted(after)),
        },
    )


if __name__ == "__main__":
    main()
