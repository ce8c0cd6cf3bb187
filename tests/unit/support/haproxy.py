# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role haproxy_l7 writes, rendered by Ansible itself with the role's own variables."""

from __future__ import annotations

from typing import Any

from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment import schema
from ansible_collections.multitier.loadbalancer.tests.unit.support.templates import load, render

from tools.role_specs import ROOT

ROLE = ROOT / "roles/haproxy_l7"


def variables(shared: dict[str, Any], **own: Any) -> dict[str, Any]:
    """The role's variables: loadbalancer_* of shared, then its own by their names without the prefix."""
    given = {f"haproxy_l7_{name}": shared[f"loadbalancer_{name}"] for name in ("services", "backends", "certificates")}
    given |= {f"haproxy_l7_{name}": value for name, value in own.items()}
    complete = schema.complete(given, schema.role("haproxy_l7"))
    values = {name.removeprefix("haproxy_l7_"): value for name, value in complete.items()}
    return {**load(ROLE / "vars/main.yml"), "__haproxy_l7_vars": values}


def rendered(template: str, shared: dict[str, Any], **own: Any) -> str:
    """One of the role's templates."""
    return value(f"lookup('ansible.builtin.template', '{ROLE}/templates/{template}')", shared, **own)


def value(expression: str, shared: dict[str, Any], **own: Any) -> Any:
    """What an expression gives in the role."""
    return render("{{ " + expression + " }}", variables(shared, **own))
