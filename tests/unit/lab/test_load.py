# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator: its counting, and a run of it against servers on the loopback that answer, stall and break."""

from __future__ import annotations

import asyncio
import errno
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.programs import load
from lab.programs.load import Download, Probe

SCRIPT = Path(load.__file__)


def probes(pattern: str, step: float = 0.5) -> list[Probe]:
    """A probe per character, `step` seconds apart: '.' was answered, 'x' was not."""
    return [Probe("t", number * step, 0.01 if mark == "." else None) for number, mark in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "end", "expected"),
    [
        ("", 0.0, []),
        ("....", 2.0, []),
        (".xx.", 2.0, [(0.5, 1.0)]),
        ("x.x.", 2.0, [(0.0, 0.5), (1.0, 0.5)]),
        (".xxx", 2.5, [(0.5, 2.0)]),  # never answered again: until the end
    ],
)
def test_a_gap_lasts_from_its_first_failed_probe_to_the_next_answered_one(
    pattern: str, end: float, expected: list[tuple[float, float]]
) -> None:
    assert load.gaps(probes(pattern), end) == expected


def test_failures_close_together_are_one_disturbance() -> None:
    found = load.disturbances(probes(".x.x......x."), 6.0)
    assert found == [
        {"start": 0.5, "seconds": 1.5, "sent": 3, "failed": 2},
        {"start": 5.0, "seconds": 0.5, "sent": 1, "failed": 1},
    ]


@given(st.text(alphabet=".x", max_size=60))
def test_every_failed_probe_is_in_one_disturbance_and_gaps_are_no_longer_than_those(pattern: str) -> None:
    sent = probes(pattern)
    end = len(pattern) * 0.5
    disturbed = load.disturbances(sent, end)
    assert sum(one["failed"] for one in disturbed) == pattern.count("x")
    silent = sum(seconds for _start, seconds in load.gaps(sent, end))
    assert silent == pytest.approx(pattern.count("x") * 0.5)
    assert silent <= sum(one["seconds"] for one in disturbed) + 1e-9


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)],
)
def test_percentiles_are_values_that_occurred(share: float, expected: int) -> None:
    assert load.percentile(range(1, 101), share) == expected


def test_no_values_have_no_percentile() -> None:
    assert load.percentile([], 0.5) is None


def test_targets_are_literal_addresses() -> None:
    one = load.target_of("https://[2001:db8::1]")
    assert (one.label, one.address, one.port, one.tls, one.family) == (
        "https://[2001:db8::1]", "2001:db8::1", 443, True, socket.AF_INET6,
    )  # fmt: skip
    assert load.target_of("http://192.0.2.1:8080").port == 8080
    for wrong in ("ftp://192.0.2.1", "192.0.2.1"):
        with pytest.raises(ValueError, match="not a URL"):
            load.target_of(wrong)
    with pytest.raises(OSError, match="illegal"):
        load.target_of("http://www.example.com")


def test_reasons_are_short_and_say_the_errno() -> None:
    assert load.reason_of(ConnectionResetError(errno.ECONNRESET, "reset")) == "ECONNRESET"
    assert load.reason_of(TimeoutError()) == "timeout"
    assert load.reason_of(EOFError("closed early")) == "closed early"


def test_the_report_counts_per_target_and_over_all() -> None:
    target = load.target_of("http://192.0.2.1")
    downloads = [
        Download(target, "running", 4000, 10),
        Download(target, "broken", 4001, 20, 2.5, "ECONNRESET"),
        Download(target),
    ]
    sent = [Probe(target.label, 0.0, 0.02), Probe(target.label, 1.0, None, "timeout"), Probe(target.label, 2.0, 0.04)]
    found = load.report(downloads, sent, 3.0, 1000.0)
    assert (found["downloads"]["wanted"], found["downloads"]["started"], found["downloads"]["running"]) == (3, 2, 1)
    assert found["downloads"]["broken"] == [
        {"target": "http://192.0.2.1", "local_port": 4001, "received": 20, "ended": 2.5, "reason": "ECONNRESET"}
    ]
    own = found["probes"]["targets"]["http://192.0.2.1"]
    assert own == found["probes"]["all"]
    assert (own["sent"], own["failed"], own["reasons"]) == (3, 1, {"timeout": 1})
    assert own["latency_ms"] == {"median": 20.0, "p99": 40.0}
    assert own["without_answers"] == {"longest": 1.0, "total": 1.0, "gaps": [{"start": 1.0, "seconds": 1.0}]}


class Server(http.server.ThreadingHTTPServer):
    """Answers; its downloads never end until `cut` is set, and then end early."""

    daemon_threads = True
    cut: threading.Event


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/download":
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            self.wfile.write(b"x" * 4096)
            self.server.cut.wait(20)
        else:
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as one:
        one.cut = threading.Event()
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield one
        one.cut.set()
        one.shutdown()


def start(*arguments: str) -> subprocess.Popen[str]:
    """The program, as it runs on a client: nothing but this file and the standard library."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/")


def wait_ready(process: subprocess.Popen[str]) -> list[str]:
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        if "ready" in line:
            break
    return lines


def test_a_run_says_ready_and_counts_what_breaks(server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    process = start("--downloads", "3", "--rate", "20", "--seconds", "30", "--until-eof", url)
    lines = wait_ready(process)
    assert lines[-1].startswith("ready t=")
    assert len(lines[-1].partition("ports=")[2].split(",")) == 3
    server.cut.set()
    for line in process.stderr or ():
        if "broken=3" in line:
            break
    output, dummy = process.communicate(timeout=20)  # ends its standard input, and so the load
    found = json.loads(output)
    assert process.returncode == 0
    assert [one["reason"] for one in found["downloads"]["broken"]] == ["closed early"] * 3
    assert found["probes"]["all"]["sent"] > 0
    assert found["probes"]["all"]["failed"] == 0


class Watched(load.Load):
    """A load whose last connection can be looked at."""

    reader: asyncio.StreamReader

    async def _connect(self, target: load.Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.reader, writer = await super()._connect(target)
        return self.reader, writer


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a head and no body."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await reader.read()
    writer.close()


@pytest.mark.parametrize("steps", range(6))
def test_a_download_that_gets_data_while_it_is_cancelled_ends(steps: int) -> None:
    async def run() -> bool:
        async with await asyncio.start_server(_silent, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            one = Watched(load._parser().parse_args(["--downloads", "1", url]), [load.target_of(url)])
            task = asyncio.create_task(one._download(one.downloads[0]))
            await asyncio.sleep(0.1)  # it waits for data
            one.reader.feed_data(b"x")
            for _step in range(steps):  # of the event loop: at one of them the data are there, but not handed over yet
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=1)
            return task.cancelled()

    assert asyncio.run(run())


def test_downloads_that_do_not_start_are_said_and_end_the_run() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        process = start("--downloads", "2", "--seconds", "1", url)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "not ready: 0 of 2 downloads run" in errors
    assert {one["reason"] for one in json.loads(output)["downloads"]["broken"]} == {"ECONNREFUSED"}
