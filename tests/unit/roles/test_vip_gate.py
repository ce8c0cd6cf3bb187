# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon vip-gate as a process of its own, with the kernel's routes, in a network namespace.

keepalived needs IPVS, which only the lab has (tests/lab/three_tier). Here its part, lines in a FIFO and a process that
checks, is played by the test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roles.vip_gate.files import vip_gate
from tests.unit.support import namespace
from tests.unit.support.namespace import Namespace, wait_until

PROGRAM = Path(vip_gate.__file__)
VIPS = ["198.51.100.1", "2001:db8:100::1"]
# answers with the status that is in the file STATUS, to any path
WEB = """
import http.server, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int((pathlib.Path(sys.argv[1]) / self.path.strip("/")).read_text()))
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8090), Handler).serve_forever()
"""


class Host:
    """A host with the gate, the command that it calls, and what it asks and hears."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.space = Namespace(directory)
        self.announce = self.space.install_role_program("vips/templates/vip-announce.j2", vips_marker_protocol=77)
        self.configuration = directory / "vip-gate.json"
        self.fifo, self.pid_file = directory / "quorum", directory / "checkers.pid"
        self.state = directory / "state.json"
        self.children: list[subprocess.Popen[Any]] = []
        self.daemon: subprocess.Popen[Any] | None = None
        self.reports: int | None = None
        self.checker: subprocess.Popen[Any] | None = None

    def configure(self, *gates: dict[str, Any], **defaults: Any) -> None:
        """Write the configuration."""
        configuration = {
            "announce_command": str(self.announce),
            "state_directory": str(self.directory),
            "fifo": str(self.fifo),
            "pid_file": str(self.pid_file),
            "defaults": {
                "interval": 0.2,
                "timeout": 1,
                "rise": 1,
                "fall": 2,
                "hold": 0,
                "stop_delay": 0,
                **defaults,
            },
            "gates": gates,
        }
        self.configuration.write_text(json.dumps(configuration))

    def start(self) -> subprocess.Popen[Any]:
        """Start the gate."""
        log = (self.directory / "log").open("a")
        self.daemon = self.space.start(
            [sys.executable, "-I", str(PROGRAM), "--run", str(self.configuration)], stdout=log, stderr=log
        )
        self.children.append(self.daemon)
        return self.daemon

    def signal(self, number: int) -> None:
        """Send the gate a signal."""
        assert self.daemon is not None
        self.daemon.send_signal(number)

    def stop(self) -> int:
        """Stop the gate; its return code."""
        self.signal(signal.SIGTERM)
        assert self.daemon is not None
        return self.daemon.wait(10)

    def serve(self, **status: int) -> None:
        """Serve health checks."""
        for name, code in status.items():
            self.answer(name, code)
        self.children.append(self.space.start([sys.executable, "-c", WEB, str(self.directory)]))
        self.wait_for_web()

    def wait_for_web(self) -> None:
        probe = f"{sys.executable} -c 'import socket; socket.create_connection((\"127.0.0.1\", 8090))'"
        wait_until("the web server listens", lambda: self.space.run(probe).returncode == 0)

    def answer(self, name: str, code: int) -> None:
        """Have a health check answer so."""
        (self.directory / name).write_text(str(code))

    def start_checker(self) -> None:
        """A process like the one of keepalived that checks: its pid file, its open FIFO."""
        if not self.fifo.exists():
            os.mkfifo(self.fifo)
        self.checker = subprocess.Popen(["sleep", "3600"])
        self.children.append(self.checker)
        self.pid_file.write_text(f"{self.checker.pid}\n")
        self.reports = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)

    def end_checker(self) -> None:
        """Kill it."""
        assert self.checker is not None and self.reports is not None
        self.checker.kill()
        self.checker.wait()
        os.close(self.reports)

    def report(self, *lines: str) -> None:
        """What keepalived writes, each line at once."""
        assert self.reports is not None
        for line in lines:
            os.write(self.reports, f"{line}\n".encode())

    def announced(self) -> set[str]:
        """VIPs that are announced."""
        result = self.space.run("vip-announce status")
        assert result.returncode == 0, result.stderr
        return set(result.stdout.split())

    def until(self, *vips: str, seconds: float = 10) -> float:
        """Wait until exactly these are announced."""
        return wait_until(lambda: f"{vips} announced: {self.log()}", lambda: self.announced() == set(vips), seconds)

    def stays(self, *vips: str, seconds: float = 0.7) -> None:
        """Fail unless exactly these are announced all the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.announced() == set(vips), self.log()

    def log(self) -> str:
        """What the gate said."""
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End everything."""
        for child in self.children:
            child.kill()
            child.wait()
        self.space.close()


class Changes:
    """Changes of routes as the kernel tells them, from now on: nothing that is short is missed."""

    def __init__(self, host: Host) -> None:
        self.child = host.space.start(["ip", "-o", "monitor", "route"], stdout=subprocess.PIPE, text=True)
        host.children.append(self.child)
        time.sleep(0.2)

    def lines(self) -> list[str]:
        """All of them."""
        time.sleep(0.2)
        self.child.terminate()
        return [line.strip() for line in self.child.communicate()[0].splitlines() if "proto 77" in line]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    machine = Host(tmp_path)
    yield machine
    machine.close()


def web(name: str, *vips: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "vips": vips, "url": f"http://127.0.0.1:8090/{name}", **settings}


def quorum(*vips: str, ports: tuple[int, ...] = (80,), **settings: Any) -> dict[str, Any]:
    servers = [{"address": vip, "port": port} for vip in vips for port in ports]
    return {"name": vips[0], "vips": vips, "virtual_servers": servers, **settings}


def vs(vip: str, state: str, port: int = 80) -> str:
    return f"VS [{vip}]:tcp:{port} {state}"


# URLs


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


# keepalived


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


# The configuration


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
    result = subprocess.run([sys.executable, "-I", PROGRAM, "--check", path], capture_output=True, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert result.stderr.startswith(f"{path}: ")


def test_two_gates_of_one_name_are_told(host: Host) -> None:
    host.configure(web("www", *VIPS), web("www", "198.51.100.2"))
    with pytest.raises(vip_gate.ConfigurationError, match="gate 'www': is there twice, must be unique"):
        vip_gate.read_configuration(str(host.configuration))
