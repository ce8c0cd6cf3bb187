# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which verify.yml compares live state with the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plugin_utils import verification
from ..plugin_utils.deployment.model import from_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..plugin_utils.expectations import Check

Data = dict[str, Any]


def verified_sysctls(deployment: Data, host: str) -> list[str]:
    """Kernel parameters that are looked at on a host."""
    compiled = from_data(deployment)
    return sorted(verification.wanted_sysctls(compiled.hosts[host], compiled))


def host_checks(state: Mapping[str, Any], deployment: Data, host: str) -> list[Check]:
    """Checks of one host."""
    return verification.host_checks(state, from_data(deployment), host)


def deployment_checks(deployment: Data, registered: Mapping[str, Mapping[str, Any]]) -> list[Check]:
    """Checks of all hosts."""
    return verification.deployment_checks(deployment, registered, deployment["targets"])


def probe_requests(deployment: Data) -> list[dict[str, Any]]:
    """One request for each VIP and listener."""
    return verification.probe_requests(from_data(deployment))


def verification_table(checks: Sequence[Check], deployment: Data) -> list[str]:
    """Lines for people."""
    return verification.table(checks, verification.remarks(deployment, deployment["targets"]))


class FilterModule:
    """The filters of verify.yml."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "deployment_checks": deployment_checks,
            "host_checks": host_checks,
            "probe_requests": probe_requests,
            "verification_line": verification.line,
            "verification_table": verification_table,
            "verified_sysctls": verified_sysctls,
        }
