# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What argument_specs.yml cannot say about a role's variables: ranges, addresses, references.

Types, choices and unknown names were checked by Ansible before this runs. Every problem is one line that names the
variable, its value, and what would be right. Private to this collection.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .service_checks import health_port_problems, service_problems, sockets
from .value_checks import (
    ASN,
    PORT,
    address_problem,
    duplicates,
    family_name,
    interface_problem,
    is_ipv6,
    name_problem,
    path_problem,
    prefix_problem,
    range_problem,
    show,
    time_problem,
    vip_problem,
)

# RFC 2385 by way of the kernel (TCP_MD5SIG_MAXKEYLEN), on one line of FRR's configuration
TCP_MD5_KEY = re.compile(r"[!-~]{1,80}")
# Slots of the kernel's table in the default configuration (ip_vs_mh.c). Further servers are listed but ignored.
MAGLEV_MAXIMUM = 4093

RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "frr_ecmp": {
        "asn": ASN,
        "bfd_interval": (10, 60000),
        "bfd_multiplier": (2, 255),
        "maximum_paths": (1, 256),
        "maximum_prefixes": (1, 4294967295),
        "marker_protocol": (5, 255),
    },
    "dsr_loopback": {"protocol": (5, 255)},
    "ipvs_maglev": {
        "check_interval": (1, 3600),
        "check_timeout": (1, 60),
        "check_retries": (0, 10),
        "check_retry_delay": (1, 60),
        "quorum_percent": (1, 100),
        "hysteresis_percent": (0, 50),
        "announce_hold": (0, 600),
        "stop_delay": (0, 60),
        "connection_table_bits": (8, 27),
    },
    "keepalived_vrrp": {"advertisement_interval": (0.01, 40.95)},
    "haproxy_l7": {
        "health_port": PORT,
        "health_tls_port": PORT,
        "announce_interval": (1, 60),
        "announce_rise": (1, 100),
        "announce_fall": (1, 100),
        "stop_delay": (0, 60),
        "maxconn": (1, 2000000),
    },
}


def check_frr_ecmp(values: Mapping[str, Any]) -> list[str]:
    """Problems of neighbours, of the router ID, and of what may be announced and accepted."""
    problems = []
    try:
        ipaddress.IPv4Address(str(values["router_id"]))
    except ValueError:
        problems.append(f"frr_ecmp_router_id is {show(values['router_id'])}, must be an IPv4 address")
    for neighbor in values["neighbors"]:
        where = f"frr_ecmp_neighbors ({neighbor['name']})"
        problems += address_problem(f"{where}.address", neighbor["address"])
        problems += range_problem(f"{where}.asn", neighbor["asn"], ASN)
        if str(neighbor["asn"]) == str(values["asn"]):
            problems.append(f"{where}.asn is {neighbor['asn']}, must differ from frr_ecmp_asn: sessions are eBGP")
        if neighbor.get("password") is not None and not TCP_MD5_KEY.fullmatch(str(neighbor["password"])):
            problems.append(f"{where}.password is {show('***')}, must be 1 to 80 ASCII characters without white space")
    problems += duplicates("frr_ecmp_neighbors", (neighbor["address"] for neighbor in values["neighbors"]))
    for vip in values["announce"]:
        problems += vip_problem("frr_ecmp_announce", vip)
    for prefix in values["accept"]:
        problems += prefix_problem("frr_ecmp_accept", prefix)
    return problems


def check_dsr_loopback(values: Mapping[str, Any]) -> list[str]:
    """Problems of the VIPs."""
    problems = [problem for vip in values["vips"] for problem in vip_problem("dsr_loopback_vips", vip)]
    return problems + duplicates("dsr_loopback_vips", values["vips"])


def check_ipvs_maglev(values: Mapping[str, Any]) -> list[str]:
    """Problems of services, of real servers, of of how both fit together, and of the times."""
    servers, services = values["real_servers"], values["services"]
    problems = real_server_problems(servers)
    for service in services:
        where = f"ipvs_maglev_services ({service['name']})"
        for vip in service["vips"]:
            problems += vip_problem(f"{where}.vips", vip)
            problems += [
                f"{where}.vips: {vip} is {family_name(is_ipv6(vip))}, but real server {server['name']} has only "
                f"{server['addresses']}, must have an address of that family: direct server return cannot change it"
                for server in servers
                if not any(is_ipv6(address) == is_ipv6(vip) for address in server["addresses"])
            ]
        for listener in service["listeners"]:
            check = listener["check"]
            problems += range_problem(f"{where}.listeners.port", listener["port"], PORT)
            problems += range_problem(f"{where}.listeners.check.port", check.get("port") or listener["port"], PORT)
            problems += path_problem(f"{where}.listeners.check.path", check.get("path", "/"))
    return problems + duplicates("ipvs_maglev_services", sockets(services)) + hold_problem(values)


def real_server_problems(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Problems of ipvs_maglev_real_servers."""
    if not servers:
        return ["ipvs_maglev_real_servers is [], must have at least one real server"]
    problems = []
    if len(servers) > MAGLEV_MAXIMUM:
        problems.append(
            f"ipvs_maglev_real_servers has {len(servers)} entries, must have at most {MAGLEV_MAXIMUM}: "
            "the kernel's Maglev table has no room for more"
        )
    for server in servers:
        where = f"ipvs_maglev_real_servers ({server['name']})"
        problems += range_problem(f"{where}.weight", server.get("weight", 1), (1, 65535))
        if not server["addresses"]:
            problems.append(f"{where}.addresses is [], must have one address for each family that the VIPs have")
        for address in server["addresses"]:
            problems += address_problem(f"{where}.addresses", address)
    return problems + duplicates("ipvs_maglev_real_servers", (a for server in servers for a in server["addresses"]))


def hold_problem(values: Mapping[str, Any]) -> list[str]:
    """One line when a VIP could be announced before the first round of checks is over."""
    names = ("check_interval", "check_retries", "check_timeout", "check_retry_delay", "announce_hold")
    try:
        interval, retries, timeout, delay, hold = (int(values[name]) for name in names)
    except (TypeError, ValueError):
        return []  # reported as a range
    first_round = interval + (retries + 1) * timeout + retries * delay
    if hold > first_round:
        return []
    return [
        f"ipvs_maglev_announce_hold is {hold}, must be more than {first_round} seconds, the length of the first round "
        "of checks"
    ]


def check_keepalived_vrrp(values: Mapping[str, Any]) -> list[str]:
    """Problems of the instances."""
    problems = []
    for instance in values["instances"]:
        where = f"keepalived_vrrp_instances ({instance['name']})"
        peers = list(instance.get("peers") or [])
        problems += name_problem(f"{where}.name", instance["name"])
        problems += range_problem(f"{where}.virtual_router_id", instance["virtual_router_id"], (1, 255))
        problems += range_problem(f"{where}.priority", instance.get("priority", 100), (1, 254))
        problems += range_problem(f"{where}.preempt_delay", instance.get("preempt_delay", 0), (0, 1000))
        if not instance["addresses"]:
            problems.append(f"{where}.addresses is [], must have at least one address")
        for address in instance["addresses"]:
            problems += interface_problem(f"{where}.addresses", address)
        for peer in peers:
            problems += address_problem(f"{where}.peers", peer)
        if peers and not instance.get("source_address"):
            problems.append(f"{where}.source_address is not set, must be this host's address when there are peers")
        if len({is_ipv6(address) for address in [*instance["addresses"], *peers]}) > 1:
            problems.append(f"{where} has IPv4 and IPv6 addresses, must have one family: use an instance for each")
    problems += duplicates("keepalived_vrrp_instances", map(virtual_router, values["instances"]))
    return problems + duplicates("keepalived_vrrp_instances", (i["name"] for i in values["instances"]))


def virtual_router(instance: Mapping[str, Any]) -> str:
    """What two instances of a host cannot share: a number, of a family, on an interface."""
    family = family_name(any(is_ipv6(address) for address in instance["addresses"]))
    return f"virtual_router_id {instance['virtual_router_id']} of {family} on {instance['interface']}"


def check_haproxy_l7(values: Mapping[str, Any]) -> list[str]:
    """Problems of services, backends and certificates, of the health check's addresses, and of the times."""
    problems = service_problems("haproxy_l7", values["services"], values["backends"], values["certificates"])
    for address in values["health_addresses"]:
        problems += address_problem("haproxy_l7_health_addresses", address)
    if not values["health_addresses"]:
        problems.append("haproxy_l7_health_addresses is [], must have at least one address of this host")
    with contextlib.suppress(TypeError, ValueError):  # reported as a range
        problems += health_port_problems([values["health_port"], values["health_tls_port"]], values["services"])
    problems += time_problem("haproxy_l7_hard_stop_after", values["hard_stop_after"])
    for name, value in values["timeouts"].items():
        problems += time_problem(f"haproxy_l7_timeouts.{name}", value)
    return problems


CHECKS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "frr_ecmp": check_frr_ecmp,
    "dsr_loopback": check_dsr_loopback,
    "ipvs_maglev": check_ipvs_maglev,
    "keepalived_vrrp": check_keepalived_vrrp,
    "haproxy_l7": check_haproxy_l7,
}


def role_problems(values: Mapping[str, Any], role: str) -> list[str]:
    """Problems of a role's variables, one line each; empty if there are none.

    values has the role's variables by their names without the role's prefix.
    """
    problems = []
    for name, limits in RANGES[role].items():
        problems += range_problem(f"{role}_{name}", values[name], limits)
    return problems + CHECKS[role](values)
