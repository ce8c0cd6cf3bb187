# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load from a client's place: long downloads and a steady probe of short requests; prints a JSON report of what broke.

Only the standard library, in one file, since it is copied to the client and run there:

    python3 load.py --downloads 100 --rate 20 --seconds 60 http://198.51.100.2 'https://[2001:db8:100::1]'

Downloads and probes take the targets in turn; each is a connection of its own, and certificates are not verified.
On standard error: a line each second, and `ready`, with the downloads' source ports, once every download has its first
bytes; --seconds count from there.

What the report calls
  gap          a run of failed probes with no answered one between them, in the order of sending, of one target or of
               all. It lasts from the sending of its first failed probe to that of the next answered one, or to the
               end: all probes sent in it failed. Times are as fine as the probes are apart (all: 1 / rate).
  without_answers    the gaps: the longest, their sum, and each, in seconds.
  disturbance  failed probes less than 2 s apart, and whatever was answered among them. It lasts from the sending of
               its first failed probe to that of the probe after its last failed one, or to the end.
  broken       a download that ended in any other way than by its last byte, or got no byte for 30 s.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import errno
import json
import math
import os
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CALM = 2.0  # seconds: failures further apart are two disturbances
SILENCE = 30.0  # seconds without a byte after which a download counts as broken
START_TIMEOUT, START_ATTEMPTS = 10.0, 3  # seconds for a download's first bytes, and how often it is tried
BUFFER = 16 << 10  # bytes that the kernel and asyncio each hold for a download, so that it is read as it arrives


@dataclasses.dataclass(frozen=True)
class Target:
    """Where requests go; `label` is the URL without a path."""

    label: str
    address: str
    port: int
    tls: bool
    family: int


@dataclasses.dataclass
class Download:
    """A long download; times are seconds since the start of the load."""

    target: Target
    state: str = "starting"  # then running, then completed or broken
    local_port: int = 0
    received: int = 0
    ended: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Probe:
    """One short request: when it was sent (seconds), and how long the answer took; None when it failed."""

    target: str
    sent: float
    took: float | None
    reason: str = ""


def target_of(url: str) -> Target:
    """The target that a URL names; ValueError when it is not http or https with a literal address."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL of http or https")
    family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
    socket.inet_pton(family, parts.hostname)
    tls = parts.scheme == "https"
    return Target(f"{parts.scheme}://{parts.netloc}", parts.hostname, parts.port or (443 if tls else 80), tls, family)


def reason_of(error: BaseException) -> str:
    """A short name of what went wrong: ECONNRESET, timeout, ..."""
    if isinstance(error, TimeoutError) and not getattr(error, "errno", None):
        return "timeout"
    if isinstance(error, asyncio.IncompleteReadError):
        return "closed early"
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return errno.errorcode[number]
    return str(error) or type(error).__name__


def gaps(probes: Sequence[Probe], end: float) -> list[tuple[float, float]]:
    """(start, seconds) of each gap, as the module defines it; `probes` in order of sending."""
    found: list[tuple[float, float]] = []
    first: float | None = None
    for probe in probes:
        if probe.took is None and first is None:
            first = probe.sent
        elif probe.took is not None and first is not None:
            found.append((first, probe.sent - first))
            first = None
    if first is not None:
        found.append((first, max(0.0, end - first)))
    return found


def disturbances(probes: Sequence[Probe], end: float) -> list[dict[str, Any]]:
    """Each disturbance, as the module defines it: {start, seconds, sent, failed}; `probes` in order of sending."""
    groups: list[list[int]] = []  # indices of failed probes
    for index, probe in enumerate(probes):
        if probe.took is None:
            if groups and probe.sent - probes[groups[-1][-1]].sent < CALM:
                groups[-1].append(index)
            else:
                groups.append([index])
    found = []
    for group in groups:
        first, after = group[0], group[-1] + 1
        until = probes[after].sent if after < len(probes) else max(end, probes[-1].sent)
        found.append({"start": round(probes[first].sent, 3), "seconds": round(until - probes[first].sent, 3),
                      "sent": after - first, "failed": len(group)})  # fmt: skip
    return found


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def probe_report(probes: Sequence[Probe], end: float) -> dict[str, Any]:
    """Counts, latency in milliseconds, and seconds without answers, of the probes of one target or of all."""
    ordered = sorted(probes, key=lambda probe: probe.sent)
    answered = [probe.took * 1000 for probe in ordered if probe.took is not None]
    silent = gaps(ordered, end)
    median, high = percentile(answered, 0.5), percentile(answered, 0.99)
    return {
        "sent": len(ordered),
        "failed": len(ordered) - len(answered),
        "reasons": _count(probe.reason for probe in ordered if probe.took is None),
        "latency_ms": {"median": median and round(median, 1), "p99": high and round(high, 1)},
        "without_answers": {
            "longest": round(max((seconds for _start, seconds in silent), default=0.0), 3),
            "total": round(sum(seconds for _start, seconds in silent), 3),
            "gaps": [{"start": round(start, 3), "seconds": round(seconds, 3)} for start, seconds in silent],
        },
        "disturbances": disturbances(ordered, end),
    }


def report(downloads: Sequence[Download], probes: Sequence[Probe], end: float, started: float) -> dict[str, Any]:
    """What is printed; `started` is the client's clock (seconds since 1970) at the load's second 0."""
    states = _count(one.state for one in downloads)
    labels = dict.fromkeys([*(one.target.label for one in downloads), *(one.target for one in probes)])
    return {
        "started_at": round(started, 3),
        "seconds": round(end, 3),
        "downloads": {
            "wanted": len(downloads),
            "started": sum(one.local_port > 0 for one in downloads),
            "running": states.get("running", 0),
            "completed": states.get("completed", 0),
            "broken": [
                {"target": one.target.label, "local_port": one.local_port, "received": one.received,
                 "ended": None if one.ended is None else round(one.ended, 3), "reason": one.reason}
                for one in downloads if one.state == "broken"
            ],
            "received": sum(one.received for one in downloads),
        },
        "probes": {
            "all": probe_report(probes, end),
            "targets": {label: probe_report([one for one in probes if one.target == label], end) for label in labels},
        },
    }  # fmt: skip


def _count(names: Iterable[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return counted


class Load:
    """The load while it runs."""

    def __init__(self, options: argparse.Namespace, targets: Sequence[Target]) -> None:
        self.options, self.targets = options, targets
        self.downloads = [Download(targets[number % len(targets)]) for number in range(options.downloads)]
        self.probes: list[Probe] = []
        self.stop = asyncio.Event()
        self.wall, self._zero = time.time(), time.monotonic()
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    @property
    def now(self) -> float:
        """Seconds since the start of the load."""
        return time.monotonic() - self._zero

    async def run(self) -> dict[str, Any]:
        """Start the downloads, say `ready`, probe until the end, and return the report."""
        tasks = [asyncio.create_task(self._later(0.03 * n, one)) for n, one in enumerate(self.downloads)]
        ticker = asyncio.create_task(self._tick())
        while any(one.state == "starting" for one in self.downloads):
            await asyncio.sleep(0.1)
        running = self._states().get("running", 0)
        if running < len(self.downloads):
            self._say(f"not ready: {running} of {len(self.downloads)} downloads run")
        else:
            ports = ",".join(str(one.local_port) for one in self.downloads)
            self._say(f"ready t={self.now:.3f} ports={ports}")
            await self._send_probes()
        for task in [ticker, *tasks]:
            task.cancel()
        await asyncio.gather(ticker, *tasks, return_exceptions=True)
        return report(self.downloads, self.probes, self.now, self.wall)

    async def _send_probes(self) -> None:
        """Send probes on schedule, however slow the answers are, and wait for the last ones."""
        begin, end = self.now, self.now + self.options.seconds
        pending: list[asyncio.Task[None]] = []
        number = 0
        while self.now < end and not self.stop.is_set():
            if self.options.rate:
                pending.append(asyncio.create_task(self._probe(self.targets[number % len(self.targets)])))
                number += 1
            due = begin + number / self.options.rate if self.options.rate else end
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(due, end) - self.now)):
                    await self.stop.wait()
        await asyncio.gather(*pending)

    async def _probe(self, target: Target) -> None:
        sent, writer = self.now, None
        try:
            async with asyncio.timeout(self.options.timeout):
                reader, writer = await self._connect(target)
                length = await self._ask(reader, writer, target, self.options.path)
                await (reader.readexactly(length) if length is not None else reader.read())
            self.probes.append(Probe(target.label, sent, self.now - sent))
            writer.close()
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.probes.append(Probe(target.label, sent, None, reason_of(error)))
            if writer:
                writer.transport.abort()

    async def _later(self, seconds: float, one: Download) -> None:
        """Run one download, a moment after the one before it, again if it does not start; note how it ends."""
        await asyncio.sleep(seconds)
        for attempt in range(START_ATTEMPTS):
            try:
                await self._download(one)
                one.state = "completed"
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                if one.state == "starting" and attempt < START_ATTEMPTS - 1:
                    await asyncio.sleep(1)
                    continue
                one.state, one.reason = "broken", reason_of(error)
            break
        one.ended = self.now

    async def _download(self, one: Download) -> None:
        async with asyncio.timeout(START_TIMEOUT):
            reader, writer = await self._connect(one.target)
            one.local_port = writer.get_extra_info("sockname")[1]
            length = await self._ask(reader, writer, one.target, self.options.download_path)
        try:
            while length is None or one.received < length:
                # not wait_for, which in Python 3.11 loses a cancellation that comes together with the data
                async with asyncio.timeout(SILENCE):
                    data = await reader.read(self.options.speed)
                if not data:
                    if length is None:
                        return
                    raise EOFError("closed early")
                one.received += len(data)
                one.state = "running"
                await asyncio.sleep(len(data) / self.options.speed)  # slow reading holds the sender back
        finally:
            writer.transport.abort()

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = socket.socket(target.family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            await asyncio.get_running_loop().sock_connect(connection, (target.address, target.port))
        except BaseException:
            connection.close()
            raise
        # from here on asyncio owns the socket: closing it here too could close another one with the same number
        tls: dict[str, Any] = {"ssl": self._tls, "server_hostname": target.address} if target.tls else {}
        return await asyncio.open_connection(sock=connection, limit=BUFFER // 2, **tls)

    @staticmethod
    async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target, path: str) -> int | None:
        """Send a request and read the answer's head: the body's length if it is given; ValueError unless 2xx."""
        host = target.label.partition("://")[2]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status, dummy, fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").partition("\r\n")
        if status.split()[1:2] == [] or not status.split()[1].startswith("2"):
            raise ValueError(f"answered {' '.join(status.split()[1:2])}")
        for line in fields.splitlines():
            name, dummy, value = line.partition(":")
            if name.lower() == "content-length":
                return int(value)
        return None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            states = self._states()
            failed = sum(probe.took is None for probe in self.probes)
            counts = " ".join(f"{name}={states.get(name, 0)}" for name in ("running", "completed", "broken"))
            self._say(f"t={self.now:.0f} {counts} sent={len(self.probes)} failed={failed}")

    def _states(self) -> dict[str, int]:
        return _count(one.state for one in self.downloads)

    def _say(self, text: str) -> None:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:  # whoever asked for the load is gone
            self.stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Downloads and probes through VIPs; a JSON report on standard output.")
    add: Callable[..., Any] = parser.add_argument
    add("targets", nargs="+", metavar="URL", help="http://ADDRESS or https://[ADDRESS], port optional")
    add("--downloads", type=int, default=100, help="how many long downloads (%(default)s)")
    add("--rate", type=float, default=20, help="probes a second, over all targets (%(default)s)")
    add("--seconds", type=float, default=60, help="how long, once the downloads run (%(default)s)")
    add("--timeout", type=float, default=1, help="seconds in which a probe must be answered (%(default)s)")
    add("--speed", type=int, default=8192, help="bytes a second that each download reads (%(default)s)")
    add("--path", default="/", help="what probes ask for (%(default)s)")
    add("--download-path", default="/download", help="what downloads ask for (%(default)s)")
    add("--until-eof", action="store_true", help="end early, with the report, when standard input ends")
    return parser


async def _main(options: argparse.Namespace, targets: Sequence[Target]) -> int:
    load = Load(options, targets)
    if options.until_eof:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), load.stop.set)
    result = await load.run()
    print(json.dumps(result), flush=True)
    return 0 if result["probes"]["all"]["sent"] or not options.rate else 2


def main(arguments: list[str] | None = None) -> int:
    """Run the load; 0 when it ran (whatever broke), 2 when the downloads did not all start."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        targets = [target_of(url) for url in options.targets]
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return asyncio.run(_main(options, targets))


if __name__ == "__main__":
    code = main()
    # what TLS connections still want to say to hosts that are gone is not waited for
    sys.stdout.flush()
    os._exit(code)
