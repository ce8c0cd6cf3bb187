# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip-gate: VIPs follow what keepalived reports, in order, and only while its health checks live."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import namespace
from ansible_collections.multitier.loadbalancer.tests.unit.support.gate_host import VIPS, Changes, Host, quorum, vs
from ansible_collections.multitier.loadbalancer.tests.unit.support.namespace import wait_until


@namespace.needed
def test_a_vip_is_announced_when_all_its_virtual_servers_have_their_quorum(host: Host) -> None:
    host.configure(quorum(VIPS[0], ports=(80, 443)), quorum(VIPS[1]))
    host.start_checker()
    host.start()
    host.report(vs(VIPS[0], "UP"), "RS [10.0.0.1]:tcp:80 [198.51.100.1]:tcp:80 UP", vs(VIPS[1], "UP"), "nonsense")
    host.until(VIPS[1])
    host.report(vs(VIPS[0], "UP", 443))
    host.until(*VIPS)
    host.report(vs(VIPS[0], "DOWN", 80))
    host.until(VIPS[1])


@namespace.needed
def test_the_last_report_wins_whatever_comes_between(host: Host) -> None:
    host.configure(*(quorum(vip) for vip in VIPS))
    host.start_checker()
    host.start()
    for last, expected in (("UP", VIPS), ("DOWN", []), ("UP", VIPS)):
        other = "DOWN" if last == "UP" else "UP"
        for dummy in range(20):
            host.report(*(vs(vip, state) for state in (last, other, last) for vip in VIPS))
        host.until(*expected)
        host.stays(*expected, seconds=0.5)


@namespace.needed
def test_the_first_announcement_waits_and_a_loss_meanwhile_counts(host: Host) -> None:
    """That is, keepalived reports a quorum before it has checked anything."""
    host.configure(*(quorum(vip) for vip in VIPS), hold=1)
    host.start_checker()
    host.start()
    wait_until("it runs", (host.directory / "running").exists)
    began = time.monotonic()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    time.sleep(0.3)
    host.report(vs(VIPS[1], "DOWN"))
    host.until(VIPS[0])
    assert 0.9 < time.monotonic() - began < 3
    host.report(vs(VIPS[1], "UP"))
    assert host.until(*VIPS) < 1, "only the first one waits"


@namespace.needed
def test_reports_that_came_while_the_gate_was_away_are_not_lost(host: Host) -> None:
    host.configure(*(quorum(vip) for vip in VIPS), hold=1)
    host.start_checker()
    host.report(*(vs(vip, "UP") for vip in VIPS))  # as in a deployment: keepalived starts first
    host.start()
    host.until(*VIPS)
    host.signal(signal.SIGKILL)
    host.report(vs(VIPS[0], "DOWN"))
    changes = Changes(host)
    host.start()
    host.until(VIPS[1])
    assert not [line for line in changes.lines() if VIPS[1] in line]
    assert host.stop() == 0
    host.report(vs(VIPS[0], "UP"))
    host.start()
    assert host.until(*VIPS) < 1.5, "keepalived runs and has said that both have their quorum"


@namespace.needed
def test_when_the_health_checks_crash_all_is_withdrawn_until_new_ones_passed(host: Host) -> None:
    host.configure(*(quorum(vip) for vip in VIPS), hold=1)
    host.start_checker()
    host.start()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
    host.end_checker()
    host.until(seconds=1)
    host.start_checker()
    began = time.monotonic()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
    assert time.monotonic() - began > 0.9, "the checks that started anew have passed nothing yet"


@namespace.needed
def test_health_checks_that_crashed_while_the_gate_was_away_are_not_believed(host: Host) -> None:
    host.configure(*(quorum(vip) for vip in VIPS))
    host.start_checker()
    host.start()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
    host.signal(signal.SIGKILL)
    host.end_checker()
    host.start()
    host.until()
    host.start_checker()
    host.report(vs(VIPS[0], "UP"))
    host.until(VIPS[0])


@namespace.needed
def test_a_reload_of_keepalived_is_no_crash(host: Host) -> None:
    """It closes the FIFO and opens it again, and reports only what changed."""
    host.configure(*(quorum(vip) for vip in VIPS))
    host.start_checker()
    host.start()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
    changes = Changes(host)
    assert host.reports is not None
    os.close(host.reports)
    time.sleep(0.5)
    host.reports = os.open(host.fifo, os.O_RDWR | os.O_NONBLOCK)
    host.report("RS [10.0.0.1]:tcp:80 [198.51.100.1]:tcp:80 UP")
    time.sleep(0.5)
    assert changes.lines() == []
    host.report(vs(VIPS[0], "DOWN"))
    host.until(VIPS[1])


@namespace.needed
def test_a_vip_that_keepalived_has_before_the_gate_waits_and_disturbs_no_other(host: Host) -> None:
    host.configure(quorum(VIPS[0]), hold=1)
    host.start_checker()
    host.start()
    host.report(vs(VIPS[0], "UP"))
    host.until(VIPS[0])
    changes = Changes(host)
    host.report(vs(VIPS[1], "UP"))
    host.configure(*(quorum(vip) for vip in VIPS), hold=1)
    host.signal(signal.SIGHUP)
    host.until(*VIPS)
    assert not [line for line in changes.lines() if VIPS[0] in line]
    # one that left starts from the beginning when it comes back
    host.report(vs(VIPS[1], "DOWN"))
    host.configure(quorum(VIPS[0]), hold=1)
    host.signal(signal.SIGHUP)
    wait_until("it was reloaded", lambda: VIPS[1] not in str(json.loads(host.state.read_text())["servers"]))
    host.until(VIPS[0])
    host.report(vs(VIPS[1], "UP"))
    host.configure(*(quorum(vip) for vip in VIPS), hold=1)
    host.signal(signal.SIGHUP)
    assert host.until(*VIPS) > 0.5


@namespace.needed
def test_what_keepalived_has_not_reported_on_is_named(host: Host) -> None:
    """So that an operator sees why a VIP is not announced, when keepalived never opened the FIFO."""
    host.configure(*(quorum(vip) for vip in VIPS))
    host.start_checker()
    host.report(vs(VIPS[0], "UP"))
    host.start()
    host.until(VIPS[0])
    wait_until("it says so", lambda: f"not reported yet on [{VIPS[1]}]:tcp:80\n" in host.log())


@namespace.needed
def test_without_a_fifo_the_gate_says_what_is_missing_and_announces_nothing(host: Host) -> None:
    """If the gate made it, a keepalived that runs already would never open it."""
    host.configure(*(quorum(vip) for vip in VIPS))
    assert host.start().wait(10) == 1
    assert host.log().splitlines() == [
        f"{host.fifo}: there is no such FIFO; make it before keepalived starts or reloads"
    ]
    assert host.announced() == set()


@namespace.needed
def test_lost_reports_are_told_and_nothing_is_taken_for_granted(host: Host) -> None:
    host.configure(*(quorum(vip) for vip in VIPS))
    host.start_checker()
    host.start()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
    host.stop()
    with pytest.raises(BlockingIOError):
        while True:
            host.report(vs(VIPS[0], "DOWN"))
    host.start()
    wait_until("it says so", lambda: "reports of keepalived were lost" in host.log())
    host.stays()
    host.report(*(vs(vip, "UP") for vip in VIPS))
    host.until(*VIPS)
