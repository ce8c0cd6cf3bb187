# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories become topologies, or complaints that name host, variable and value."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from lab import inventory as reader
from lab.errors import LabError
from lab.model import Topology
from lab.parse import check_topology, node_from_variables

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "ansible_host": "192.0.2.1",
    "loadbalancer_interfaces": [{"name": "eth0", "link": "mgmt", "addresses": ["192.0.2.1/24"]}],
}


def read(path: Path) -> Topology:
    return Topology("small", tuple(node_from_variables(host.name, host.variables) for host in reader.read([path])))


def test_group_variables_are_templated_per_host(inventory: Path) -> None:
    topology = read(inventory)
    assert [node.name for node in topology.nodes] == ["r1", "r2", "b1"]
    assert topology.node("r2").nic("swp1").addresses == ("10.20.0.12/24", "2001:db8:20::12/64")
    assert topology.node("r2").os == "cumulus"
    assert topology.node("b1").memory_bytes == 192 << 20
    assert topology.node("b1").applications[1].proxy_protocol is True
    assert topology.links == ("mgmt", "fabric")


def test_values_are_plain_data_after_reading(inventory: Path) -> None:
    host = reader.read([inventory])[0]
    values = (host.name, host.variables["ansible_host"], host.variables["loadbalancer_interfaces"][0]["addresses"][0])
    assert {value.__class__ for value in values} == {str}  # not one of Ansible's own kinds of string


def test_a_topology_survives_being_kept_as_json(topology: Topology) -> None:
    assert Topology.from_json(topology.to_json()) == topology


def test_an_undefined_variable_in_a_template_names_host_and_variable(inventory: Path) -> None:
    text = (inventory / "hosts.yml").read_text().replace("node: 41", "number: 41")
    (inventory / "hosts.yml").write_text(text)
    with pytest.raises(LabError, match=r"host b1: loadbalancer_interfaces: .*node"):
        reader.read([inventory])


def test_an_inventory_without_hosts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {}}\n")
    with pytest.raises(LabError, match="has no hosts"):
        reader.read([tmp_path])


def test_a_missing_inventory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not exist"):
        reader.read([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"loadbalancer_interfaces": []}, "host h: loadbalancer_interfaces is missing"),
        ({"loadbalancer_interfaces": "eth0"}, "must be a list"),
        ({"loadbalancer_interfaces": ["eth0"]}, r"loadbalancer_interfaces\[0\] must be a mapping"),
        ({"loadbalancer_interfaces": [{"name": "eth0"}]}, r"loadbalancer_interfaces\[0\].link is missing"),
        ({"loadbalancer_interfaces": [{"name": "eth0", "link": "mgmt", "adresses": []}]}, "unknown keys adresses"),
        ({"loadbalancer_interfaces": [{"name": "a" * 16, "link": "mgmt"}]}, "is not a valid interface name"),
        ({"ansible_host": "node1.example.com"}, "ansible_host: 'node1.example.com' is not a valid literal address"),
        ({"ansible_port": 70000}, "ansible_port: 70000 is not a valid port"),
        ({"ansible_user": "Root User"}, "ansible_user"),
        ({"lab_os": "sonic"}, "lab_os: 'sonic'"),
        ({"lab_memory": "lots"}, "lab_memory: 'lots' is not a valid size such as 256M"),
        ({"lab_memory": "16M"}, "too little"),
        ({"lab_applications": [{"name": "web", "port": 0}]}, r"lab_applications\[0\].port: 0 is not a valid port"),
    ],
)
def test_a_wrong_value_is_named_with_its_host_and_variable(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        node_from_variables("h", {**GOOD, **change})


@pytest.mark.parametrize(
    ("interface", "complaint"),
    [
        ({"addresses": ["10.0.0.1"]}, "'10.0.0.1' is not a valid address with prefix length"),
        ({"addresses": ["10.0.0.256/24"]}, "'10.0.0.256/24'"),
        ({"mtu": 100}, "mtu: 100 is not a valid MTU"),
        ({"addresses": ["10.0.0.1/24"], "gateways": ["10.0.1.1"]}, "gateway 10.0.1.1 is in no network"),
        ({"addresses": ["10.0.0.1/24"], "routes": [{"destination": "10.9.0.0/16"}]}, "gateways is missing"),
        ({"routes": [{"destination": "10.9.0.1/16", "gateways": ["fe80::1"]}]}, "'10.9.0.1/16' is not a valid network"),
    ],
)
def test_a_wrong_interface_is_refused(interface: dict[str, Any], complaint: str) -> None:
    interfaces = [*GOOD["loadbalancer_interfaces"], {"name": "eth1", "link": "fabric", **interface}]
    with pytest.raises(LabError, match=complaint):
        node_from_variables("h", {**GOOD, "loadbalancer_interfaces": interfaces})


def test_an_interface_name_twice_is_refused() -> None:
    interfaces = [*GOOD["loadbalancer_interfaces"], {"name": "eth0", "link": "fabric"}]
    with pytest.raises(LabError, match="an interface name twice"):
        node_from_variables("h", {**GOOD, "loadbalancer_interfaces": interfaces})


def test_a_duplicate_address_names_both_owners() -> None:
    nodes = tuple(node_from_variables(name, GOOD) for name in ("a", "b"))
    with pytest.raises(LabError, match=r"host b: eth0 has the address 192.0.2.1, which a:eth0 has too"):
        check_topology(Topology("t", nodes))


def test_the_same_address_on_separate_links_is_fine() -> None:
    one = node_from_variables("a", GOOD)
    elsewhere = dataclasses.replace(one.nics[0], name="eth1", link="other")
    check_topology(Topology("t", (dataclasses.replace(one, nics=(one.nics[0], elsewhere)),)))


def test_a_management_address_that_no_interface_has_is_refused() -> None:
    node = node_from_variables("a", {**GOOD, "ansible_host": "192.0.2.9"})
    with pytest.raises(LabError, match=r"ansible_host 192\.0\.2\.9 is not an address of one of its own interfaces"):
        check_topology(Topology("t", (node,)))


def test_unknown_nodes_and_nics_are_answered_with_the_names_there_are(topology: Topology) -> None:
    with pytest.raises(LabError, match="no node 'x'; it has: r1, r2, b1"):
        topology.node("x")
    with pytest.raises(LabError, match="no NIC 'eth9'; it has: eth0, swp1"):
        topology.node("r1").nic("eth9")
