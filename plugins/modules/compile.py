#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of this name, which does it all on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compile
short_description: Compile the inventory into one description of the deployment
version_added: 0.1.0
description:
  - Reads the variables of all hosts of the deployment once, checks them, and returns what all playbooks of this
    collection read, as C(loadbalancer_deployment). Fails with all problems at once, each with host, variable, value
    and what would be right.
  - Runs on the controller and contacts no host. Call it with C(run_once).
  - No secret is in the result.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
attributes:
  check_mode:
    support: full
    details: It changes nothing.
  diff_mode:
    support: N/A
    details: It changes nothing.
requirements:
  - netaddr, on the controller
seealso:
  - module: multitier.loadbalancer.role_parameters
"""

EXAMPLES = r"""
- name: Compile the inventory
  multitier.loadbalancer.compile:
  register: loadbalancer_deployment
  run_once: true
"""

RETURN = r"""
hosts:
  description: Hosts by name, each with its tier, interfaces, AS number, weight, and what it sets of roles' variables.
  returned: success
  type: dict
services:
  description: Services with canonical VIPs and listeners.
  returned: success
  type: list
  elements: dict
backends:
  description: Pools of backends.
  returned: success
  type: list
  elements: dict
certificates:
  description: Names and domains of certificates.
  returned: success
  type: list
  elements: dict
sessions:
  description: BGP sessions, each between a router and another host, with interfaces, addresses and the policy.
  returned: success
  type: list
  elements: dict
components:
  description: Roles that a host runs, in order, by its name.
  returned: success
  type: dict
variables:
  description: >-
    Variables of these roles that follow from the deployment, by the host's name. C({"$deployment": NAME}) stands for
    a value in RV(shared), C({"$inventory": NAME}) for a secret of the inventory.
  returned: success
  type: dict
shared:
  description: What many hosts have alike.
  returned: success
  type: dict
targets:
  description: Hosts that this run is about.
  returned: success
  type: list
  elements: str
problems:
  description: What is wrong with the inventory, a line for each.
  returned: failure
  type: list
  elements: str
  sample: ["p1: loadbalancer_asn is 0, must be a number from 1 to 4294967294"]
"""
