# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which the playbooks check an inventory and make each role's variables of loadbalancer_*."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from jinja2 import Undefined, UndefinedError

from ..module_utils import deployment_checks, gates, topology
from ..module_utils.role_checks import MAGLEV_MAXIMUM, role_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COLLECTION = Path(__file__).resolve().parents[2]
GROUPS = (*deployment_checks.TIERS, "backends", "clients")
REGISTER = re.compile(r"^ *register: *(\w+)", re.MULTILINE)


@functools.cache
def role_specs() -> dict[str, Any]:
    """Options of the roles' argument specs, by name."""
    specs: dict[str, Any] = {}
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            specs.update(entry_point.get("options") or {})
    return specs


@functools.cache
def registered() -> frozenset[str]:
    """Names under which our playbooks and roles keep results, which are there when a second playbook runs."""
    files = [*COLLECTION.glob("playbooks/*.yml"), *COLLECTION.glob("roles/*/tasks/*.yml")]
    return frozenset(name for path in files for name in REGISTER.findall(path.read_text(encoding="utf-8")))


def plain(value: Any) -> Any:
    """A copy in plain dicts and lists: Ansible's own, which template when read, are slow to read again and again."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is undefined
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def snapshot(host: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those variables of a host that begin like ours, and a line for each of the playbooks' whose template fails."""
    values: dict[str, Any] = {}
    problems = []
    for name in variables:
        if not name.startswith(deployment_checks.PREFIXES) or name in registered():
            continue
        try:
            values[name] = plain(variables[name])
        except (AnsibleError, UndefinedError) as error:
            if name not in role_specs():  # a role's may use what only the role knows
                problems.append(f"{host}: {name} cannot be templated: {error}")
    return values, problems


def inventory_problems(hostvars: topology.HostVars, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """See deployment_problems; the roles are those of this collection."""
    for warning in deployment_checks.deployment_warnings(groups):
        Display().warning(warning)
    if len(groups.get("proxies") or []) > MAGLEV_MAXIMUM:
        return deployment_checks.merged(deployment_checks.group_findings(groups))  # to read thousands takes minutes
    hosts, problems = {}, []
    for host in dict.fromkeys(name for group in GROUPS for name in groups.get(group) or []):
        hosts[host], found = snapshot(host, hostvars[host])
        problems += found
    return problems or deployment_checks.deployment_problems(groups, hosts, role_specs(), registered())


def certificate_files(certificates: Sequence[Mapping[str, Any]], contents: Sequence[str]) -> list[dict[str, Any]]:
    """The directory of HAProxy's certificates and the files in it, for config_files.

    contents are those of the files that the certificates without C(pem) name, in their order.
    """
    read = iter(contents)
    directory = "/etc/haproxy/certificates"
    files: list[dict[str, Any]] = [{"path": directory, "group": "haproxy", "mode": "0750"}]
    files += [
        {
            "path": f"{directory}/{certificate['name']}.pem",
            "secret_content": certificate["pem"] if "pem" in certificate else next(read),
            "group": "haproxy",
            "mode": "0640",
            "validate": "openssl x509 -noout -in %s",
        }
        for certificate in certificates
    ]
    return files


class FilterModule:
    """The filters by which playbooks and roles are fed and checked."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "bgp_neighbors": topology.bgp_neighbors,
            "canonical_tables": topology.canonical_tables,
            "certificate_files": certificate_files,
            "checked_services": topology.checked_services,
            "deployment_problems": inventory_problems,
            "link_addresses": topology.link_addresses,
            "missing_real_servers": topology.missing_real_servers,
            "quorum_gates": gates.quorum_gates,
            "real_servers": topology.real_servers,
            "role_problems": role_problems,
            "router_id": topology.router_id,
            "url_gates": gates.url_gates,
            "vip_prefixes": topology.vip_prefixes,
            "vips": topology.vips,
        }
