# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate between health and announcement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .. import components
from ..checks.values import PORT, address_problem, duplicates, file_problem, range_problem, ranges, show, vip_problem
from ..deployment.findings import Finding
from ..deployment.model import ROUTERS, TIERS, Deployment, Host
from ._base import Component

ROLE = "vip_gate"
LIMITS: dict[str, tuple[float, float]] = {
    "interval": (1, 60),
    "timeout": (1, 60),
    "rise": (1, 100),
    "fall": (1, 100),
    "hold": (0, 600),
    "stop_delay": (0, 60),
}
URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}/[!-~]*")
UNIT = re.compile(r"[A-Za-z0-9_.@:-]+\.(service|target|socket)")


def gate_problems(gate: Mapping[str, Any]) -> list[str]:
    """Problems of one gate."""
    where = f"{ROLE}_gates ({gate['name']})"
    url, servers = gate.get("url"), gate.get("virtual_servers")
    found = [] if gate["vips"] else [f"{where}.vips is [], must have at least one VIP"]
    for vip in gate["vips"]:
        found += vip_problem(f"{where}.vips", vip)
    for name, limits in LIMITS.items():
        if gate.get(name) is not None:
            found += range_problem(f"{where}.{name}", gate[name], limits)
    if bool(url) == bool(servers):
        found.append(f"{where} has url {show(url)} and virtual_servers {show(servers)}, must have one of them")
    if url and not URL.fullmatch(str(url)):
        found.append(f"{where}.url is {show(url)}, must be like http://127.0.0.1:8090/healthcheck/www")
    for server in servers or []:
        found += address_problem(f"{where}.virtual_servers.address", server["address"])
        found += range_problem(f"{where}.virtual_servers.port", server["port"], PORT)
    return found


class VipGate(Component):
    """Announces VIPs while what is behind them is healthy."""

    role = ROLE
    order = 40
    sources = {
        "gates": "loadbalancer_services",
        "units": "the roles that serve the VIPs",
        "after": "the role that announces them",
    }

    def runs_on(self, host: Host, deployment: Deployment) -> bool:
        """On every host behind the routers; one that announces nothing has no gates."""
        return deployment.routed and host.tier in TIERS and host.tier != ROUTERS

    def variables(self, host: Host, deployment: Deployment) -> dict[str, Any]:
        """The gates of whatever serves VIPs on the host."""
        beside = components.of(host, deployment)
        announces = deployment.announces(host)
        return {
            "gates": [gate for one in beside for gate in one.gates(host, deployment)] if announces else [],
            "units": [unit for one in beside for unit in one.serving_units],
            "after": [unit for one in beside for unit in one.announcing_units],
        }

    def setting_problems(self, values: Mapping[str, Any]) -> list[str]:
        """Times, counts, and files."""
        files = [line for name in ("fifo", "pid_file") for line in file_problem(f"{ROLE}_{name}", values[name])]
        return ranges(ROLE, values, LIMITS) + files

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Gates, names of units, and the times."""
        found = [line for gate in values["gates"] for line in gate_problems(gate)]
        found += duplicates(f"{ROLE}_gates", (gate["name"] for gate in values["gates"]))
        for name in ("units", "after"):
            found += [
                f"{ROLE}_{name} has {show(unit)}, must be the name of a unit, such as haproxy.service"
                for unit in values[name]
                if not UNIT.fullmatch(str(unit))
            ]
        return found + self.setting_problems(values)

    def site_findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Hosts that would announce a VIP before their first round of checks is over."""
        for host in deployment.members:
            hold = host.settings[ROLE][f"{ROLE}_hold"]
            for component in components.of(host, deployment):
                first_round = component.first_round(components.settings(component, host))
                if hold <= first_round:
                    yield (
                        host.name,
                        f"{ROLE}_hold is {hold}, must be more than {first_round} seconds, the length of the first "
                        "round of checks",
                    )
