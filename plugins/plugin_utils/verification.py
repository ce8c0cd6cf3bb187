# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether live state is what the deployment asks for, as checks that name host, check, expected and found.

state is what M(multitier.loadbalancer.balancer_info) returned on a host, on directors with C(services) and
C(connection_table_size) of M(multitier.loadbalancer.ipvs_info) beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils import maglev, maglev_diff
from . import components
from .deployment import addresses
from .deployment.model import DIRECTORS, PROXIES, Deployment, Host, from_data
from .expectations import Check, check, difference

State = Mapping[str, Any]
Registered = Mapping[str, Mapping[str, Any]]


def wanted_sysctls(host: Host, deployment: Deployment) -> dict[str, str]:
    """Kernel parameters that the roles of a host set."""
    found: dict[str, str] = {}
    for component in components.of(host, deployment):
        found.update(component.sysctls(components.values(component, host, deployment)))
    return found


def host_checks(state: State, deployment: Deployment, name: str) -> list[Check]:
    """Checks of one host by itself."""
    host = deployment.hosts[name]
    wanted = wanted_sysctls(host, deployment)
    found = {key: value for key, value in state["sysctls"].items() if key in wanted}
    checks = [difference("sysctls", name, "kernel parameters", wanted, found, f"{len(wanted)} as wanted")]
    for component in components.of(host, deployment):
        checks += component.checks(host, deployment, state)
    return checks


def agreement_checks(states: Mapping[str, State], deployment: Deployment) -> Iterator[Check]:
    """Every director sends a given flow to the same real server as the first one does."""
    directors = [host.name for host in deployment.tier(DIRECTORS) if host.name in states]
    for name in directors[1:]:
        first = {service["name"]: service for service in states[directors[0]].get("services") or []}
        other = {service["name"]: service for service in states[name].get("services") or []}
        problems = [f"{service} is on one of them only" for service in sorted(set(first) ^ set(other))]
        for service in sorted(set(first) & set(other)):
            if first[service]["scheduler"] != "mh" or other[service]["scheduler"] != "mh":
                problems.append(f"{service} has no Maglev table")
                continue
            result = maglev_diff.compare(maglev.pool_of(first[service]), maglev.pool_of(other[service]))
            if not result["equal"]:
                reason = maglev_diff.describe(result["difference"], f"on {directors[0]}", f"on {name}")
                problems.append(f"{service}: {reason}, {100 * result['moved']:.2f} % of new flows differ")
        good = f"the tables of {directors[0]}"
        yield check("agreement", name, "agreement of directors", good, problems or good, not problems)


def probe_requests(deployment: Deployment) -> list[dict[str, Any]]:
    """One request for each VIP and listener that speaks HTTP, for http_probe."""
    domains = {certificate.name: certificate.domains for certificate in deployment.certificates}
    requests = []
    for service in deployment.services:
        for vip in service.vips:
            for listener in service.listeners:
                if listener.application in ("http", "https"):
                    names = [domain for name in listener.certificates for domain in domains.get(name, ())]
                    request = {"address": vip, "port": listener.port, "protocol": listener.application, "path": "/"}
                    host = next((name for name in names if "*" not in name), None)
                    requests.append({**request, **({"host": host} if host else {})})
    return requests


def answer_checks(answers: Sequence[Mapping[str, Any]], host: str, deployment: Deployment) -> Iterator[Check]:
    """What a client got: a redirect where there should be one, else any answer that is no server error."""
    listeners = [
        (vip, listener)
        for service in deployment.services
        for vip in service.vips
        for listener in service.listeners
        if listener.application in ("http", "https")
    ]
    if len(answers) != len(listeners):
        yield check("requests", host, "requests", f"{len(listeners)} answers", f"{len(answers)} answers")
        return
    for (vip, listener), answer in zip(listeners, answers):
        found = answer["error"] or f"status {answer['status']}"
        if listener.redirect_to:
            expected = f"redirect to {listener.redirect_to}"
            ok = answer["status"] in (301, 302, 307, 308) and answer["location"].startswith(listener.redirect_to)
        else:
            expected = "an answer below 500"
            ok = answer["status"] is not None and answer["status"] < 500
        name = f"{listener.application} request to {addresses.endpoint(vip, listener.port)}"
        yield check("requests", host, name, expected, found, ok)


def live_state(variables: Mapping[str, Any]) -> dict[str, Any] | None:
    """What verify.yml registered on a host; None where the host could not be asked."""
    state = variables.get("loadbalancer_state") or {}
    if "sysctls" not in state:
        return None
    ipvs = variables.get("loadbalancer_ipvs") or {}
    return {
        **state,
        "services": ipvs.get("services") or [],
        "connection_table_size": ipvs.get("connection_table_size"),
    }


def deployment_checks(data: Mapping[str, Any], registered: Registered, targets: Sequence[str]) -> list[Check]:
    """Checks of all hosts that the run is about, of several together, and of what clients got.

    registered has the variables that verify.yml kept, by host.
    """
    deployment = from_data(data)
    checks: list[Check] = []
    states: dict[str, State] = {}
    for host in (host for host in deployment.members if host.name in targets):
        state = live_state(registered[host.name])
        if state is None:
            checks.append(check("live_state", host.name, "live state", "read", "not read, see the error above", False))
            continue
        states[host.name] = state
        checks += host_checks(state, deployment, host.name)
    checks += agreement_checks(states, deployment)
    for component in components.registry().values():
        checks += component.site_checks(states, deployment)
    for host in (host for host in deployment.hosts.values() if host.tier == "clients" and host.name in targets):
        answers = (registered[host.name].get("loadbalancer_answers") or {}).get("answers")
        if not deployment.tier(PROXIES):
            continue
        if answers is None:
            checks.append(check("requests", host.name, "requests", "sent", "not sent, see the error above", False))
        else:
            checks += answer_checks(answers, host.name, deployment)
    return checks


def remarks(data: Mapping[str, Any], targets: Sequence[str]) -> list[str]:
    """What a reader of the table should know: hosts that were not looked at, and hosts that are excluded on purpose."""
    deployment = from_data(data)
    away = [host.name for host in deployment.members if host.name not in targets]
    excluded = [host.name for host in deployment.members if host.excluded]
    lines = [f"Not looked at, because they are outside of this run: {' '.join(away)}"] if away else []
    return lines + ([f"Excluded on purpose: {' '.join(excluded)}"] if excluded else [])


def line(entry: Check) -> str:
    """One check as a line."""
    return f"{entry['host']}: {entry['check']}: expected {entry['expected']}, found {entry['found']}"


def table(checks: Sequence[Check], notes: Sequence[str] = ()) -> list[str]:
    """Lines of a table; what was expected is shown where something else was found."""
    rows = [("HOST", "CHECK", "FOUND", "")]
    rows += [
        (
            entry["host"],
            entry["check"],
            entry["found"],
            "ok" if entry["ok"] else f"FAILED, expected {entry['expected']}",
        )
        for entry in checks
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    found = min(60, max(len(row[2]) for row in rows))
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:<{found}}  {row[3]}".rstrip() for row in rows]
    failed = sum(not entry["ok"] for entry in checks)
    return [*lines, *notes, f"{len(checks)} checks, {failed} failed"]
