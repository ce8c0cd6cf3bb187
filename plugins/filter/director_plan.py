# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of plan.yml; each is documented in the YAML file of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils import director_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def plan(
    live: Mapping[str, Sequence[Mapping[str, Any]]],
    services: Sequence[Mapping[str, Any]],
    real_servers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the change would do."""
    if not live:
        raise AnsibleFilterError("director_plan: there is no director to plan for")
    try:
        return director_plan.plan(live, services, real_servers)
    except ValueError as error:
        raise AnsibleFilterError(f"director_plan: {error}") from error


class FilterModule:
    """The filters of plan.yml."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"director_plan": plan, "director_plan_table": director_plan.table}
