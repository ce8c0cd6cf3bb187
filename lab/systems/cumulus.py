# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that poses as a Cumulus Linux switch: its os-release, ifupdown2 and files, without switchd and NVUE."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lab.seed import default_routes, of_family, route
from lab.systems import Files, debian

if TYPE_CHECKING:
    from lab.model import Nic, Node, Route

_FILES = {
    "/etc/os-release": """\
NAME="Cumulus Linux"
VERSION_ID=5.9.2
VERSION="Cumulus Linux 5.9.2"
PRETTY_NAME="Cumulus Linux"
ID=cumulus-linux
ID_LIKE=debian
CPE_NAME=cpe:/o:cumulusnetworks:cumulus_linux:5.9.2
HOME_URL="http://www.cumulusnetworks.com/"
""",
    "/etc/lsb-release": """\
DISTRIB_ID="Cumulus Linux"
DISTRIB_RELEASE=5.9.2
DISTRIB_DESCRIPTION="Cumulus Linux 5.9.2"
""",
    "/etc/cumulus/datapath/traffic.conf": """\
# Lab node posing as a switch: no switchd reads this file.
# resilient hashing of ECMP groups, one bucket count for all
#resilient_hash_enable = FALSE
#resilient_hash_entries_ecmp = 64
#resilient_hash_active_timer = 120
#ecmp_hash_seed = 42
#hash_config.enable = TRUE
#hash_config.ip_prot = true
#hash_config.sip = true
#hash_config.dip = true
#hash_config.sport = true
#hash_config.dport = true
""",
    "/etc/cumulus/switchd.conf": "# Lab node posing as a switch: no switchd reads this file.\nlogging = INFO\n",
}


def files(node: Node) -> Files:
    """What a switch has that a Debian host has not."""
    found = {path: (content, 0o644) for path, content in _FILES.items()}
    return found | {"/etc/network/interfaces": (interfaces(node), 0o644)}


def interfaces(node: Node) -> str:
    """/etc/network/interfaces, as ifupdown2 reads it, saying what `ip_batch` does."""
    stanzas = ["auto lo\niface lo inet loopback\n"]
    ecmp = {destination: hops for destination, hops in default_routes(node) if len(hops) > 1}
    for nic in node.nics:
        lines = [f"auto {nic.name}", f"iface {nic.name}"]
        lines += [f"    address {address}" for address in nic.addresses]
        if nic.mtu != 1500:
            lines.append(f"    mtu {nic.mtu}")
        for version, destination in ((4, "0.0.0.0/0"), (6, "::/0")):
            gateways = of_family(nic.gateways, version)
            if len(gateways) == 1 and destination not in ecmp:
                lines.append(f"    gateway {gateways[0]}")
        lines += [f"    post-up {_replace(static, nic)}" for static in nic.routes]
        for destination, hops in ecmp.items():
            if hops[-1][1] == nic.name:
                via = " ".join(f"nexthop via {gateway} dev {name}" for gateway, name in hops)
                lines.append(f"    post-up ip route replace {destination} {via}")
        stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def _replace(static: Route, nic: Nic) -> str:
    return "ip " + route(static.destination, static.gateways, nic.name).replace("route add", "route replace", 1)


SYSTEMS = {"cumulus": dataclasses.replace(debian.SYSTEMS["debian"], files=files)}
