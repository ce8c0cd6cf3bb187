# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory like those of the collection, small enough to be read at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.model import Topology
from lab.parse import node_from_variables

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
all:
  children:
    routers:
      hosts:
        r1: {ansible_host: 192.0.2.11, node: 11}
        r2: {ansible_host: 192.0.2.12, node: 12, lab_os: cumulus, ansible_user: cumulus}
      vars:
        loadbalancer_interfaces:
          - {name: eth0, link: mgmt, addresses: ["192.0.2.{{ node }}/24"]}
          - {name: swp1, link: fabric, addresses: ["10.20.0.{{ node }}/24", "2001:db8:20::{{ node }}/64"], mtu: 9000}
    backends:
      hosts:
        b1: {ansible_host: 192.0.2.41, node: 41}
      vars:
        lab_memory: 192M
        lab_applications: [{name: web, port: 8080}, {name: api, port: 8081, proxy_protocol: true}]
        loadbalancer_interfaces:
          - {name: eth0, link: mgmt, addresses: ["192.0.2.{{ node }}/24"]}
          - name: eth1
            link: fabric
            addresses: ["10.20.0.{{ node }}/24", "2001:db8:20::{{ node }}/64"]
            gateways: [10.20.0.11, 10.20.0.12, "2001:db8:20::11"]
            routes: [{destination: 198.51.100.0/24, gateways: [10.20.0.11, 10.20.0.12]}]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """The inventory as a directory."""
    directory = tmp_path / "small"
    directory.mkdir()
    (directory / "hosts.yml").write_text(INVENTORY)
    return directory


@pytest.fixture
def topology() -> Topology:
    """The same without Ansible."""
    router = {
        "ansible_host": "192.0.2.11",
        "loadbalancer_interfaces": [
            {"name": "eth0", "link": "mgmt", "addresses": ["192.0.2.11/24"]},
            {"name": "swp1", "link": "fabric", "addresses": ["10.20.0.11/24", "2001:db8:20::11/64"], "mtu": 9000},
        ],
    }
    switch = {
        **router,
        "ansible_host": "192.0.2.12",
        "ansible_user": "cumulus",
        "lab_os": "cumulus",
        "loadbalancer_interfaces": [
            {"name": "eth0", "link": "mgmt", "addresses": ["192.0.2.12/24"]},
            {"name": "swp1", "link": "fabric", "addresses": ["10.20.0.12/24"], "gateways": ["10.20.0.11"]},
        ],
    }
    backend = {
        "ansible_host": "192.0.2.41",
        "lab_applications": [{"name": "web", "port": 8080}, {"name": "api", "port": 8081, "proxy_protocol": True}],
        "loadbalancer_interfaces": [
            {"name": "eth0", "link": "mgmt", "addresses": ["192.0.2.41/24"]},
            {
                "name": "eth1",
                "link": "fabric",
                "addresses": ["10.20.0.41/24", "2001:db8:20::41/64"],
                "gateways": ["10.20.0.11", "10.20.0.12", "2001:db8:20::11"],
                "routes": [{"destination": "198.51.100.0/24", "gateways": ["10.20.0.11", "10.20.0.12"]}],
            },
        ],
    }
    hosts = {"r1": router, "r2": switch, "b1": backend}
    return Topology("small", tuple(node_from_variables(name, variables) for name, variables in hosts.items()))
