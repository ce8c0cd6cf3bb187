# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that can be wrong with a deployment is found, by the check of its name, and nothing else is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.filter.verification import FilterModule
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import expectations, verification
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.deployment.model import Deployment, to_data
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS = deployment.GROUPS
TWO_TIERS: dict[str, list[str]] = {**GROUPS, "directors": []}
VIP4, VIP6 = "198.51.100.1", "2001:db8:100::1"
PROXIES = {4: ["10.20.0.31", "10.20.0.32"], 6: ["2001:db8:20::31", "2001:db8:20::32"]}


def virtual_server(vip: str, port: int, proxies: list[str]) -> dict[str, Any]:
    """As ipvs_info returns it: destinations as the kernel lists them, the newest first."""
    name = f"[{vip}]:{port}" if ":" in vip else f"{vip}:{port}"
    return {
        "name": f"tcp {name}",
        "family": "ipv6" if ":" in vip else "ipv4",
        "protocol": "tcp",
        "address": vip,
        "port": port,
        "scheduler": "mh",
        "scheduler_flags": ["mh-fallback", "mh-port"],
        "destinations": [
            {
                "name": f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
                "address": address,
                "port": port,
                "weight": 1,
                "last_weight": 1,
                "forwarding": "dr",
            }
            for address in reversed(proxies)
        ],
    }


def compiled(groups: Mapping[str, list[str]] | None = None, **changes: Any) -> Deployment:
    """The deployment, with variables of hosts changed: HOST={NAME: VALUE}."""
    hosts = deployment.deployment("/www.pem")
    for host, values in changes.items():
        hosts[host] |= values
    return deployment.compiled(hosts, groups or GROUPS)


THREE = compiled()
SYSCTLS = {host.name: verification.wanted_sysctls(host, THREE) for host in THREE.members}


def state(name: str, groups: Mapping[str, list[str]], whole: Deployment) -> dict[str, Any]:
    """What balancer_info and ipvs_info return of a host that does its part."""
    host = whole.hosts[name]
    neighbors = [end.address for end in whole.neighbors(host)]
    announcers = groups["directors"] or groups["proxies"]
    good: dict[str, Any] = {
        "bgp": dict.fromkeys(neighbors, "Established"),
        "bfd": dict.fromkeys(neighbors, "up"),
        "sysctls": verification.wanted_sysctls(host, whole),
        "routes": {"0.0.0.0/0": ["10.20.0.11"], "::/0": ["2001:db8:20::11"]},
        "local_vips": [VIP4, VIP6],
        "announced_vips": [VIP4, VIP6] if name in announcers else [],
        "haproxy": {},
    }
    if host.tier == "routers":
        hops = [f"10.20.0.{deployment.NODES[name]}" for name in announcers]
        hops6 = [f"2001:db8:20::{deployment.NODES[name]}" for name in announcers]
        good |= {"routes": {VIP4: hops, VIP6: hops6}, "local_vips": [], "announced_vips": []}
    if host.tier == "directors":
        good["services"] = [
            virtual_server(vip, port, PROXIES[family]) for vip, family in ((VIP4, 4), (VIP6, 6)) for port in (80, 443)
        ]
    if host.tier == "proxies":
        good["haproxy"] = {"web": {"b1": "UP"}, "api": {"b1": "UP"}}
    return good


ANSWERS = [
    {"status": 301, "location": "https://198.51.100.1/", "error": ""},
    {"status": 200, "location": "", "error": ""},
] * 2


def everything(groups: Mapping[str, list[str]], whole: Deployment | None = None) -> dict[str, dict[str, Any]]:
    """What verify.yml registered of a deployment where all is well, by host."""
    whole = whole or compiled(groups)
    hosts: dict[str, dict[str, Any]] = {}
    for host in whole.members:
        found = state(host.name, groups, whole)
        hosts[host.name] = {
            "loadbalancer_ipvs": {
                "services": found.pop("services", []),
                "connection_table_size": 2**20 if host.tier == "directors" else None,
            },
            "loadbalancer_state": found,
        }
    hosts["c1"] = {"loadbalancer_answers": {"answers": copy.deepcopy(ANSWERS)}}
    return hosts


def failures(
    hosts: dict[str, dict[str, Any]], groups: Mapping[str, list[str]] | None = None, whole: Deployment | None = None
) -> list[str]:
    data = to_data(whole or compiled(groups))
    found = verification.deployment_checks(data, hosts, list(hosts))
    return [verification.line(entry) for entry in found if not entry["ok"]]


@pytest.mark.parametrize("groups", [GROUPS, TWO_TIERS])
def test_all_is_well(groups: Mapping[str, list[str]]) -> None:
    assert failures(everything(groups), groups) == []


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (
            "r1.loadbalancer_state.bgp",
            {"10.20.0.21": "Active"},
            [
                "r1: BGP sessions: expected 8 established, found d1 10.20.0.21 Active, d1 2001:db8:20::21 absent, "
                "d2 10.20.0.22 absent, d2 2001:db8:20::22 absent, p1 10.20.0.31 absent, p1 2001:db8:20::31 absent, "
                "p2 10.20.0.32 absent, p2 2001:db8:20::32 absent"
            ],
        ),
        (
            "d1.loadbalancer_state.bfd",
            {"10.20.0.11": "up", "2001:db8:20::11": "down"},
            ["d1: BFD sessions: expected 2 up, found r1 2001:db8:20::11 down"],
        ),
        (
            "d2.loadbalancer_ipvs.connection_table_size",
            4096,
            ["d2: IPVS connection table: expected 1048576, found 4096"],
        ),
        (
            "r1.loadbalancer_state.routes",
            {VIP4: ["10.20.0.21"], VIP6: ["2001:db8:20::21", "2001:db8:20::22"]},
            [f"r1: next hops of {VIP4}: expected 10.20.0.21 10.20.0.22, found 10.20.0.21"],
        ),
        (
            "r1.loadbalancer_state.routes",
            {VIP4: ["10.20.0.21", "10.20.0.22"]},
            [f"r1: next hops of {VIP6}: expected 2001:db8:20::21 2001:db8:20::22, found none"],
        ),
        (
            "p1.loadbalancer_state.routes",
            {"0.0.0.0/0": ["10.20.0.11"]},
            ["p1: next hops of ::/0: expected 2001:db8:20::11, found none"],
        ),
        (
            "p1.loadbalancer_state.sysctls",
            {**SYSCTLS["p1"], "net.ipv4.conf.all.arp_ignore": "0"},
            [
                "p1: kernel parameters: expected net.ipv4.conf.all.arp_ignore 1, found net.ipv4.conf.all.arp_ignore 0",
            ],
        ),
        (
            "d1.loadbalancer_state.sysctls",
            {**SYSCTLS["d1"], "net.ipv4.vs.sloppy_tcp": None},
            ["d1: kernel parameters: expected net.ipv4.vs.sloppy_tcp 1, found net.ipv4.vs.sloppy_tcp None"],
        ),
        ("p1.loadbalancer_state.local_vips", [VIP4], [f"p1: local VIPs: expected {VIP4} {VIP6}, found {VIP4}"]),
        (
            "d1.loadbalancer_state.local_vips",
            [VIP4, VIP6, "198.51.100.9"],
            [f"d1: local VIPs: expected {VIP4} {VIP6}, found {VIP4} 198.51.100.9 {VIP6}"],
        ),
        ("d1.loadbalancer_state.announced_vips", [], [f"d1: announced VIPs: expected {VIP4} {VIP6}, found none"]),
        ("p1.loadbalancer_state.announced_vips", [VIP4], [f"p1: announced VIPs: expected none, found {VIP4}"]),
        (
            "p1.loadbalancer_state.haproxy",
            {"web": {"b1": "DOWN"}},
            ["p1: backends of the proxy: expected 2 up, found web/b1 DOWN, api/b1 absent"],
        ),
        (
            "d1.loadbalancer_ipvs.services.0.destinations.0.weight",
            0,
            [
                f"d1: IPVS tables: expected tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1, "
                f"found tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=0 10.20.0.31:80=1",
                f"d2: agreement of directors: expected the tables of d1, found tcp {VIP4}:80: weight of 10.20.0.32:80",
            ],
        ),
        (
            "d1.loadbalancer_ipvs.services.0.destinations.0.forwarding",
            "tun",
            [
                f"d1: IPVS tables: expected tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1, "
                f"found tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 by tun 10.20.0.31:80=1",
            ],
        ),
        (
            "d1.loadbalancer_ipvs.services.0.scheduler_flags",
            ["mh-port"],
            [
                f"d1: IPVS tables: expected tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1, "
                f"found tcp {VIP4}:80 mh mh-port 10.20.0.32:80=1 10.20.0.31:80=1",
            ],
        ),
        (
            "d1.loadbalancer_ipvs.services.0.scheduler",
            "rr",
            [
                f"d1: IPVS tables: expected tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1, "
                f"found tcp {VIP4}:80 rr mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1",
                f"d2: agreement of directors: expected the tables of d1, found tcp {VIP4}:80 has no Maglev table",
            ],
        ),
        (
            "d2.loadbalancer_ipvs.services.0.destinations",
            virtual_server(VIP4, 80, PROXIES[4][::-1])["destinations"],
            [
                f"d2: IPVS tables: expected tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.32:80=1 10.20.0.31:80=1, "
                f"found tcp {VIP4}:80 mh mh-fallback mh-port 10.20.0.31:80=1 10.20.0.32:80=1",
                f"d2: agreement of directors: expected the tables of d1, found tcp {VIP4}:80: ",
            ],
        ),
        (
            "d2.loadbalancer_ipvs.services",
            [virtual_server(VIP4, 80, PROXIES[4])],
            [
                f"d2: IPVS tables: expected tcp {VIP4}:443 mh ",
                f"d2: agreement of directors: expected the tables of d1, found tcp {VIP4}:443 is on one of them only ",
            ],
        ),
        (
            "d2.loadbalancer_state",
            {"failed": True, "msg": "vtysh"},
            ["d2: live state: expected read, found not read, see the error above"],
        ),
        (
            "c1.loadbalancer_answers.answers.0",
            {"status": 200, "location": "", "error": ""},
            [f"c1: http request to {VIP4}:80: expected redirect to https, found status 200"],
        ),
        (
            "c1.loadbalancer_answers.answers.2",
            {"status": 301, "location": "http://elsewhere/", "error": ""},
            [f"c1: http request to [{VIP6}]:80: expected redirect to https, found status 301"],
        ),
        (
            "c1.loadbalancer_answers.answers.1",
            {"status": 503, "location": "", "error": ""},
            [f"c1: https request to {VIP4}:443: expected an answer below 500, found status 503"],
        ),
        (
            "c1.loadbalancer_answers.answers.3",
            {"status": None, "location": "", "error": "TimeoutError: timed out"},
            [f"c1: https request to [{VIP6}]:443: expected an answer below 500, found TimeoutError: timed out"],
        ),
        (
            "c1.loadbalancer_answers",
            {"unreachable": True},
            ["c1: requests: expected sent, found not sent, see the error above"],
        ),
        (
            "c1.loadbalancer_answers.answers",
            [],
            ["c1: requests: expected 4 answers, found 0 answers"],
        ),
    ],
)
def test_what_is_wrong_is_found(path: str, value: Any, lines: list[str]) -> None:
    hosts = everything(GROUPS)
    deployment.put(hosts, path, value)
    found = failures(hosts)
    assert len(found) == len(lines), found
    for line, start in zip(found, lines, strict=True):
        assert line.startswith(start)


def test_in_two_tiers_proxies_are_next_hops_and_announce() -> None:
    hosts = everything(TWO_TIERS)
    hosts["r1"]["loadbalancer_state"]["routes"][VIP4] = ["10.20.0.31"]
    hosts["p2"]["loadbalancer_state"]["announced_vips"] = [VIP4]
    assert failures(hosts, TWO_TIERS) == [
        f"r1: next hops of {VIP4}: expected 10.20.0.31 10.20.0.32, found 10.20.0.31",
        f"p2: announced VIPs: expected {VIP4} {VIP6}, found {VIP4}",
    ]


def test_requests_are_those_whose_answers_are_checked() -> None:
    requests = verification.probe_requests(THREE)
    assert [(request["address"], request["port"], request["protocol"]) for request in requests] == [
        (VIP4, 80, "http"),
        (VIP4, 443, "https"),
        (VIP6, 80, "http"),
        (VIP6, 443, "https"),
    ]
    assert len(list(verification.answer_checks(ANSWERS, "c1", THREE))) == len(requests)


def test_a_request_over_tls_names_the_host_and_never_a_wildcard() -> None:
    certificate = {"name": "www", "file": "/www.pem", "domains": ["*.example.com", "shop.example.com"]}
    hosts = deployment.deployment("")
    for variables in hosts.values():
        variables["loadbalancer_certificates"] = [certificate]
    requests = verification.probe_requests(deployment.compiled(hosts))
    assert [request.get("host") for request in requests] == [None, "shop.example.com"] * 2


def test_an_excluded_proxy_has_weight_0_and_is_named() -> None:
    whole = compiled(p1={"haproxy_l7_excluded": "yes"})
    hosts = everything(GROUPS, whole)
    assert [line.split(":")[0] for line in failures(hosts, whole=whole)] == ["d1", "d2"]
    for director in ("d1", "d2"):
        for service in hosts[director]["loadbalancer_ipvs"]["services"]:
            service["destinations"][1]["weight"] = 0
    assert failures(hosts, whole=whole) == []
    assert verification.remarks(to_data(whole), list(hosts)) == ["Excluded on purpose: p1"]


def test_an_excluded_proxy_announces_nothing_in_two_tiers() -> None:
    whole = compiled(TWO_TIERS, p1={"haproxy_l7_excluded": True})
    hosts = everything(TWO_TIERS, whole)
    assert [line.split(" of ")[0] for line in failures(hosts, whole=whole)] == ["r1: next hops"] * 2 + [
        f"p1: announced VIPs: expected none, found {VIP4} {VIP6}"
    ]


def test_hosts_outside_of_the_run_are_not_looked_at_and_named() -> None:
    hosts = {name: values for name, values in everything(GROUPS).items() if name in ("r1", "d1")}
    assert failures(hosts) == []
    assert verification.remarks(to_data(THREE), list(hosts)) == [
        "Not looked at, because they are outside of this run: d2 p1 p2"
    ]


VRRP = {
    "keepalived_vrrp_instances": [
        {"name": "v", "interface": "eth1", "virtual_router_id": 1, "priority": 100, "addresses": ["10.20.0.100/24"]}
    ]
}


@pytest.mark.parametrize(("holders", "found"), [(["d2"], ""), (["d1"], "d1"), (["d1", "d2"], "d2 d1"), ([], "none")])
def test_one_of_the_hosts_that_share_an_address_holds_it(holders: list[str], found: str) -> None:
    hosts = {name: deployment.host(deployment.NODES[name], "/www.pem") | copy.deepcopy(VRRP) for name in ("d1", "d2")}
    hosts["d2"]["keepalived_vrrp_instances"][0]["priority"] = 200
    whole = deployment.compiled(hosts, {"directors": ["d1", "d2"]})
    states = {
        name: {"loadbalancer_state": {"sysctls": {}, "addresses": ["10.20.0.100"] if name in holders else []}}
        for name in hosts
    }
    line = f"d2: holder of 10.20.0.100: expected d2, found {found}"
    assert failures(states, whole=whole) == ([line] if found else [])


def test_the_table_can_be_read() -> None:
    checks = [
        expectations.check("bgp_sessions", "r1", "BGP sessions", "8 established", "8 established"),
        expectations.check("local_vips", "p1", "local VIPs", [VIP4], []),
    ]
    assert verification.table(checks, ["A remark"]) == [
        "HOST  CHECK         FOUND",
        "r1    BGP sessions  8 established  ok",
        "p1    local VIPs    none           FAILED, expected 198.51.100.1",
        "A remark",
        "2 checks, 1 failed",
    ]


@pytest.mark.parametrize("host", ["r1", "d1", "p1"])
def test_parameters_are_those_that_the_roles_of_a_host_set(host: str) -> None:
    names = FilterModule().filters()["verified_sysctls"](to_data(THREE), host)
    assert names == sorted(SYSCTLS[host])
    assert ("net.ipv4.vs.sloppy_tcp" in names) == (host == "d1")
    assert ("net.ipv4.conf.all.arp_ignore" in names) == (host != "r1")
