# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demonstration reads out of playbooks, connection tables and reports, and what its screen looks like."""

from __future__ import annotations

import dataclasses
import http.server
import io
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from lab import certificates
from lab.cli import parser
from lab.demo import outage, trace
from lab.demo.playbooks import Phases, fold, verification_table
from lab.demo.screen import MARGIN, Screen
from lab.demo.site import Site
from lab.demo.tour import Demo
from lab.errors import LabError
from lab.lab import Lab
from lab.model import Nic, Node, Topology
from lab.programs.load import Probe, report
from lab.state import LabState

PLAYBOOK = """\
PLAY [Two tiers] ***************************************************************

TASK [Skipped] *****************************************************************
skipping: [p1]

PLAY [Proxies] *****************************************************************

TASK [multitier.loadbalancer.haproxy_l7 : Write the configuration] *************
changed: [p1]

PLAY RECAP *********************************************************************
p1                         : ok=9    changed=4    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
"""

VERIFY = """\
TASK [Show the table] **********************************************************
Monday 23 November 2026  19:03:44 +0000 (0:00:02.439)       0:01:23.086 *******
ok: [r1] => {
    "msg": [
        "HOST  CHECK                         FOUND",
        "r1    BGP sessions                  10 established                                             ok",
        "r2    BGP sessions                  10 established                                             ok",
        "p1    HAProxy's backends            3 up   FAILED",
        "r1    next hops of 198.51.100.1     10.20.0.21 10.20.0.22                                      ok",
        "r2    next hops of 198.51.100.1     10.20.0.21                                                 ok",
        "5 checks, 1 failed"
    ]
}

TASK [Fail when anything is not as it should be] *******************************
"""


def test_a_play_that_did_something_is_a_phase() -> None:
    phases = Phases()
    ended = [phases.feed(line, float(second)) for second, line in enumerate(PLAYBOOK.splitlines())]
    assert [one for one in ended if one] == [("Proxies", 5.0)]
    assert phases.changed == {"p1": 4}


def test_the_task_at_work_is_known_without_its_role() -> None:
    phases = Phases()
    for line in PLAYBOOK.splitlines()[:8]:
        phases.feed(line, 0.0)
    assert (phases.play, phases.task) == ("Proxies", "Write the configuration")


def test_verifys_table_is_folded_by_check_and_failures_come_first() -> None:
    rows = verification_table(VERIFY.splitlines())
    assert len(rows) == 5
    assert fold(rows) == [
        ["HAProxy's backends", "p1", "3 up", "FAILED"],
        ["BGP sessions", "r1 r2", "10 established", "ok"],
        ["next hops of 198.51.100.1", "r1 r2", "as the inventory asks", "ok"],
    ]


def test_output_without_a_table_has_no_rows() -> None:
    assert verification_table(["PLAY [Compare] ***"]) == []


CONNECTIONS = """\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 00:34  FIN_WAIT    203.0.113.51:32974 198.51.100.2:80    10.20.0.33:80
TCP 14:59  ESTABLISHED [2001:db8:10::51]:46000 [2001:db8:100::1]:443 [2001:db8:20::33]:443
"""


def test_connection_tables_of_both_families_are_read() -> None:
    assert trace.connections(CONNECTIONS) == [
        trace.Connection("203.0.113.51", 32974, "198.51.100.2", "10.20.0.33", "FIN_WAIT"),
        trace.Connection("2001:db8:10::51", 46000, "2001:db8:100::1", "2001:db8:20::33", "ESTABLISHED"),
    ]
    assert trace.carried(trace.connections(CONNECTIONS), [32974, 46000]) == 1


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path))
    nodes = (
        Node("r1", "192.0.2.11", (Nic("eth1", "outside", ("203.0.113.11/24", "2001:db8:10::11/64")),)),
        Node(
            "p3", "192.0.2.33", (Nic("eth1", "fabric", ("10.20.0.33/24",)), Nic("eth2", "servers", ("10.30.0.33/24",)))
        ),
    )
    services = [
        {"vips": ["198.51.100.1", "2001:db8:100::1"],
         "listeners": [{"port": 80, "protocol": "http", "redirect_to": "https"}, {"port": 8443, "protocol": "https"}]},
    ]  # fmt: skip
    groups = {"routers": ["r1"], "directors": ["d1", "d2"], "proxies": ["p3"], "clients": ["c1"]}
    return Site(Lab(LabState("x"), Topology("x", nodes)), groups, services)


def test_urls_are_of_listeners_that_answer_themselves(site: Site) -> None:
    assert site.urls() == ["https://198.51.100.1:8443", "https://[2001:db8:100::1]:8443"]


BODY = '{"backend": "b2", "application": "web", "remote_address": "10.30.0.33"}'


def test_a_request_is_followed_through_the_directors_table(site: Site) -> None:
    tables = {"d1": [], "d2": trace.connections(CONNECTIONS)}
    head = ["200", "203.0.113.51", "32974", "203.0.113.11"]
    path = trace.follow(site, "http://198.51.100.2/", head, BODY, tables)
    assert (path.router, path.director, path.proxy, path.backend) == ("r1", "d2", "p3", "b2")


def test_a_request_that_no_director_has_seen_has_no_known_way(site: Site) -> None:
    path = trace.follow(site, "http://198.51.100.2/", ["000", "203.0.113.51", "1", "?"], "", {"d1": []})
    assert (path.status, path.router, path.director, path.proxy, path.backend) == (0, "?", "?", "?", "?")


def test_a_summary_tells_the_failure_from_the_return() -> None:
    sent = [Probe("t", second / 2, None if second in {21, 22, 70} else 0.01) for second in range(100)]
    found = outage.summarize(report([], sent, 50.0, 0.0), {"failed": 10.5, "restoring": 30.0, "back": 40.0})
    assert found["requests_failed"] == 3
    assert found["before"]["requests_failed"] == 0
    assert found["failure"] == {"downloads_broken": 0, "requests_failed": 2, "seconds_without_answers": 1.0,
                                "longest_without_answers": 1.0, "seconds_disturbed": 1.0}  # fmt: skip
    assert found["return"]["requests_failed"] == 1
    assert found["seconds"] == {"failed": 0.0, "restoring": 19.5, "back": 29.5}


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_request_that_is_suggested_works_as_written(site: Site, tmp_path: Path) -> None:
    certificates.make(tmp_path / "www.pem", ["www.example.com"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "www.pem")
    with http.server.HTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        listener = {"port": server.server_port, "protocol": "https"}
        here = dataclasses.replace(site, services=[{"vips": ["127.0.0.1"], "listeners": [listener]}])
        stream = io.StringIO()
        Demo(parser().parse_args(["demo"]), Screen(stream)).farewell(here)
        output = stream.getvalue()
        command = output[output.index("curl") :].partition("  ")[0].split()
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        server.shutdown()
    assert (answer.returncode, answer.stdout) == (0, "hello\n")


def test_a_screen_that_is_no_terminal_is_plain() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.passing("not seen")
    screen.section("Lab", "up")
    screen.good("ready", 12.4)
    screen.table([["a", "1"], ["bb", "2"]], ["name", "n"])
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()
    assert lines[1] == f"{'Lab':<{MARGIN}}up"
    assert lines[2].endswith("12 s")
    assert len(lines[2]) == screen.width
    assert [line.split() for line in lines[3:]] == [["name", "n"], ["a", "1"], ["bb", "2"]]


def test_no_answer_from_a_node_is_a_complaint_that_names_it(site: Site) -> None:
    with pytest.raises(LabError, match="p3: exit 255"):
        site.run("p3", "true", 10)
