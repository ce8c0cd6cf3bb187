# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which two directors get out of step, with keepalived running, and what puts them right.

After each, the module `ipvs` lays the canonical order over what keepalived made (weights are keepalived's business and
are left alone), and 1,000 flows probed on both directors must go to the same servers.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import testinfra
from ansible_collections.multitier.loadbalancer.plugins.module_utils import maglev
from ansible_collections.multitier.loadbalancer.plugins.module_utils.maglev_diff import compare

from .conftest import run_program, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

VIP = "203.0.113.1"
ALL = (31, 32, 33, 34, 35)
SEEDS = itertools.count(100)
KEEPALIVED = """\
global_defs {{
    router_id test
}}
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
    real_server 10.9.0.{byte} 80 {{
        weight {weight}
        inhibit_on_failure
        TCP_CHECK {{
            connect_timeout 1
            retry 0
        }}
    }}"""


class Directors:
    """Both directors, and the host with the real servers' addresses."""

    def __init__(self, inventory: str, archive: str) -> None:
        self.inventory = inventory
        self.d1, self.d2, self.proxies = (
            testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory) for name in ("d1", "d2", "p1")
        )
        self.weights: dict[int, int] = {}
        for director in self.both:
            unpack(director, archive)
            director.check_output("modprobe ip_vs_mh && sysctl -qw net.ipv4.vs.expire_nodest_conn=1")
            director.check_output(f"ip route replace local {VIP}/32 dev lo")
        self.proxies.check_output(
            "systemctl is-active servers || systemd-run --unit servers python3 -m http.server 80 -d /run/lock"
        )

    @property
    def both(self) -> tuple[Any, Any]:
        return self.d1, self.d2

    def configure(self, director: Any, servers: Sequence[int], weights: dict[int, int] | None = None) -> None:
        """Write keepalived's file, without telling it."""
        text = "\n".join(SERVER.format(byte=byte, weight=(weights or {}).get(byte, 1)) for byte in servers)
        text = KEEPALIVED.format(vip=VIP, servers=text)
        director.check_output(f"cat > /etc/keepalived/keepalived.conf <<'END'\n{text}\nEND\n")

    @staticmethod
    def reload(director: Any) -> None:
        director.check_output("systemctl reload keepalived")

    @staticmethod
    def restart(director: Any) -> None:
        director.check_output("systemctl restart keepalived")

    def fail(self, byte: int) -> None:
        """Take a server's address away; not the first one, whose going would take the others along."""
        self.proxies.check_output(f"ip addr del 10.9.0.{byte}/24 dev eth1")

    def heal(self, byte: int) -> None:
        self.proxies.check_output(f"ip addr replace 10.9.0.{byte}/24 dev eth1")

    def wait(self, weights: dict[int, int], *directors: Any) -> None:
        """Wait until keepalived has given the servers these weights."""
        wanted = {f"10.9.0.{byte}:80": weight for byte, weight in weights.items()}
        for director in directors or self.both:
            for _attempt in range(60):
                found = {item["name"]: item["weight"] for item in self.service(director)["destinations"]}
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

    def service(self, director: Any) -> dict[str, Any]:
        """The service as the kernel has it, through the module_utils of ipvs_info."""
        found: dict[str, Any] = run_program(director, "service.py", VIP, "80")
        return found

    def repair(self, order: Sequence[int]) -> dict[str, dict[str, Any]]:
        """Lay the canonical order over both tables. No weight is named, so keepalived's stay."""
        destinations = [{"address": f"10.9.0.{byte}"} for byte in order]
        services = [{"address": VIP, "port": 80, "destinations": destinations}]
        return self.ansible("ipvs", {"services": services, "state": "present", "reorder": True})

    def moved(self) -> float:
        """Share of flows that the directors send to different servers, as the filter maglev_diff tells it."""
        first, second = (maglev.pool_of(self.service(director)) for director in self.both)
        return float(compare(first, second)["moved"])

    def agree(self) -> int:
        """Probe both with the same 1,000 new flows; all must go to the same servers. Returns how many."""
        seed = next(SEEDS)
        answers = [run_program(director, "probe.py", VIP, "80", "--seed", str(seed)) for director in self.both]
        different = {client for client in answers[0] if answers[0][client] != answers[1][client]}
        assert not different, f"{len(different)} of {len(answers[0])} flows, for example {sorted(different)[:3]}"
        assert None not in answers[0].values()
        return len(answers[0])


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
    for byte in (31, 34):
        name = f"-t {VIP}:80 -r 10.9.0.{byte}:80"
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
    print(f"{way.__name__}: {drifted:.2%} of flows moved before, {directors.agree()} of 1000 agree after")
    assert directors.moved() == 0
    assert (drifted > 0) <= any(result["changed"] for result in first.values())


def test_keepalived_goes_on_with_a_repaired_table(directors: Directors) -> None:
    """A server that fails, and comes back, is still seen on both."""
    directors.repair(by_hand(directors))
    directors.fail(35)
    directors.wait({**dict.fromkeys(ALL, 1), 35: 0})
    assert directors.moved() == 0
    directors.heal(35)
    directors.wait(dict.fromkeys(ALL, 1))
    assert directors.moved() == 0
