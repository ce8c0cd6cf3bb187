# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the IPVS modules end when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def fail(module: AnsibleModule, kind: str, message: str, **details: Any) -> NoReturn:
    """End with a message for a person and a `failure` dict for a program: its kind, and what the caller knows.

    Kinds: "invalid" (the options), "no_module", "no_privilege", "kernel" (it refused a change or an answer).
    """
    module.fail_json(msg=message, failure={"kind": kind, **details})
    raise AssertionError("fail_json returned")
