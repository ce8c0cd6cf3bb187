# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an inventory to a deployment, or to all that is wrong with it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from .. import certificates, components
from ..checks.services import service_problems
from . import addresses, problems, read, schema, variables
from . import groups as grouping
from .build import Builder
from .findings import INVENTORY, Finding, merged
from .model import TIERS, Deployment


@dataclasses.dataclass(frozen=True)
class Compiled:
    """The deployment, or lines that say why there is none; warnings are there in both cases."""

    deployment: Deployment | None
    problems: list[str]
    warnings: list[str]


def compile_inventory(hostvars: Any, groups: Mapping[str, Sequence[str]], loader: Any = None) -> Compiled:
    """The deployment that an inventory describes, by Ansible's own hostvars, groups and loader."""
    addresses.require()
    warnings = grouping.warnings(groups)
    found = grouping.findings(groups)
    hosts = grouping.hosts_of(groups)
    if len(groups.get("proxies") or []) > grouping.MAGLEV_MAXIMUM or not hosts:
        return Compiled(None, merged([*found, *grouping.sizes(groups)]), warnings)  # to read thousands takes minutes
    values = read.read(hostvars, hosts, loader)
    vrrp_alone = (
        not groups.get("routers")
        and not groups.get("proxies")
        and components.any_alone(one.variables for one in values.values())
    )
    found += () if vrrp_alone else grouping.sizes(groups)
    found += _by_themselves(values, {} if vrrp_alone else groups)
    if found:
        return Compiled(None, merged(found), warnings)  # what follows takes names and types for right
    builder = Builder(groups, values, components.derived())
    deployment = builder.build()
    found += builder.findings
    entries = _certificate_entries(deployment, values)
    found += _served(deployment, entries)
    if loader:
        lines, more = _certificates(deployment, entries, loader)
        found += lines
        warnings += more
    if not builder.findings:  # else hosts and services lack what was wrong, and that would be told twice
        found += problems.findings(deployment, {name: one.variables for name, one in values.items()})
        found += components.findings(deployment)
    return Compiled(None if found else deployment, merged(found), warnings)


def _certificate_entries(deployment: Deployment, values: Mapping[str, read.Values]) -> list[dict[str, Any]]:
    """Certificates as the inventory has them, with keys, in the types of their options."""
    name = "loadbalancer_certificates"
    first = values[deployment.members[0].name].variables if deployment.members else {}
    complete = schema.complete({name: first.get(name) or []}, {name: schema.role(schema.OWN)[name]})
    found: list[dict[str, Any]] = schema.without_none(complete[name])
    return found


def _certificates(
    deployment: Deployment, entries: Sequence[Mapping[str, Any]], loader: Any
) -> tuple[list[Finding], list[str]]:
    """What is wrong, or will be, with what the certificates hold."""
    read_file = certificates.by_loader(loader)
    now = datetime.datetime.now(datetime.UTC)
    lines, warnings = certificates.findings("loadbalancer", entries, deployment.backends, read_file, now)
    return [(INVENTORY, line) for line in lines], [f"{INVENTORY}: {line}" for line in warnings]


def _by_themselves(values: Mapping[str, read.Values], groups: Mapping[str, Sequence[str]]) -> list[Finding]:
    """What is wrong with variables, each by itself."""
    checker = variables.Checker(components.derived())
    tiers = {host: tier for tier in TIERS for host in groups.get(tier) or []}
    found: list[Finding] = []
    for host, one in values.items():
        found += [(host, line) for line in one.failed.values()]
        found += checker.findings(host, one.variables, tiers.get(host, ""), one.failed)
    return found


def _served(deployment: Deployment, entries: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What is wrong with services, backends and certificates, which are the same on all hosts."""
    declared = [service.declared for service in deployment.services]
    lines = service_problems("loadbalancer", declared, deployment.backends, entries)
    return [(INVENTORY, line) for line in lines]
