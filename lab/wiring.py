# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a lab is wired: one bridge per link, one veth pair per NIC, in the lab's network namespace.

The end `h<node>-<nic>` of a pair is a port of the bridge, the end `u<node>-<nic>` is what the node's kernel
sends and receives on. Taking the `h` end down loses packets both ways; the node itself sees its carrier stay up.
"""

from __future__ import annotations

import ipaddress
import json
import re

from lab.errors import LabError
from lab.model import DEFAULT_MTU, MANAGEMENT_LINK, Nic, Node, Topology


def bridge(topology: Topology, link: str) -> str:
    """The bridge of a link: called like it, or br<number> where the name cannot be an interface's."""
    if link not in topology.links:
        raise LabError(f"lab {topology.lab} has no link {link!r}; it has: {', '.join(topology.links)}")
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,14}", link) and not re.fullmatch(
        r"lo|[hu]\d+-\d+|br\d+|all|default", link
    ):
        return link
    return f"br{topology.links.index(link)}"


def ends(topology: Topology, node: Node, nic: Nic) -> tuple[str, str]:
    """The two ends of a NIC's veth pair: (bridge port, what the node attaches to)."""
    place = f"{topology.nodes.index(node)}-{node.nics.index(nic)}"
    return f"h{place}", f"u{place}"


def lab_addresses(topology: Topology) -> list[str]:
    """The addresses, in CIDR form, that the machine itself takes on the management link: the last free ones."""
    networks: dict[ipaddress.IPv4Network | ipaddress.IPv6Network, None] = {}
    taken = set()
    for node in topology.nodes:
        for nic in node.nics:
            if nic.link == MANAGEMENT_LINK:
                for address in map(ipaddress.ip_interface, nic.addresses):
                    networks[address.network] = None
                    taken.add(address.ip)
                taken.update(map(ipaddress.ip_address, nic.gateways))
    chosen = []
    for network in networks:
        last = network.num_addresses - (2 if network.version == 4 and network.prefixlen < 31 else 1)
        free = next((network[n] for n in range(last, max(last - 4096, 0), -1) if network[n] not in taken), None)
        if free is None:
            raise LabError(f"the management network {network} has no address left for the lab itself")
        chosen.append(f"{free}/{network.prefixlen}")
    return chosen


def batch(topology: Topology) -> str:
    """The input of `ip -batch` that wires an empty namespace."""
    lines = ["link set lo up"]
    mtus = dict.fromkeys(topology.links, DEFAULT_MTU)
    for node in topology.nodes:
        for nic in node.nics:
            mtus[nic.link] = max(mtus[nic.link], nic.mtu)
    for link in topology.links:
        name = bridge(topology, link)
        lines.append(f"link add name {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        # no addresses of the machine's own on a link: only the nodes are there
        lines.append(f"link set dev {name} addrgenmode none")
    for node in topology.nodes:
        for nic in node.nics:
            port, end = ends(topology, node, nic)
            mtu = mtus[nic.link]
            lines += [
                f"link add name {port} mtu {mtu} type veth peer name {end} mtu {mtu}",
                f"link set dev {port} addrgenmode none",
                f"link set dev {end} addrgenmode none",
                f"link set dev {port} master {bridge(topology, nic.link)} up",
                # arp off: else the machine answers ARP for its own address on every such end
                f"link set dev {end} arp off promisc on up",
            ]
    lines += [f"link set dev {bridge(topology, link)} up" for link in topology.links]
    if MANAGEMENT_LINK in topology.links:
        management = bridge(topology, MANAGEMENT_LINK)
        lines += [
            f"address add {address} dev {management}{' nodad' if ':' in address else ''}"
            for address in lab_addresses(topology)
        ]
    return "\n".join(lines) + "\n"


def resolve(topology: Topology, target: str) -> list[str]:
    """The devices to take down or up for LINK or NODE:NIC."""
    if ":" in target:
        node_name, dummy, nic_name = target.partition(":")
        node = topology.node(node_name)
        return [ends(topology, node, node.nic(nic_name))[0]]
    return [bridge(topology, target)]


def cut_targets(topology: Topology, links_json: str) -> list[str]:
    """What is cut now, as LINK or NODE:NIC, from the output of `ip -json link` in the lab's namespace."""
    down = {link["ifname"] for link in json.loads(links_json) if "UP" not in link["flags"]}
    found = [link for link in topology.links if bridge(topology, link) in down]
    found += [
        f"{node.name}:{nic.name}"
        for node in topology.nodes
        for nic in node.nics
        if ends(topology, node, nic)[0] in down
    ]
    return found
