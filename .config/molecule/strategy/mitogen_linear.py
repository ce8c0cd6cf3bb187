# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mitogen's strategy, found by import so that nobody has to know where it is installed."""

from __future__ import annotations

from ansible.plugins.strategy.linear import StrategyModule as Linear
from ansible_mitogen.strategy import StrategyMixin


class StrategyModule(StrategyMixin, Linear):
    """The linear strategy over connections that keep a Python interpreter on each node."""
