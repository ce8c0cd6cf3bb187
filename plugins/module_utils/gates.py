# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates between health and announcement: from services to vip_gate_gates, and what is wrong with them.

Private to this collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .value_checks import PORT, address_problem, canonical, duplicates, range_problem, show, vip_problem

Gate = dict[str, Any]

GATE_RANGES: dict[str, tuple[float, float]] = {
    "interval": (1, 60),
    "timeout": (1, 60),
    "rise": (1, 100),
    "fall": (1, 100),
    "hold": (0, 600),
    "stop_delay": (0, 60),
}
URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}/[!-~]*")


def url_gates(services: Sequence[Mapping[str, Any]], address: str, port: int) -> list[Gate]:
    """A gate for each service: its health check, on this host, must answer 200."""
    host = f"[{address}]" if ":" in address else address
    return [
        {
            "name": service["name"],
            "vips": [canonical(vip) for vip in service["vips"]],
            "url": f"http://{host}:{int(port)}/healthcheck/{service['name']}",
        }
        for service in services
    ]


def quorum_gates(services: Sequence[Mapping[str, Any]]) -> list[Gate]:
    """A gate for each VIP: all of its listeners must have their quorum. services are those of ipvs_maglev_services."""
    return [
        {
            "name": f"{service['name']} {canonical(vip)}",
            "vips": [canonical(vip)],
            "virtual_servers": [
                {
                    "address": canonical(vip),
                    "protocol": "udp" if listener.get("protocol") == "udp" else "tcp",
                    "port": int(listener["port"]),
                }
                for listener in service["listeners"]
            ],
        }
        for service in services
        for vip in service["vips"]
    ]


def gate_problems(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    """Problems of vip_gate_gates."""
    problems = duplicates("vip_gate_gates", (gate["name"] for gate in gates))
    for gate in gates:
        where = f"vip_gate_gates ({gate['name']})"
        url, servers = gate.get("url"), gate.get("virtual_servers")
        if not gate["vips"]:
            problems.append(f"{where}.vips is [], must have at least one VIP")
        for vip in gate["vips"]:
            problems += vip_problem(f"{where}.vips", vip)
        for name, limits in GATE_RANGES.items():
            if gate.get(name) is not None:
                problems += range_problem(f"{where}.{name}", gate[name], limits)
        if bool(url) == bool(servers):
            problems.append(f"{where} has url {show(url)} and virtual_servers {show(servers)}, must have one of them")
        if url and not URL.fullmatch(str(url)):
            problems.append(f"{where}.url is {show(url)}, must be like http://127.0.0.1:8090/healthcheck/www")
        for server in servers or []:
            problems += address_problem(f"{where}.virtual_servers.address", server["address"])
            problems += range_problem(f"{where}.virtual_servers.port", server["port"], PORT)
    return problems


def hold_problem(values: Mapping[str, Any]) -> list[str]:
    """One line when a director could announce a VIP before its first round of checks is over.

    values are a host's variables; those that it does not set have their roles' defaults.
    """
    names = {"interval": 2, "retries": 1, "timeout": 2, "retry_delay": 1}
    try:
        interval, retries, timeout, delay = (
            int(values.get(f"ipvs_maglev_check_{name}", default)) for name, default in names.items()
        )
        hold = int(values.get("vip_gate_hold", 10))
    except (TypeError, ValueError):
        return []  # reported as a range
    first_round = interval + (retries + 1) * timeout + retries * delay
    if hold > first_round:
        return []
    return [
        f"vip_gate_hold is {hold}, must be more than {first_round} seconds, the length of the first round of checks"
    ]
