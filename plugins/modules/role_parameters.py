#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of this name, which does it all on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_parameters
short_description: Check and complete the variables of one of this collection's roles
version_added: 0.1.0
description:
  - Checks the role's variables, gives each the type that its argument spec names, fills in every default, inside of
    structures too, and returns them.
  - Runs on the controller and contacts no host. Fails with all problems at once.
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
options:
  role:
    description: Name of the role, without the collection's.
    type: str
    required: true
  derived:
    description:
      - Values of the role's variables that follow from the deployment, by their full names. They win over others.
      - What M(multitier.loadbalancer.compile) returned as C(variables) for the host.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check and complete the variables
  multitier.loadbalancer.role_parameters:
    role: frr_ecmp
    derived: "{{ loadbalancer_deployment.variables[inventory_hostname] }}"
  register: __frr_ecmp_vars
"""

RETURN = r"""
sysctls:
  description: Kernel parameters that the role sets, by name.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: "1"}
VARIABLE:
  description: Each of the role's variables, by its name without the role's prefix; null without value and default.
  returned: success
  type: raw
"""
