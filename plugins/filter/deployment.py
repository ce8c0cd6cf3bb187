# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which the playbooks check an inventory and make each role's variables of loadbalancer_*."""

from __future__ import annotations

import datetime
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from jinja2 import Undefined, UndefinedError, pass_environment

from ..module_utils import deployment_checks, topology
from ..module_utils.role_checks import MAGLEV_MAXIMUM, role_problems
from ..module_utils.structure_checks import structure_problems
from ..plugin_utils import certificates

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
                why = certificates.VAULTED if "vault" in str(error).lower() else error
                problems.append(f"{host}: {name} cannot be templated: {why}")
    return values, problems


@pass_environment
def inventory_problems(environment: Any, hostvars: topology.HostVars, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """See deployment_problems; the roles are those of this collection."""
    for warning in deployment_checks.deployment_warnings(groups):
        Display().warning(warning)
    if len(groups.get("proxies") or []) > MAGLEV_MAXIMUM:
        return deployment_checks.merged(deployment_checks.group_findings(groups))  # to read thousands takes minutes
    hosts, problems = {}, []
    for host in dict.fromkeys(name for group in GROUPS for name in groups.get(group) or []):
        hosts[host], found = snapshot(host, hostvars[host])
        problems += found
    if problems:
        return problems
    lines = deployment_checks.deployment_problems(groups, hosts, role_specs(), registered())
    return lines + inventory_certificates(groups, hosts, certificates.reader(environment))


def inventory_certificates(
    groups: Mapping[str, Sequence[str]], hosts: Mapping[str, Mapping[str, Any]], read: certificates.Reader
) -> list[str]:
    """Problems of the files with certificates that the tiers' hosts name; what is a warning is shown."""
    findings: list[deployment_checks.Finding] = []
    warnings: list[deployment_checks.Finding] = []
    judged: list[tuple[Any, tuple[list[str], list[str]]]] = []  # mostly one, for all hosts
    for host in (host for tier in deployment_checks.TIERS for host in groups.get(tier) or []):
        values = [hosts[host].get(f"loadbalancer_{name}") or [] for name in ("certificates", "backends")]
        found = next((lines for other, lines in judged if other == values), None)
        if found is None:
            is_right = not any(
                structure_problems(name, value, role_specs()[f"haproxy_l7_{name}"])
                for name, value in zip(("certificates", "backends"), values)
            )
            found = certificates.findings("loadbalancer", values[0], values[1], read, now()) if is_right else ([], [])
            judged.append((values, found))
        findings += [(host, line) for line in found[0]]
        warnings += [(host, line) for line in found[1]]
    for warning in deployment_checks.merged(warnings):
        Display().warning(warning)
    return deployment_checks.merged(findings)


def now() -> datetime.datetime:
    """The controller's time, by which certificates are judged."""
    return datetime.datetime.now(datetime.UTC)


@pass_environment
def problems_of_role(environment: Any, values: Mapping[str, Any], role: str) -> list[str]:
    """See role_problems; what the certificates hold is judged too."""
    problems = role_problems(values, role)
    if role == "haproxy_l7":
        read = certificates.reader(environment)
        problems += certificates.findings("haproxy_l7", values["certificates"], values["backends"], read, now())[0]
    return problems


class FilterModule:
    """The filters by which playbooks and roles are fed and checked."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "bgp_neighbors": topology.bgp_neighbors,
            "canonical_tables": topology.canonical_tables,
            "checked_services": topology.checked_services,
            "deployment_problems": inventory_problems,
            "link_addresses": topology.link_addresses,
            "missing_real_servers": topology.missing_real_servers,
            "real_servers": topology.real_servers,
            "role_problems": problems_of_role,
            "router_id": topology.router_id,
            "vip_prefixes": topology.vip_prefixes,
            "vips": topology.vips,
        }
