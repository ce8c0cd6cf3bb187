# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an inventory describes a deployment, before any host is contacted.

What a role demands of its own variables is checked by that role too (role_checks.py). This file checks what
concerns several hosts, and what must be true before loadbalancer_* can be turned into a role's variables. Private to
this collection.

A finding is a host, or the inventory, and a line that names variable, value, and what would be right.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .role_checks import MAGLEV_MAXIMUM, RANGES
from .service_checks import health_port_problems, service_problems
from .structure_checks import TYPES, Spec, meant, structure_problems
from .topology import Groups, HostVars, link_addresses, vips
from .value_checks import (
    ASN,
    canonical,
    entry_name,
    family_name,
    interface_problem,
    is_ipv6,
    range_problem,
    show,
)

Variables = Mapping[str, Any]
Finding = tuple[str, str]

TIERS = ("routers", "directors", "proxies")
PREFIXES = ("loadbalancer_", "frr_ecmp_", "ipvs_maglev_", "keepalived_", "dsr_loopback_", "haproxy_l7_")
# With more, the kernel's table has fewer than a hundred slots for each real server, so their shares become uneven.
MAGLEV_EVEN = 40
NAMED_HOSTS = 4  # in one line

TEXTS = {"type": "list", "elements": "str"}
INTERFACES: Spec = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "name": {"type": "str", "required": True},
        "link": {"type": "str", "required": True},
        "addresses": TEXTS,
        "gateways": TEXTS,
        "routes": {
            "type": "list",
            "elements": "dict",
            "options": {"destination": {"type": "str", "required": True}, "gateways": {**TEXTS, "required": True}},
        },
        "mtu": {"type": "int"},
    },
}
# loadbalancer_* that a role gets unchanged
SHARED = {
    "loadbalancer_services": "haproxy_l7_services",
    "loadbalancer_backends": "haproxy_l7_backends",
    "loadbalancer_certificates": "haproxy_l7_certificates",
}
OWN: dict[str, Spec] = {
    "loadbalancer_interfaces": INTERFACES,
    "loadbalancer_fabric": {"type": "str", "required": True},
    "loadbalancer_asn": {"type": "int", "required": True},
    "loadbalancer_weight": {"type": "int"},
    "loadbalancer_bgp_password": {"type": "str", "no_log": True},
    "loadbalancer_phase": {"type": "str", "choices": ["main", "validate"]},
    "loadbalancer_verify_retries": {"type": "int"},
}


def all_specs(role_specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """Specs of all variables by name: those of the roles and those of the playbooks, some of which derive from them."""
    return {**role_specs, **OWN, **{name: role_specs[source] for name, source in SHARED.items()}}


def group_findings(groups: Groups) -> list[Finding]:
    """What is wrong with the groups."""
    findings = [
        ("inventory", f"group {group} is {show(groups.get(group) or [])}, must have at least one host")
        for group in ("routers", "proxies")
        if not groups.get(group)
    ]
    proxies = len(groups.get("proxies") or [])
    if groups.get("directors") and proxies > MAGLEV_MAXIMUM:
        line = f"group proxies has {proxies} hosts, must have at most {MAGLEV_MAXIMUM} behind directors"
        findings.append(("inventory", f"{line}: the kernel's Maglev table has no room for more"))
    return findings


def deployment_warnings(groups: Groups) -> list[str]:
    """What works, but worse than it seems."""
    proxies = len(groups.get("proxies") or [])
    if not groups.get("directors") or proxies <= MAGLEV_EVEN:
        return []
    return [
        f"inventory: group proxies has {proxies} hosts. Above {MAGLEV_EVEN}, directors spread connections less evenly, "
        f"because the kernel's Maglev table has {MAGLEV_MAXIMUM} slots"
    ]


def name_problems(variables: Variables, specs: Mapping[str, Spec], registered: Collection[str]) -> list[str]:
    """A line for each name that starts like one of ours but is not."""
    return [
        f"{name} is {show('***' if 'password' in name else value)}, but there is no such variable{meant(name, specs)}"
        for name, value in sorted(variables.items())
        if name.startswith(PREFIXES) and name not in specs and name not in registered
    ]


def value_problems(variables: Variables, specs: Mapping[str, Spec]) -> list[str]:
    """Problems of a host's variables, each on its own."""
    limits = {f"{role}_{name}": pair for role, ranges in RANGES.items() for name, pair in ranges.items()}
    problems = []
    for name, spec in specs.items():
        value = variables.get(name)
        if value is None:
            continue
        found = structure_problems(name, value, spec)
        if not found and name in limits:
            found = range_problem(name, value, limits[name])
        problems += found
    return problems


def missing_problems(variables: Variables, specs: Mapping[str, Spec]) -> list[str]:
    """A line for each variable that a host of one of the tiers must have and lacks."""
    required = [name for name in (*OWN, *SHARED) if specs[name].get("required")]
    return [
        f"{name} is not set, must be {TYPES[specs[name]['type']][0]}" for name in required if not variables.get(name)
    ]


def interface_problems(variables: Variables) -> list[str]:
    """Problems of a host's addresses."""
    return [
        problem
        for index, interface in enumerate(variables.get("loadbalancer_interfaces") or [])
        for address in interface.get("addresses") or []
        for problem in interface_problem(
            f"{entry_name('loadbalancer_interfaces', index, interface)}.addresses", address
        )
    ]


def fabric_problems(variables: Variables) -> list[str]:
    """Problems of a host on the fabric link, whose addresses are valid each on its own."""
    interfaces, fabric = variables["loadbalancer_interfaces"], variables["loadbalancer_fabric"]
    links = [interface["link"] for interface in interfaces]
    if fabric not in links:
        return [f"loadbalancer_fabric is {show(fabric)}, must be a link of loadbalancer_interfaces: {', '.join(links)}"]
    addresses = link_addresses(interfaces, fabric)
    # the router ID is an IPv4 address even if all VIPs are IPv6
    needed = {False: "the BGP router ID is one"}
    for vip in reversed(vips(variables["loadbalancer_services"])):
        needed[is_ipv6(vip)] = f"VIP {vip} is one"
    return [
        f"loadbalancer_interfaces: addresses on link {fabric} are {show(addresses)}, "
        f"must have an {family_name(ipv6)} address: {why}"
        for ipv6, why in sorted(needed.items())
        if ipv6 not in map(is_ipv6, addresses)
    ]


def vip_problems(services: Sequence[Variables]) -> list[str]:
    """A line for each VIP that is listed twice."""
    owner: dict[str, str] = {}
    problems = []
    for service in services:
        for vip in service["vips"]:
            other = owner.setdefault(canonical(vip), service["name"])
            if other != service["name"]:
                where = f"loadbalancer_services ({service['name']}).vips"
                problems.append(f"{where} has {show(vip)}, which {other} has already: must be unique")
        if len(set(map(canonical, service["vips"]))) < len(service["vips"]):
            where = f"loadbalancer_services ({service['name']}).vips"
            problems.append(f"{where} is {show(service['vips'])}, which names a VIP twice: must be unique")
    return problems


def member_problems(variables: Variables, specs: Mapping[str, Spec]) -> list[str]:
    """Problems of a host of one of the tiers, whose values are valid each on its own."""
    problems = missing_problems(variables, specs) or fabric_problems(variables)
    problems += range_problem("loadbalancer_asn", variables.get("loadbalancer_asn", 1), ASN)
    problems += range_problem("loadbalancer_weight", variables.get("loadbalancer_weight", 1), (1, 65535))
    services, backends, certificates = (variables.get(name) or [] for name in SHARED)
    return problems + service_problems("loadbalancer", services, backends, certificates) + vip_problems(services)


def shared_findings(members: Sequence[str], hosts: HostVars) -> list[Finding]:
    """What should be the same on all hosts but is not."""
    return [
        (host, f"{name} differs from that of {members[0]}, must be the same on all hosts")
        for host in members[1:]
        for name in SHARED
        if hosts[host].get(name) != hosts[members[0]].get(name)
    ]


def address_findings(hosts: HostVars, services: Sequence[Variables]) -> list[Finding]:
    """Addresses that two hosts claim, and VIPs that are a host's own address."""
    findings = []
    owner: dict[str, str] = {}
    for host, variables in hosts.items():
        for index, interface in enumerate(variables.get("loadbalancer_interfaces") or []):
            where = f"{entry_name('loadbalancer_interfaces', index, interface)}.addresses"
            for address in interface.get("addresses") or []:
                other = owner.setdefault(str(ipaddress.ip_interface(str(address)).ip), host)
                if other != host:
                    findings.append((host, f"{where} has {show(address)}, which {other} has already: must be unique"))
    for service in services:
        for vip in service["vips"]:
            host = owner.get(canonical(vip), "")
            if host:
                line = (
                    f"loadbalancer_services ({service['name']}).vips has {show(vip)}, which is this host's own address"
                )
                findings.append((host, f"{line}: must be another"))
    return findings


def health_port_findings(groups: Groups, hosts: HostVars, specs: Mapping[str, Spec]) -> list[Finding]:
    """Ports on which proxies answer health checks that are taken, or not those that directors ask."""
    names = ("haproxy_l7_health_port", "haproxy_l7_health_tls_port")
    proxies = [host for host in groups.get("proxies") or [] if host in hosts]
    ports = {host: [hosts[host].get(name) or specs[name]["default"] for name in names] for host in proxies}
    findings = []
    for host in proxies:
        services = hosts[host].get("loadbalancer_services") or []
        findings += [(host, line) for line in health_port_problems(ports[host][0], ports[host][1], services)]
        findings += [
            (host, f"{name} is {port}, must be that of {proxies[0]}, {wanted}: directors ask all proxies on one port")
            for name, port, wanted in zip(names, ports[host], ports[proxies[0]])
            if groups.get("directors") and int(port) != int(wanted)
        ]
    return findings


def asn_findings(groups: Groups, hosts: HostVars) -> list[Finding]:
    """Routers that have the AS number of a host behind them. Hosts of one tier may share one."""
    behind = [host for tier in TIERS[1:] for host in groups.get(tier) or [] if host in hosts]
    return [
        (host, f"loadbalancer_asn is {asn}, which router {router} has: must differ, because sessions are eBGP")
        for router in groups.get("routers") or []
        for host in behind
        for asn in [hosts[host].get("loadbalancer_asn")]
        if router in hosts and asn is not None and str(asn) == str(hosts[router].get("loadbalancer_asn"))
    ]


def merged(findings: Sequence[Finding]) -> list[str]:
    """Lines that begin with the host; a line that several hosts share appears once."""
    owners: dict[str, list[str]] = {}
    for host, line in findings:
        hosts = owners.setdefault(line, [])
        if host not in hosts:
            hosts.append(host)
    lines = []
    for line, hosts in owners.items():
        more = f" and {len(hosts) - NAMED_HOSTS} more" if len(hosts) > NAMED_HOSTS else ""
        lines.append(f"{', '.join(hosts[:NAMED_HOSTS])}{more}: {line}")
    return lines


def host_findings(
    groups: Groups, hosts: HostVars, specs: Mapping[str, Spec], registered: Collection[str]
) -> list[Finding]:
    """What is wrong with the variables of hosts, of each one first and then of all together."""
    findings: list[Finding] = []
    members = [host for tier in TIERS for host in groups.get(tier) or []]
    for host, variables in hosts.items():
        problems = name_problems(variables, specs, registered) + value_problems(variables, specs)
        if not problems:
            problems = interface_problems(variables)
        if not problems and host in members:
            problems = member_problems(variables, specs)
        findings += [(host, line) for line in problems]
    if findings:
        return findings  # what follows relies on valid values
    services = hosts[members[0]].get("loadbalancer_services") or [] if members else []
    findings = shared_findings(members, hosts) + address_findings(hosts, services) + asn_findings(groups, hosts)
    return findings + health_port_findings(groups, hosts, specs)


def deployment_problems(
    groups: Groups, hosts: HostVars, role_specs: Mapping[str, Spec], registered: Collection[str] = ()
) -> list[str]:
    """Problems of the deployment, one line each, beginning with host or inventory; empty if there are none.

    hosts are those of the deployment with those of their variables that begin with PREFIXES, role_specs the options of
    the roles' argument specs by name, registered the names under which our own playbooks and roles register results.
    """
    return merged(group_findings(groups) + host_findings(groups, hosts, all_specs(role_specs), registered))
