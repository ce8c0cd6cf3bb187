# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role ipvs_maglev, that turn its variables into what a module takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plugin_utils import ipvs_tables

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filters of the role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "canonical_tables": ipvs_tables.canonical_tables,
            "missing_real_servers": ipvs_tables.missing_real_servers,
        }
