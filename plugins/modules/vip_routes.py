#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VIPs as kernel routes that carry an owner's protocol number."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_routes
short_description: Make VIPs local to a host, and withdraw those that it may no longer announce
version_added: 0.1.0
description:
  - A VIP is made local by a route in the kernel's local table, and announced by a marker, a blackhole route that a
    routing daemon redistributes. Both carry a routing protocol number that says whose they are, so this module knows
    exactly which routes it may remove, and touches no others.
  - An address on an interface would do for the first, but it is a connected route to the routing daemon, which then
    ignores the marker.
  - Markers are only removed. Health checks are what adds them.
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
  local:
    description: All VIPs that are to be local, IPv4 or IPv6 addresses without a prefix length.
    type: list
    elements: str
    required: true
  announced:
    description: All VIPs whose markers may stay.
    type: list
    elements: str
    default: []
  interface:
    description: Device of the local routes.
    type: str
    default: lo
  local_protocol:
    description: Routing protocol number of local routes.
    type: int
    default: 78
  marker_protocol:
    description: Routing protocol number of markers.
    type: int
    default: 77
"""

EXAMPLES = r"""
- name: Accept packets for these VIPs and for no others, and announce only the first
  multitier.loadbalancer.vip_routes:
    local: [198.51.100.1, "2001:db8:100::1"]
    announced: [198.51.100.1]
"""

RETURN = r"""
added:
  description: VIPs that were (or, in check mode, would be) made local.
  returned: success
  type: list
  elements: str
  sample: [198.51.100.1]
removed:
  description: VIPs that are (or would be) local no longer.
  returned: success
  type: list
  elements: str
  sample: []
withdrawn:
  description: VIPs that are (or would be) announced no longer.
  returned: success
  type: list
  elements: str
  sample: []
"""

import ipaddress
import json

from ansible.module_utils.basic import AnsibleModule


def listed(output: str, kind: str) -> dict[str, str]:
    """VIP to device, of the routes of a kind in what C(ip -json route show) printed."""
    routes = json.loads(output or "[]")
    return {
        route["dst"]: route.get("dev", "")
        for route in routes
        if route.get("type", kind) == kind and "/" not in route["dst"]
    }


def prefix(vip: str) -> str:
    """A VIP with its prefix length."""
    return f"{vip}/{ipaddress.ip_address(vip).max_prefixlen}"


def lines(routes: dict[str, str], title: str) -> str:
    """Routes for the diff."""
    return "".join(f"{title} {vip} {device}\n" for vip, device in sorted(routes.items()))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "local": {"type": "list", "elements": "str", "required": True},
            "announced": {"type": "list", "elements": "str", "default": []},
            "interface": {"type": "str", "default": "lo"},
            "local_protocol": {"type": "int", "default": 78},
            "marker_protocol": {"type": "int", "default": 77},
        },
        supports_check_mode=True,
    )
    interface, protocol, marker = (module.params[key] for key in ("interface", "local_protocol", "marker_protocol"))
    for name, number in (("local_protocol", protocol), ("marker_protocol", marker)):
        if not 5 <= number <= 255:
            module.fail_json(msg=f"{name} is {number}, must be 5 to 255 (below are the kernel's own).")
    try:
        wanted = {str(ipaddress.ip_address(vip)): interface for vip in module.params["local"]}
        announced = {str(ipaddress.ip_address(vip)) for vip in module.params["announced"]}
    except ValueError as error:
        module.fail_json(msg=f"{error}. Nothing was changed.")
    ip = module.get_bin_path("ip", required=True)

    def read(kind: str, table: str, number: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for family in ("-4", "-6"):
            command = [ip, "-json", family, "route", "show", "table", table, "proto", str(number)]
            found.update(listed(module.run_command(command, check_rc=True)[1], kind))
        return found

    local, markers = read("local", "local", protocol), dict.fromkeys(read("blackhole", "main", marker), "")
    added = sorted(vip for vip in wanted if local.get(vip) != interface)
    removed = sorted(set(local) - set(wanted))
    withdrawn = sorted(set(markers) - announced)

    batch = "".join(f"route del blackhole {prefix(vip)} proto {marker}\n" for vip in withdrawn)
    for action, vips in (("replace", dict.fromkeys(added, interface)), ("del", {vip: local[vip] for vip in removed})):
        batch += "".join(
            f"route {action} local {prefix(vip)} dev {device} proto {protocol} table local\n"
            for vip, device in vips.items()
        )
    if batch and not module.check_mode:
        # each by itself: one that is refused keeps no other from being done
        return_code, dummy, errors = module.run_command([ip, "-force", "-batch", "-"], data=batch, binary_data=True)
        if return_code != 0:
            module.fail_json(msg=f"ip refused a route: {errors.strip()}. All others were done.", batch=batch)
    module.exit_json(
        changed=bool(batch),
        added=added,
        removed=removed,
        withdrawn=withdrawn,
        diff={
            "before_header": "VIPs",
            "after_header": "VIPs",
            "before": lines(local, "local") + lines(markers, "announced"),
            "after": lines(wanted, "local") + lines({vip: "" for vip in markers if vip not in withdrawn}, "announced"),
        },
    )


if __name__ == "__main__":
    main()
