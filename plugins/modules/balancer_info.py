#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router, director or proxy is doing, read from its kernel and its daemons."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_info
short_description: Read the live state of a router, director or proxy
version_added: 0.1.0
description:
  - Reads in one call, from the kernel and the daemons and never from configuration files, what decides whether a host
    is ready to serve.
  - What does not run on the host is left empty. For IPVS see M(multitier.loadbalancer.ipvs_info).
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
attributes:
  check_mode:
    support: full
    details: It only reads.
  diff_mode:
    support: N/A
    details: It only reads.
options:
  sysctls:
    description: Kernel parameters to read.
    type: list
    elements: str
    default: []
  marker_protocol:
    description: Routing protocol number of the routes that announce VIPs.
    type: int
    default: 77
  local_protocol:
    description: Routing protocol number of the routes that make VIPs local.
    type: int
    default: 78
  haproxy_socket:
    description: HAProxy's administration socket.
    type: path
    default: /run/haproxy/admin.sock
"""

EXAMPLES = r"""
- name: Read what a router does
  multitier.loadbalancer.balancer_info:
    sysctls: [net.ipv4.fib_multipath_hash_policy]
  register: router
"""

RETURN = r"""
bgp:
  description: State of each BGP session by the neighbour's address, such as V(Established).
  returned: success
  type: dict
  sample: {"10.20.0.21": "Established"}
bfd:
  description: State of each BFD session by the neighbour's address, such as V(up).
  returned: success
  type: dict
  sample: {"10.20.0.21": "up"}
routes:
  description:
    - Next hops, sorted, of each route that BGP put into the kernel, by prefix.
    - The default routes are V(0.0.0.0/0) and V(::/0).
  returned: success
  type: dict
  sample: {"198.51.100.1": ["10.20.0.21", "10.20.0.22"]}
local_vips:
  description: VIPs that are local to the host.
  returned: success
  type: list
  elements: str
  sample: [198.51.100.1]
announced_vips:
  description: VIPs whose marker is in the kernel.
  returned: success
  type: list
  elements: str
  sample: [198.51.100.1]
addresses:
  description: Addresses of all interfaces, without prefix lengths.
  returned: success
  type: list
  elements: str
  sample: [127.0.0.1, "::1", 10.20.0.21]
sysctls:
  description: Values of the parameters asked for; those the kernel lacks are null.
  returned: success
  type: dict
  sample: {"net.ipv4.fib_multipath_hash_policy": "1"}
haproxy:
  description: State of each backend's servers as HAProxy sees it, by pool and server. Empty where HAProxy does not run.
  returned: success
  type: dict
  sample: {"web": {"b1": "UP"}}
"""

import csv
import io
import json
import os
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def documents(text: str) -> list[Any]:
    """The JSON values in a text, one after the other, as vtysh prints them for several commands."""
    decoder = json.JSONDecoder()
    values = []
    rest = text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    return values


def bgp_states(summary: dict[str, Any]) -> dict[str, str]:
    """Neighbour to state, of all address families of C(show bgp summary json)."""
    return {
        address: peer["state"]
        for family in summary.values()
        if isinstance(family, dict)
        for address, peer in family.get("peers", {}).items()
    }


def next_hops(routes: list[dict[str, Any]], default: str) -> dict[str, list[str]]:
    """Prefix to next hops, from C(ip -json route). Next hops that the kernel considers dead are left out."""
    result: dict[str, list[str]] = {}
    for route in routes:
        hops = route.get("nexthops") or [route]
        alive = [hop for hop in hops if not {"dead", "linkdown"} & set(hop.get("flags", []))]
        gateways = [hop.get("gateway") or hop.get("via", {}).get("host") for hop in alive]
        name = default if route["dst"] == "default" else route["dst"]
        result[name] = sorted({*result.get(name, []), *(gateway for gateway in gateways if gateway)})
    return result


def server_states(table: str) -> dict[str, dict[str, str]]:
    """Pool to server to state, from the CSV of HAProxy's C(show stat)."""
    states: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(io.StringIO(table.lstrip("# "))):
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            states.setdefault(row["pxname"], {})[row["svname"]] = row["status"]
    return states


def ask_haproxy(path: str) -> str:
    """Answer to C(show stat) on the administration socket; '' where nobody listens."""
    if not os.path.exists(path):
        return ""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(path)
        except ConnectionRefusedError:
            return ""
        connection.sendall(b"show stat\n")
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode("utf-8", "replace").strip()


def read_sysctl(name: str) -> str | None:
    try:
        with open(os.path.join("/proc/sys", *name.split(".")), encoding="ascii") as file:
            return " ".join(file.read().split())
    except FileNotFoundError:
        return None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "sysctls": {"type": "list", "elements": "str", "default": []},
            "marker_protocol": {"type": "int", "default": 77},
            "local_protocol": {"type": "int", "default": 78},
            "haproxy_socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
        },
        supports_check_mode=True,
    )
    ip = module.get_bin_path("ip", required=True)

    def routes(family: str, *selector: str) -> list[dict[str, Any]]:
        output = module.run_command([ip, "-json", family, "route", "show", *selector], check_rc=True)[1]
        found: list[dict[str, Any]] = json.loads(output or "[]")
        return found

    def vips(*selector: str) -> list[str]:
        return sorted(route["dst"] for family in ("-4", "-6") for route in routes(family, *selector))

    def addresses() -> list[str]:
        output = module.run_command([ip, "-json", "address", "show"], check_rc=True)[1]
        found = [entry for link in json.loads(output or "[]") for entry in link.get("addr_info") or []]
        return sorted(entry["local"] for entry in found if "local" in entry)

    bgp: dict[str, str] = {}
    bfd: dict[str, str] = {}
    vtysh = module.get_bin_path("vtysh")
    if vtysh:
        command = [vtysh, "-c", "show bgp summary json", "-c", "show bfd peers json"]
        return_code, output, dummy = module.run_command(command)
        if return_code == 0 and output.strip().startswith("{"):
            summary, peers = documents(output)
            bgp = bgp_states(summary)
            bfd = {peer["peer"]: peer["status"] for peer in peers}

    table = ask_haproxy(module.params["haproxy_socket"])
    module.exit_json(
        changed=False,
        bgp=bgp,
        bfd=bfd,
        routes={
            **next_hops(routes("-4", "proto", "bgp"), "0.0.0.0/0"),
            **next_hops(routes("-6", "proto", "bgp"), "::/0"),
        },
        local_vips=vips("table", "local", "proto", str(module.params["local_protocol"])),
        announced_vips=vips("proto", str(module.params["marker_protocol"]), "type", "blackhole"),
        addresses=addresses(),
        sysctls={name: read_sysctl(name) for name in module.params["sysctls"]},
        haproxy=server_states(table) if table else {},
    )


if __name__ == "__main__":
    main()
