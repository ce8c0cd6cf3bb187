# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of this collection says about itself, beside its options."""

from __future__ import annotations


class ModuleDocFragment:
    """multitier.loadbalancer.attributes for a module that changes things, attributes.info for one that reads."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and say what it would change, without changing it.
    support: full
  diff_mode:
    description: Returns what differs before and after, in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Operating systems of the managed host.
    platforms: linux
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Runs in check mode as otherwise, since it changes nothing.
    support: full
  diff_mode:
    description: Returns what differs before and after, in diff mode.
    support: N/A
    details: This module changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Operating systems of the managed host.
    platforms: linux
    support: full
"""
