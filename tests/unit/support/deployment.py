# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small deployment that is right, as variables by host, for tests that change one thing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import compiler
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.model import Deployment

GROUPS = {"routers": ["r1"], "directors": ["d1", "d2"], "proxies": ["p1", "p2"], "clients": ["c1"]}
NODES = {"r1": 11, "d1": 21, "d2": 22, "p1": 31, "p2": 32, "c1": 51}

SHARED = """
loadbalancer_services:
  - name: www
    vips: [198.51.100.1, "2001:db8:100::1"]
    listeners:
      - {port: 80, protocol: http, redirect_to: https}
      - {port: 443, protocol: https, certificates: [www]}
    routes: [{path_prefix: /api, backend: api}]
    default_backend: web
    rate_limit: {requests: 100, per: 10s}
loadbalancer_backends:
  - {name: web, port: 8080, health_path: /health, servers: [{name: b1, address: 10.30.0.41}]}
  - {name: api, port: 8081, servers: [{name: b1, address: "2001:db8:30::41", port: 8082}]}
loadbalancer_certificates: []
loadbalancer_fabric: fabric
"""


def deployment(certificate: str) -> dict[str, dict[str, Any]]:
    """Variables by host; certificate is the path of a PEM file."""
    return {name: host(node, certificate) for name, node in NODES.items()}


def host(node: int, certificate: str = "") -> dict[str, Any]:
    """Variables of one host; nothing in them is shared with another host."""
    variables: dict[str, Any] = yaml.safe_load(SHARED)
    variables["loadbalancer_certificates"] = [{"name": "www", "file": certificate, "domains": ["www.example.com"]}]
    addresses = [f"10.20.0.{node}/24", f"2001:db8:20::{node}/64"]
    variables["loadbalancer_interfaces"] = [
        {"name": "eth0", "link": "mgmt", "addresses": [f"192.0.2.{node}/24"]},
        {"name": "eth1", "link": "fabric", "addresses": addresses},
    ]
    variables["loadbalancer_asn"] = 65000 + node
    return variables


def compiled(hosts: Mapping[str, Any], groups: Mapping[str, list[str]] | None = None) -> Deployment:
    """What the compiler makes of variables by host; what is wrong with them fails the test."""
    found = compiler.compile_inventory(hosts, groups or GROUPS)
    assert found.deployment is not None, found.problems
    return found.deployment


def put(tree: Any, path: str, value: Any) -> None:
    """Set what path leads to in dictionaries and lists, such as loadbalancer_services.0.name."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        tree = tree[step]
    tree[last] = value
