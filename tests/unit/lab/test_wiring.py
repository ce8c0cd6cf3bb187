# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespace that an inventory is wired in."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING

import pytest

from lab import wiring
from lab.errors import LabError
from lab.uml import arguments

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Topology


def test_every_link_is_a_bridge_that_floods_and_starts_at_once(topology: Topology) -> None:
    text = wiring.batch(topology)
    for link in ("mgmt", "fabric"):
        assert f"link add name {link} type bridge stp_state 0 forward_delay 0 mcast_snooping 0" in text
        assert f"link set dev {link} up" in text


def test_every_nic_is_a_veth_pair_with_its_port_on_the_bridge_of_its_link(topology: Topology) -> None:
    lines = wiring.batch(topology).splitlines()
    assert sum("type veth" in line for line in lines) == 6
    assert "link set dev h2-1 master fabric up" in lines
    assert "link set dev h2-0 master mgmt up" in lines


def test_the_machine_answers_no_arp_on_the_ends_that_nodes_attach_to(topology: Topology) -> None:
    for node in topology.nodes:
        for nic in node.nics:
            end = wiring.ends(topology, node, nic)[1]
            assert f"link set dev {end} arp off promisc on up" in wiring.batch(topology)


def test_a_link_carries_the_largest_mtu_of_its_nics(topology: Topology) -> None:
    lines = wiring.batch(topology).splitlines()
    assert "link add name h2-1 mtu 9000 type veth peer name u2-1 mtu 9000" in lines
    assert "link add name h2-0 mtu 1500 type veth peer name u2-0 mtu 1500" in lines


def test_the_lab_itself_takes_the_last_free_address_of_the_management_network(topology: Topology) -> None:
    assert wiring.lab_addresses(topology) == ["192.0.2.254/24"]
    nic = dataclasses.replace(topology.nodes[0].nics[0], addresses=("192.0.2.254/24",), gateways=("192.0.2.253",))
    taken = dataclasses.replace(topology.nodes[0], nics=(nic, *topology.nodes[0].nics[1:]))
    assert wiring.lab_addresses(dataclasses.replace(topology, nodes=(taken,))) == ["192.0.2.252/24"]


def test_a_full_management_network_is_refused(topology: Topology) -> None:
    nic = dataclasses.replace(topology.nodes[0].nics[0], addresses=("192.0.2.0/31", "192.0.2.1/31"))
    node = dataclasses.replace(topology.nodes[0], nics=(nic,))
    with pytest.raises(LabError, match="no address left"):
        wiring.lab_addresses(dataclasses.replace(topology, nodes=(node,)))


@pytest.mark.parametrize("link", ["a-link-with-a-long-name", "h0-1", "lo", "br7", "9lives"])
def test_a_link_name_that_no_device_can_have_gets_a_bridge_all_the_same(topology: Topology, link: str) -> None:
    nodes = tuple(
        dataclasses.replace(node, nics=tuple(dataclasses.replace(nic, link=link) for nic in node.nics))
        for node in topology.nodes
    )
    assert wiring.bridge(dataclasses.replace(topology, nodes=nodes), link) == "br0"


def test_cutting_a_nic_takes_its_port_down_and_cutting_a_link_its_bridge(topology: Topology) -> None:
    assert wiring.resolve(topology, "b1:eth1") == ["h2-1"]
    assert wiring.resolve(topology, "fabric") == ["fabric"]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("nowhere", "no link 'nowhere'; it has: mgmt, fabric"),
        ("b1:eth7", "no NIC 'eth7'; it has: eth0, eth1"),
        ("b9:eth0", "no node 'b9'; it has: r1, r2, b1"),
    ],
)
def test_a_cut_of_something_unknown_is_answered_with_what_there_is(
    topology: Topology, target: str, complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        wiring.resolve(topology, target)


def test_what_is_cut_is_read_from_the_namespace(topology: Topology) -> None:
    devices = [{"ifname": "fabric", "flags": ["BROADCAST"]}, {"ifname": "h0-0", "flags": ["UP"]},
               {"ifname": "h2-1", "flags": []}]  # fmt: skip
    assert wiring.cut_targets(topology, json.dumps(devices)) == ["fabric", "b1:eth1"]


def test_a_node_is_launched_on_its_ends_with_stable_macs_and_no_path_with_spaces(
    topology: Topology, tmp_path: Path
) -> None:
    words = arguments(topology, topology.node("b1"), tmp_path)
    mac = topology.mac(topology.node("b1"), topology.node("b1").nic("eth1"))
    assert f"vec1:transport=raw,ifname=u2-1,depth=128,gro=1,mac={mac},mtu=1500" in words
    assert "ubd0=disk.cow,image" in words
    assert "mem=256M" in words


def test_nodes_take_turns_on_the_cpus_and_each_stays_on_its_one(topology: Topology, tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    taken = [arguments(topology, node, tmp_path)[:3] for node in topology.nodes]
    assert taken == [["taskset", "--cpu-list", str(cpus[turn % len(cpus)])] for turn in range(len(topology.nodes))]


def test_macs_are_unicast_and_differ_between_labs_nodes_and_nics(topology: Topology) -> None:
    other = dataclasses.replace(topology, lab="other")
    macs = [lab.mac(node, nic) for lab in (topology, other) for node in lab.nodes for nic in node.nics]
    assert len(set(macs)) == len(macs)
    assert all(int(mac[:2], 16) & 3 == 2 for mac in macs)
