# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip-gate: VIPs follow the health check of a URL, its configuration, and how it starts, reloads and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import namespace
from ansible_collections.multitier.loadbalancer.tests.unit.support.gate_host import PROGRAM, VIPS, Changes, Host, web
from ansible_collections.multitier.loadbalancer.tests.unit.support.namespace import wait_until

from roles.vip_gate.files import vip_gate


@namespace.needed
def test_vips_follow_the_health_check_of_their_own_service(host: Host) -> None:
    host.configure(web("www", *VIPS), web("api", "198.51.100.2"), rise=3)
    host.serve(www=200, api=503)
    host.start()
    assert host.until(*VIPS) > 0.3, "announced before three good answers"
    host.answer("api", 200)
    host.until(*VIPS, "198.51.100.2")
    host.answer("www", 503)
    host.until("198.51.100.2")
    host.answer("www", 200)
    host.until(*VIPS, "198.51.100.2")


@namespace.needed
def test_one_bad_answer_withdraws_nothing_and_no_answer_is_a_bad_one(host: Host) -> None:
    host.configure(web("www", *VIPS), fall=4)
    host.serve(www=200)
    host.start()
    host.until(*VIPS)
    changes = Changes(host)
    for dummy in range(2):
        host.answer("www", 500)
        time.sleep(0.3)
        host.answer("www", 200)
        time.sleep(0.5)
    assert changes.lines() == []
    host.children[0].kill()  # the web server
    host.until()


@namespace.needed
def test_stopping_withdraws_first_and_goes_on_for_the_delay(host: Host) -> None:
    host.configure(web("www", *VIPS), stop_delay=1)
    host.serve(www=200)
    host.start()
    host.until(*VIPS)
    began = time.monotonic()
    host.signal(signal.SIGTERM)
    host.until(seconds=1)
    assert host.daemon is not None and host.daemon.poll() is None, "it ended at once"
    assert host.daemon.wait(10) == 0
    assert time.monotonic() - began >= 1
    host.start()
    assert host.until(*VIPS) > 0
    assert host.stop() == 0


@namespace.needed
def test_nothing_that_an_earlier_run_left_is_announced_until_health_says_so(host: Host) -> None:
    host.configure(web("www", *VIPS))
    host.space.run(f"vip-announce up {' '.join(VIPS)} 198.51.100.99")
    host.answer("www", 503)
    host.serve(www=503)
    host.start()
    host.until("198.51.100.99")  # which is none of its own
    host.stays("198.51.100.99")


@namespace.needed
def test_a_reload_touches_nothing_that_did_not_change(host: Host) -> None:
    """A VIP is added to a healthy service, one is removed, a service comes and one goes."""
    host.configure(web("www", *VIPS, "198.51.100.3"), web("old", "198.51.100.4"), rise=3)
    host.serve(www=200, old=200, new=200)
    host.start()
    host.until(*VIPS, "198.51.100.3", "198.51.100.4")
    changes = Changes(host)
    host.configure(web("www", *VIPS, "198.51.100.5"), web("new", "198.51.100.6"), rise=3)
    host.signal(signal.SIGHUP)
    assert host.until(*VIPS, "198.51.100.5") < 2, "what is added to a healthy service waits for nothing"
    host.until(*VIPS, "198.51.100.5", "198.51.100.6")
    lines = changes.lines()
    assert not [line for line in lines for vip in VIPS if f" {vip} " in line], lines
    assert sorted(line.partition("blackhole ")[2].split()[0] for line in lines if "Deleted" in line) == [
        "198.51.100.3",
        "198.51.100.4",
    ]
    assert host.daemon is not None and host.daemon.poll() is None


@namespace.needed
def test_another_url_or_other_settings_of_a_service_make_it_not_flicker(host: Host) -> None:
    host.configure(web("www", *VIPS), rise=3)
    host.serve(www=200, other=200)
    host.start()
    host.until(*VIPS)
    changes = Changes(host)
    host.configure({**web("www", *VIPS), "url": "http://127.0.0.1:8090/other"}, rise=5, fall=1)
    host.signal(signal.SIGHUP)
    time.sleep(1.5)
    assert changes.lines() == []
    host.answer("other", 500)
    host.until(seconds=3)


@namespace.needed
def test_a_configuration_with_a_fault_is_not_loaded(host: Host) -> None:
    host.configure(web("www", *VIPS))
    host.serve(www=200)
    host.start()
    host.until(*VIPS)
    host.configure(web("www", "www.example.com"))
    host.signal(signal.SIGHUP)
    wait_until("it says so", lambda: "not reloaded" in host.log())
    host.stays(*VIPS)


@namespace.needed
def test_a_stop_during_a_reload_still_withdraws(host: Host) -> None:
    """Both signals at once, and the second in all phases of the first."""
    host.configure(web("www", *VIPS))
    host.serve(www=200)
    for delay in (0, 0.01, 0.04, 0.1, 0.2):
        host.start()
        host.until(*VIPS)
        host.signal(signal.SIGHUP)
        time.sleep(delay)
        assert host.stop() == 0, (delay, host.log())
        assert host.announced() == set(), delay


@namespace.needed
def test_a_killed_gate_is_followed_by_one_that_goes_on_where_it_was(host: Host) -> None:
    host.configure(web("www", *VIPS), web("api", "198.51.100.2"), rise=3)
    host.serve(www=200, api=200)
    host.start()
    host.until(*VIPS, "198.51.100.2")
    changes = Changes(host)
    host.signal(signal.SIGKILL)
    host.start()
    time.sleep(1.5)
    assert changes.lines() == []
    host.signal(signal.SIGKILL)
    host.answer("api", 503)
    host.start()
    assert host.until(*VIPS) < 3, "what became unhealthy meanwhile is withdrawn within the usual time"


@namespace.needed
def test_what_an_operator_does_by_hand_holds_until_health_changes(host: Host) -> None:
    host.configure(web("www", *VIPS))
    host.serve(www=200)
    host.start()
    host.until(*VIPS)
    host.space.run(f"vip-announce down {VIPS[0]}")
    host.stays(VIPS[1], seconds=1)
    host.signal(signal.SIGHUP)
    host.stays(VIPS[1], seconds=1)
    host.answer("www", 503)
    host.until()
    host.answer("www", 200)
    host.until(*VIPS)


@namespace.needed
def test_a_vip_of_two_services_is_announced_while_both_are_healthy(host: Host) -> None:
    host.configure(web("www", *VIPS), web("api", VIPS[0]))
    host.serve(www=200, api=503)
    host.start()
    host.until(VIPS[1])
    host.answer("api", 200)
    host.until(*VIPS)


@namespace.needed
def test_a_withdrawal_that_fails_is_tried_again_and_keeps_no_other_announced(host: Host) -> None:
    real = host.announce.read_text()
    host.configure(web("www", *VIPS))
    host.serve(www=200)
    host.start()
    host.until(*VIPS)
    broken = real.replace("down() {", f'down() {{\n    [ "$1" != {VIPS[0]} ] || return 1')
    host.space.install("vip-announce", broken)
    host.answer("www", 503)
    host.until(VIPS[0])
    host.space.install("vip-announce", real)
    host.until()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"vips": ["www"]}, "'www' does not appear to be an IPv4 or IPv6 address"),
        ({"vips": []}, "must have vips, and url or virtual_servers, and not both of these"),
        ({"url": "https://h:1/"}, "url is 'https://h:1/', must be http://ADDRESS:PORT/PATH"),
        ({"url": "http://h/x"}, "url is 'http://h/x', must be http://ADDRESS:PORT/PATH"),
        ({"url": None}, "must have vips, and url or virtual_servers, and not both of these"),
        (
            {"virtual_servers": [{"address": VIPS[0], "port": 80}]},
            "must have vips, and url or virtual_servers, and not",
        ),
        ({"url": None, "virtual_servers": [{"port": 80}]}, "server_key() missing 1 required"),
        ({"rise": 0}, "rise is 0, must be 1 to 100"),
        ({"fall": "many"}, "could not convert string to float: 'many'"),
        ({"interval": 61}, "interval is 61, must be 0.1 to 60"),
    ],
)
def test_a_fault_in_a_gate_is_told(host: Host, change: dict[str, Any], problem: str) -> None:
    host.configure({**web("www", *VIPS), **change})
    with pytest.raises(vip_gate.ConfigurationError) as error:
        vip_gate.read_configuration(str(host.configuration))
    assert f"gate 'www': {problem}" in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"gates": [1]}', '{"gates": {}}'])
def test_what_is_no_configuration_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.json"
    path.write_text(text)
    result = subprocess.run(
        [sys.executable, "-I", PROGRAM, "--check", path], check=False, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert result.stderr.startswith(f"{path}: ")


def test_two_gates_of_one_name_are_told(host: Host) -> None:
    host.configure(web("www", *VIPS), web("www", "198.51.100.2"))
    with pytest.raises(vip_gate.ConfigurationError, match="gate 'www': is listed twice; it must be unique"):
        vip_gate.read_configuration(str(host.configuration))
