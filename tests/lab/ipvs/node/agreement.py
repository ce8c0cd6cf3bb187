# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab node: does maglev.py send each flow where the kernel sends it?

Prints one JSON object: tables, flows, wrong_count, wrong (the first ones that differ), seconds.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import random
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.kernel import Kernel
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import (
    Destination,
    ServiceKey,
    Settings,
    service_dict,
)
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.operations import Operation
from ansible_collections.multitier.loadbalancer.tests.lab.ipvs.node import flows
from ansible_collections.multitier.loadbalancer.tests.unit.support.memory_kernel import MemoryKernel

if TYPE_CHECKING:
    from collections.abc import Sequence

VIPS = {"ipv4": "203.0.113.1", "ipv6": "2001:db8:ffff::1"}
SETUP = """
modprobe ip_vs_mh
ip link add servers type dummy
ip link set servers up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -qw net.ipv4.vs.expire_nodest_conn=1 net.ipv4.vs.sloppy_tcp=0
ip route add 10.9.0.0/16 dev servers
ip -6 route add 2001:db8:9::/48 dev servers
ip route add local 203.0.113.0/24 dev lo
ip -6 route add local 2001:db8:ffff::1/128 dev lo
tc qdisc add dev flows0 ingress
tc filter add dev flows0 parent ffff: protocol ip u32 match ip dst 203.0.113.7/32 action skbedit mark 7
"""
CLEAR = """
ip link del servers
ip route del local 203.0.113.0/24
ip -6 route del local 2001:db8:ffff::1/128
"""


class Case(NamedTuple):
    """A table to try: a service and the operations that make it what it is."""

    name: str
    key: ServiceKey
    settings: Settings
    history: list[Operation]


def server(number: int, family: str, port: int, weight: int = 1, forwarding: str = "dr") -> Destination:
    """The n-th real server."""
    high, low = divmod(number, 250)
    address = f"10.9.{high}.{low + 1}" if family == "ipv4" else f"2001:db8:9:{high:x}:{low * 79:x}::{low + 1:x}"
    return Destination(family, socket_text(address), port, weight, forwarding)


def socket_text(address: str) -> str:
    """Canonical text."""
    return str(ipaddress.ip_address(address))


class Cases:
    """Builds the cases; ports tell the services apart."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._port = 2000
        self.cases: list[Case] = []

    def add(
        self,
        name: str,
        weights: Sequence[int],
        flags: Sequence[str] = (),
        *,
        family: str = "ipv4",
        servers: str | None = None,
        protocol: str = "tcp",
        order: Sequence[int] | None = None,
        edits: Sequence[tuple[str, int, int]] = (),
        fwmark: int = 0,
    ) -> None:
        """`edits` are (verb, number of the server, weight), done after all are added in `order`."""
        self._port += 1
        key = ServiceKey(family, protocol=protocol, address=VIPS[family], port=self._port)
        port = self._port
        if fwmark:
            key, port = ServiceKey(family, fwmark=fwmark), 0
        settings = Settings(scheduler_flags=frozenset(flags), prefix_length=32 if family == "ipv4" else 128)
        server_family = servers or family
        forwarding = "dr" if server_family == family else "tunnel"
        history = [Operation("add_service", key, settings=settings)]
        steps = [("add", number, weights[number]) for number in order or range(len(weights))]
        for verb, number, weight in [*steps, *edits]:
            item = server(number, server_family, port, weight, forwarding)
            history.append(Operation(f"{verb}_destination", key, destination=item))
        self.cases.append(Case(name, key, settings, history))

    def all(self) -> list[Case]:
        """The cases of issue 3's measure."""
        draw = self._draw
        flag_sets: tuple[list[str], ...] = ([], ["mh-port"], ["mh-fallback"], ["mh-fallback", "mh-port"])
        for count in (2, 3, 5, 10, 50, 200):
            for flags in flag_sets:
                self.add(f"{count} equal", [1] * count, flags)
        for weights in ([1, 2, 3, 100, 1000], [100, 99, 50, 1, 7], [65535, 1], [6, 4, 2], [100, 200, 0, 100], [3] * 7):
            self.add(f"weights {weights}", weights, ["mh-port", "mh-fallback"])
        for count in (8, 40):
            self.add(f"{count} random weights", [draw.randrange(1, 500) for _i in range(count)], ["mh-port"])
        for flags in flag_sets:
            self.add("2 of 10 to 0", [1] * 10, flags, edits=[("edit", 3, 0), ("edit", 7, 0)])
            self.add("added at 0, one raised", [1, 0, 1, 0], flags, edits=[("edit", 1, 1)])
        self.add("weights to 0 and back", [5, 3, 2], ["mh-port"], edits=[("edit", 0, 0), ("edit", 0, 2)])
        self.add("all to 0", [1, 1], ["mh-fallback"], edits=[("edit", 0, 0), ("edit", 1, 0)])
        for count in (5, 10, 50, 200):
            self.add(f"{count} descending", [1] * count, ["mh-port"], order=range(count - 1, -1, -1))
            self.add(f"{count} shuffled", [1] * count, ["mh-port"], order=draw.sample(range(count), count))
        for count in (5, 50):
            again = [("delete", 2, 1), ("add", 2, 1), ("delete", 0, 1), ("add", 0, 1), ("delete", 1, 1)]
            self.add(f"{count}, removed and re-added", [1] * count, ["mh-port", "mh-fallback"], edits=again)
        for count in (3, 10, 50):
            self.add(f"{count} IPv6", [1] * count, ["mh-port"], family="ipv6")
            self.add(f"{count} IPv6", [1] * count, [], family="ipv6")
        self.add("IPv6 weights", [7, 0, 100], ["mh-fallback"], family="ipv6", edits=[("edit", 0, 0)])
        self.add("IPv6 to IPv4 tunnels", [1] * 6, ["mh-port"], family="ipv6", servers="ipv4")
        self.add("IPv4 to IPv6 tunnels", [1] * 6, ["mh-port"], servers="ipv6")
        self.add("UDP", [1] * 6, ["mh-port"], protocol="udp")
        self.add("UDP without port", [1] * 6, [], protocol="udp")
        self.add("fwmark", [1] * 6, ["mh-port"], fwmark=7)
        return self.cases


def try_case(case: Case, kernel: Kernel, sender: flows.Sender, count: int, seed: int) -> list[str]:
    """What differs between the model and the kernel, nothing if all is well."""
    memory = MemoryKernel()
    wrong = []
    for operation in case.history:
        expected, numbers = memory.execute([operation]), kernel.execute([operation])
        if expected != numbers:
            wrong.append(f"{case.name}: {operation}: errno {numbers}, expected {expected}")
    (service,) = kernel.read(lambda key: key == case.key)
    if memory.read() != [service]:
        wrong.append(f"{case.name}: the kernel's list is {[item.name for item in service.destinations]}")
    described = service_dict(service, maglev.DEFAULT_TABLE_SIZE)
    for item in described["destinations"]:
        item["last_weight"] = memory.last_weight(case.key, item["name"])
    pool = maglev.pool_of(described)
    table = maglev.build(pool)
    clients = dict.fromkeys(flows.sources(case.key.family, count, seed))
    model: dict[flows.Client, str | None] = {}
    for source, port in clients:
        found = maglev.lookup(pool, table, ipaddress.ip_address(source), port)
        model[source, port] = found.name if found else None
    seen = flows.probe(sender, case.key, clients, {client for client, name in model.items() if name is None})
    kernel.execute([Operation("delete_service", case.key)])
    for client in clients:
        if seen.get(client) != model[client]:
            wrong.append(f"{case.name}: {client} went to {seen.get(client)}, expected {model[client]}")
    return wrong


def main() -> None:
    """Try all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=400, help="flows of each table")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    flows.shell(CLEAR, check=False)
    result: dict[str, Any] = {"tables": 0, "flows": 0, "wrong": []}
    with flows.Sender() as sender:
        flows.shell(SETUP)
        kernel = Kernel()
        for number, case in enumerate(Cases(options.seed).all()):
            result["wrong"] += try_case(case, kernel, sender, options.flows, options.seed + number)
            result["tables"] += 1
            result["flows"] += options.flows
    flows.shell(CLEAR, check=False)
    result["wrong_count"] = len(result["wrong"])
    result["wrong"] = result["wrong"][:20]
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
