# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which two directors get out of step, with keepalived running, and what puts them right.

After each, the module `ipvs` lays the canonical order over what keepalived made (weights are keepalived's business and
are left alone), and 1,000 flows of each family, probed on both directors, must go to the same servers.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import testinfra
from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev
from ansible_collections.multitier.loadbalancer.plugins.module_utils.maglev_diff import compare

from .conftest import install, run_program, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ALL = (31, 32, 33, 34, 35)
SEEDS = itertools.count(100)


class Family(NamedTuple):
    """What one IP version's service is made of: the same servers, known by their last number."""

    vip: str
    network: str
    length: int

    def address(self, byte: int) -> str:
        """A server's address."""
        return f"{self.network}{byte}"

    def name(self, byte: int) -> str:
        """A server's address and port, as ipvs_info and ipvsadm write them."""
        return f"[{self.address(byte)}]:80" if ":" in self.network else f"{self.address(byte)}:80"


FAMILIES = (Family("203.0.113.1", "10.9.0.", 24), Family("2001:db8:100::1", "2001:db8:9::", 64))
IN_STEP = {family.vip: 0.0 for family in FAMILIES}
VIRTUAL_SERVER = """\
virtual_server {vip} 80 {{
    delay_loop 1
    lvs_sched mh
    mh-port
    mh-fallback
    lvs_method DR
    protocol TCP
{servers}
}}
"""
SERVER = """\
    real_server {address} 80 {{
        weight {weight}
        inhibit_on_failure
        TCP_CHECK {{
            connect_timeout 1
            retry 0
        }}
    }}"""


def keepalived_conf(servers: Sequence[int], weights: dict[int, int]) -> str:
    """A service of each family, with servers in this order; weights are 1 where none is given."""
    services = [
        VIRTUAL_SERVER.format(
            vip=family.vip,
            servers="\n".join(
                SERVER.format(address=family.address(byte), weight=weights.get(byte, 1)) for byte in servers
            ),
        )
        for family in FAMILIES
    ]
    return "global_defs {\n    router_id test\n}\n" + "".join(services)


class Directors:
    """Both directors, and the host with the real servers' addresses."""

    def __init__(self, inventory: str, archive: str) -> None:
        self.inventory = inventory
        self.d1, self.d2, self.proxies = (
            testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory) for name in ("d1", "d2", "p1")
        )
        self.weights: dict[int, int] = {}
        for director in self.both:
            install(director)
            unpack(director, archive)
            director.check_output("modprobe ip_vs_mh && sysctl -qw net.ipv4.vs.expire_nodest_conn=1")
            for family in FAMILIES:
                director.check_output(f"ip route replace local {family.vip} dev lo")
        self.proxies.check_output(
            "systemctl is-active servers || systemd-run --unit servers python3 -m http.server 80 --bind :: -d /run/lock"
        )

    @property
    def both(self) -> tuple[Any, Any]:
        return self.d1, self.d2

    def configure(self, director: Any, servers: Sequence[int], weights: dict[int, int] | None = None) -> None:
        """Write keepalived's file, without telling it."""
        text = keepalived_conf(servers, weights or {})
        director.check_output(f"cat > /etc/keepalived/keepalived.conf <<'END'\n{text}\nEND\n")

    @staticmethod
    def reload(director: Any) -> None:
        director.check_output("systemctl reload keepalived")

    @staticmethod
    def restart(director: Any) -> None:
        director.check_output("systemctl restart keepalived")

    def fail(self, byte: int) -> None:
        """Take a server's addresses away; not the first one, whose going would take the others along."""
        for family in FAMILIES:
            self.proxies.check_output(f"ip addr del {family.address(byte)}/{family.length} dev eth1")

    def heal(self, byte: int) -> None:
        """Give a server its addresses back."""
        for family in FAMILIES:
            nodad = "nodad" if ":" in family.network else ""
            self.proxies.check_output(f"ip addr replace {family.address(byte)}/{family.length} dev eth1 {nodad}")

    def wait(self, weights: dict[int, int], *directors: Any) -> None:
        """Wait until keepalived has given the servers these weights."""
        for director, family in itertools.product(directors or self.both, FAMILIES):
            wanted = {family.name(byte): weight for byte, weight in weights.items()}
            for _attempt in range(60):
                found = {item["name"]: item["weight"] for item in self.service(director, family)["destinations"]}
                if found == wanted:
                    break
                time.sleep(0.5)
            else:
                raise AssertionError(f"keepalived does not come to {wanted}, it is at {found}")

    def ansible(self, module: str, arguments: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Run a module of the collection on both directors; results by host."""
        command = ["ansible", "d1,d2", "-i", self.inventory, "-m", f"multitier.loadbalancer.{module}"]
        plain = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
        done = subprocess.run(
            [*command, "-a", json.dumps(arguments), "--one-line"], check=True, capture_output=True, text=True, env=plain
        )
        lines = [line.split(" => ", 1) for line in done.stdout.splitlines() if " => " in line]
        return {host.split(" | ")[0]: json.loads(result) for host, result in lines}

    @staticmethod
    def service(director: Any, family: Family) -> dict[str, Any]:
        """The service as the kernel has it, through the module_utils of ipvs_info."""
        found: dict[str, Any] = run_program(director, "service.py", family.vip, "80")
        return found

    def repair(self, order: Sequence[int]) -> dict[str, dict[str, Any]]:
        """Lay the canonical order over both directors' tables. No weight is named, so keepalived's stay."""
        services = [
            {"address": family.vip, "port": 80, "destinations": [{"address": family.address(byte)} for byte in order]}
            for family in FAMILIES
        ]
        return self.ansible("ipvs", {"services": services, "state": "present", "reorder": True})

    def moved(self) -> dict[str, float]:
        """Share of flows that the directors send to different servers, as the filter maglev_diff tells it, by VIP."""
        shares = {}
        for family in FAMILIES:
            first, second = (maglev.pool_of(self.service(director, family)) for director in self.both)
            shares[family.vip] = float(compare(first, second)["moved"])
        return shares

    def agree(self) -> dict[str, int]:
        """Probe both with the same 1,000 new flows a VIP; all must go to the same servers. Returns how many, by VIP."""
        counts = {}
        for family in FAMILIES:
            seed = next(SEEDS)
            first, second = (
                run_program(director, "probe.py", family.vip, "80", "--seed", str(seed)) for director in self.both
            )
            different = {client for client in first if first[client] != second[client]}
            assert not different, f"{family.vip}: {len(different)} of {len(first)} flows, {sorted(different)[:3]}"
            assert None not in first.values()
            counts[family.vip] = len(first)
        return counts


@pytest.fixture(scope="module")
def directors(request: pytest.FixtureRequest, archive: str) -> Iterator[Directors]:
    directors = Directors(request.config.getoption("ansible_inventory"), archive)
    yield directors
    for director in directors.both:
        director.check_output("systemctl stop keepalived")


@pytest.fixture(autouse=True)
def in_step(directors: Directors) -> None:
    """Both directors start from the same file and healthy servers."""
    for byte in ALL:
        directors.heal(byte)
    for director in directors.both:
        directors.configure(director, ALL)
        directors.restart(director)
    directors.wait(dict.fromkeys(ALL, 1))


def other_order(directors: Directors) -> Sequence[int]:
    """The file of one director has another order."""
    directors.configure(directors.d2, (33, 35, 31, 34, 32))
    directors.restart(directors.d2)
    directors.wait(dict.fromkeys(ALL, 1))
    return ALL


def started_during_an_outage(directors: Directors) -> Sequence[int]:
    """One director starts while a server is down, the other saw it fail."""
    directors.d2.check_output("systemctl stop keepalived")
    directors.fail(33)
    directors.wait({**dict.fromkeys(ALL, 1), 33: 0}, directors.d1)
    directors.d2.check_output("systemctl start keepalived")
    directors.wait({**dict.fromkeys(ALL, 1), 33: 0})
    return ALL


def flapping_check(directors: Directors) -> Sequence[int]:
    """A server comes and goes, and one director is restarted meanwhile."""
    for round_ in range(3):
        directors.fail(32)
        directors.wait({**dict.fromkeys(ALL, 1), 32: 0})
        if round_ == 1:
            directors.restart(directors.d1)
            directors.wait({**dict.fromkeys(ALL, 1), 32: 0})
        directors.heal(32)
        directors.wait(dict.fromkeys(ALL, 1))
    return ALL


def inserted_by_reload(directors: Directors) -> Sequence[int]:
    """A server is inserted in the middle: one director reloads, the other restarts."""
    order = (31, 32, 35, 33, 34)
    for director in directors.both:
        directors.configure(director, (31, 32, 33, 34))
        directors.restart(director)
    directors.wait(dict.fromkeys(order[:2] + order[3:], 1))
    for director in directors.both:
        directors.configure(director, order)
    directors.reload(directors.d1)
    directors.restart(directors.d2)
    directors.wait(dict.fromkeys(order, 1))
    return order


def removed_and_added_again(directors: Directors) -> Sequence[int]:
    """A server is taken out of one director's file and put back."""
    directors.configure(directors.d1, (31, 33, 34, 35))
    directors.reload(directors.d1)
    directors.wait(dict.fromkeys((31, 33, 34, 35), 1), directors.d1)
    directors.configure(directors.d1, ALL)
    directors.reload(directors.d1)
    directors.wait(dict.fromkeys(ALL, 1))
    return ALL


def weight_changed(directors: Directors) -> Sequence[int]:
    """A weight changes, then the server fails: one director reloaded, the other was restarted during the outage."""
    for director in directors.both:
        directors.configure(director, ALL, {34: 5})
    directors.reload(directors.d1)
    directors.wait({**dict.fromkeys(ALL, 1), 34: 5}, directors.d1)
    directors.fail(34)
    directors.restart(directors.d2)
    directors.wait({**dict.fromkeys(ALL, 1), 34: 0})
    return ALL


def by_hand(directors: Directors) -> Sequence[int]:
    """Somebody deletes servers with ipvsadm and adds them again."""
    for family, byte in itertools.product(FAMILIES, (31, 34)):
        vip = f"[{family.vip}]" if ":" in family.vip else family.vip
        name = f"-t {vip}:80 -r {family.name(byte)}"
        directors.d2.check_output(f"ipvsadm -d {name} && ipvsadm -a {name} -g -w 1")
    return ALL


def shuffled_while_down(directors: Directors) -> Sequence[int]:
    """The order differs while a server is at weight 0: repairing must keep its slots."""
    directors.fail(33)
    directors.configure(directors.d1, (35, 34, 33, 32, 31))
    directors.restart(directors.d1)
    directors.wait({**dict.fromkeys(ALL, 1), 33: 0})
    return ALL


WAYS = [
    other_order,
    started_during_an_outage,
    flapping_check,
    inserted_by_reload,
    removed_and_added_again,
    weight_changed,
    by_hand,
    shuffled_while_down,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_directors_agree_again(directors: Directors, way: Callable[[Directors], Sequence[int]]) -> None:
    order = way(directors)
    drifted = directors.moved()
    first = directors.repair(order)
    assert directors.repair(order)["d1"]["changed"] is False
    print(f"{way.__name__}: shares of flows that moved {drifted}, flows that agree after {directors.agree()}")
    assert directors.moved() == IN_STEP
    assert (drifted != IN_STEP) <= any(result["changed"] for result in first.values())


def test_keepalived_goes_on_with_a_repaired_table(directors: Directors) -> None:
    """A server that fails, and comes back, is still seen on both."""
    directors.repair(by_hand(directors))
    directors.fail(35)
    directors.wait({**dict.fromkeys(ALL, 1), 35: 0})
    assert directors.moved() == IN_STEP
    directors.heal(35)
    directors.wait(dict.fromkeys(ALL, 1))
    assert directors.moved() == IN_STEP
