# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which verify.yml compares live state with the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plugin_utils import topology, verification

if TYPE_CHECKING:
    from collections.abc import Callable


def verified_sysctls(host: str, groups: topology.Groups) -> list[str]:
    """Kernel parameters that are looked at on a host of this tier."""
    return sorted(verification.SYSCTLS.get(verification.tier(host, groups), {}))


class FilterModule:
    """The filters of verify.yml."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "deployment_checks": verification.deployment_checks,
            "host_checks": verification.host_checks,
            "probe_requests": verification.probe_requests,
            "verification_line": verification.line,
            "verification_table": verification.table,
            "verified_sysctls": verified_sysctls,
        }
