# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether live state is what the inventory asks for, as checks that name host, check, expected and found.

state is what M(multitier.loadbalancer.balancer_info) returned on a host, with C(services) of
M(multitier.loadbalancer.ipvs_info) beside it on directors. Private to this collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import maglev, maglev_diff, topology
from .topology import Groups, HostVars

Check = dict[str, Any]
State = Mapping[str, Any]

ARP = {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}
HASHING = {"net.ipv4.fib_multipath_hash_policy": "1", "net.ipv6.fib_multipath_hash_policy": "1"}
SYSCTLS = {
    "routers": {**HASHING, "net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"},
    "directors": {
        **ARP,
        **HASHING,
        "net.ipv4.vs.sloppy_tcp": "1",
        "net.ipv4.vs.schedule_icmp": "1",
        "net.ipv4.vs.expire_nodest_conn": "1",
    },
    "proxies": {**ARP, **HASHING},
}
MH_FLAGS = ["mh-fallback", "mh-port"]


def check(host: str, name: str, expected: Any, found: Any, ok: bool | None = None) -> Check:
    """One line of the result; without ok, expected and found must be equal."""
    return {
        "host": host,
        "check": name,
        "expected": text(expected),
        "found": text(found),
        "ok": expected == found if ok is None else ok,
    }


def text(value: Any) -> str:
    """A value as the table shows it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(entry)}" for key, entry in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(str(entry) for entry in value) or "none"
    return str(value)


def tier(host: str, groups: Groups) -> str:
    """Name of the tier that a host belongs to; '' for hosts that belong to none."""
    return next((name for name in SYSCTLS if host in (groups.get(name) or [])), "")


def sessions(host: str, protocol: str, wanted: str, neighbors: Sequence[Mapping[str, Any]], states: State) -> Check:
    """All sessions with the neighbours of the inventory are in the wanted state."""
    missing = {
        f"{neighbor['name']} {neighbor['address']}": states.get(neighbor["address"], "absent")
        for neighbor in neighbors
        if states.get(neighbor["address"]) != wanted
    }
    good = f"{len(neighbors)} {wanted.lower()}"
    return check(host, f"{protocol} sessions", good, missing or good, not missing)


def next_hops(hosts: Iterable[str], hostvars: HostVars, ipv6: bool) -> list[str]:
    """Addresses, of one family, by which hosts are next hops on the fabric link, sorted."""
    return sorted(
        address
        for name in hosts
        for address in topology.link_addresses(
            hostvars[name]["loadbalancer_interfaces"], hostvars[name]["loadbalancer_fabric"]
        )
        if (":" in address) == ipv6
    )


def route_check(host: str, prefix: str, wanted: list[str], state: State) -> Check:
    """The kernel has exactly the wanted next hops for a prefix."""
    vip = prefix.split("/")[0]
    name = prefix if prefix.endswith("/0") else vip
    return check(host, f"next hops of {name}", wanted, state["routes"].get(name, []))


def difference(host: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any], good: str) -> Check:
    """A check that shows only the entries that differ."""
    keys = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
    if not keys:
        return check(host, name, good, good)
    return check(
        host,
        name,
        {key: wanted.get(key, "absent") for key in keys},
        {key: found.get(key, "absent") for key in keys},
        False,
    )


def virtual_servers(services: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a director's table should say, by virtual server: flags, then real servers in kernel order with weights."""
    return {
        server_name(service["address"], service["port"]): " ".join(
            [
                "mh",
                *MH_FLAGS,
                *(
                    f"{server_name(entry['address'], service['port'])}={entry['weight']}"
                    for entry in reversed(service["destinations"])  # the kernel lists the newest first
                ),
            ]
        )
        for service in topology.virtual_services(services, servers)
    }


def server_name(address: Any, port: Any) -> str:
    """Address and port as ipvs_info writes them."""
    return maglev.server_name(ipaddress.ip_address(str(address)), int(port))


def live_virtual_servers(services: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The same as virtual_servers, of what ipvs_info returned."""
    return {
        server_name(service["address"], service["port"]): " ".join(
            [
                service["scheduler"],
                *sorted(service["scheduler_flags"]),
                *(f"{entry['name']}={entry['weight']}" for entry in service["destinations"]),
            ]
        )
        for service in services
        if service.get("address")
    }


def host_checks(state: State, host: str, groups: Groups, hostvars: HostVars) -> list[Check]:
    """Checks of one router, director or proxy."""
    mine = hostvars[host]
    services = mine["loadbalancer_services"]
    role = tier(host, groups)
    announcers = list(groups.get("directors") or groups["proxies"])
    vips = sorted(topology.vips(services))
    neighbors = topology.bgp_neighbors(host, groups, hostvars)
    checks = [
        sessions(host, "BGP", "Established", neighbors, state["bgp"]),
        sessions(host, "BFD", "up", neighbors, state["bfd"]),
        difference(host, "kernel parameters", SYSCTLS[role], state["sysctls"], f"{len(SYSCTLS[role])} as wanted"),
    ]
    if role == "routers":
        for prefix in topology.vip_prefixes(services):
            checks.append(route_check(host, prefix, next_hops(announcers, hostvars, ":" in prefix), state))
        return checks
    for prefix in ("0.0.0.0/0", "::/0"):
        checks.append(route_check(host, prefix, next_hops(groups["routers"], hostvars, ":" in prefix), state))
    checks.append(check(host, "local VIPs", vips, sorted(state["local_vips"])))
    checks.append(check(host, "announced VIPs", vips if host in announcers else [], sorted(state["announced_vips"])))
    if role == "directors":
        wanted = virtual_servers(services, topology.real_servers(groups, hostvars))
        found = live_virtual_servers(state.get("services") or [])
        checks.append(difference(host, "IPVS tables", wanted, found, f"{len(wanted)} as wanted"))
        if state.get("connection_table_size"):
            # read when the module is loaded: a later change waits for the next boot
            buckets = 2 ** int(mine.get("ipvs_maglev_connection_table_bits", 20))
            checks.append(check(host, "IPVS connection table", buckets, state["connection_table_size"]))
    else:
        checks.append(backends_check(host, mine["loadbalancer_backends"], state["haproxy"]))
    return checks


def backends_check(host: str, backends: Sequence[Mapping[str, Any]], states: State) -> Check:
    """HAProxy considers every backend of the inventory up."""
    found = {
        f"{backend['name']}/{server['name']}": states.get(backend["name"], {}).get(server["name"], "absent")
        for backend in backends
        for server in backend["servers"]
    }
    down = {name: status for name, status in found.items() if status != "UP"}
    good = f"{len(found)} up"
    return check(host, "HAProxy's backends", good, down or good, not down)


def agreement_checks(states: Mapping[str, State], groups: Groups) -> list[Check]:
    """Every director sends a given flow to the same real server as the first one does."""
    directors = [name for name in groups.get("directors") or [] if name in states]
    checks = []
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
        checks.append(check(name, "agreement of directors", good, problems or good, not problems))
    return checks


def probe_requests(services: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One request for each VIP and listener, for http_probe."""
    return [
        {"address": str(vip), "port": listener["port"], "protocol": listener["protocol"], "path": "/"}
        for service in services
        for vip in service["vips"]
        for listener in service["listeners"]
    ]


def answer_checks(
    answers: Sequence[Mapping[str, Any]], host: str, services: Sequence[Mapping[str, Any]]
) -> list[Check]:
    """What a client got: a redirect where there should be one, otherwise any answer but a server error."""
    listeners = [
        (vip, listener) for service in services for vip in service["vips"] for listener in service["listeners"]
    ]
    if len(answers) != len(listeners):
        return [check(host, "requests", f"{len(listeners)} answers", f"{len(answers)} answers")]
    checks = []
    for (vip, listener), answer in zip(listeners, answers):
        found = answer["error"] or f"status {answer['status']}"
        if listener.get("redirect_to"):
            expected = f"redirect to {listener['redirect_to']}"
            ok = answer["status"] in (301, 302, 307, 308) and answer["location"].startswith(listener["redirect_to"])
        else:
            expected = "an answer below 500"
            ok = answer["status"] is not None and answer["status"] < 500
        name = f"{listener['protocol']} request to {server_name(vip, listener['port'])}"
        checks.append(check(host, name, expected, found, ok))
    return checks


def live_state(variables: Mapping[str, Any]) -> dict[str, Any] | None:
    """What verify.yml registered on a host; None if the host could not be read."""
    state = variables.get("loadbalancer_state") or {}
    if "bgp" not in state:
        return None
    ipvs = variables.get("loadbalancer_ipvs") or {}
    return {
        **state,
        "services": ipvs.get("services") or [],
        "connection_table_size": ipvs.get("connection_table_size"),
    }


def deployment_checks(hostvars: HostVars, groups: Groups) -> list[Check]:
    """Checks of all hosts, of the directors together, and of what clients got, from what verify.yml registered."""
    checks = []
    states = {}
    for host in [name for group in SYSCTLS for name in groups.get(group) or []]:
        state = live_state(hostvars[host])
        if state is None:
            checks.append(check(host, "live state", "read", "not read, see the error above", False))
            continue
        states[host] = state
        checks += host_checks(state, host, groups, hostvars)
    checks += agreement_checks(states, groups)
    services = hostvars[groups["proxies"][0]]["loadbalancer_services"]
    for host in groups.get("clients") or []:
        answers = (hostvars[host].get("loadbalancer_answers") or {}).get("answers")
        if answers is None:
            checks.append(check(host, "requests", "sent", "not sent, see the error above", False))
        else:
            checks += answer_checks(answers, host, services)
    return checks


def line(entry: Check) -> str:
    """One check as a line."""
    return f"{entry['host']}: {entry['check']}: expected {entry['expected']}, found {entry['found']}"


def table(checks: Sequence[Check]) -> list[str]:
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
    return [*lines, f"{len(checks)} checks, {failed} failed"]
