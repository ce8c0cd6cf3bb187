# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip-gate: announce VIPs while what is behind them is healthy, and withdraw them when it is not.

A gate has VIPs and inputs. An input is a URL that must answer 200, or a virtual server of keepalived that must have its
quorum. keepalived writes its reports, in order, into a FIFO. A gate is open while all of its inputs are good, and a VIP
is announced while all of its gates are open.

What is known is kept in a file in /run, so that a daemon that was killed is followed by one that takes over where it
was. A reload is the same on purpose: the program starts anew in its own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import ipaddress
import json
import os
import re
import signal
import socket
import sys
import termios
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

REPORT = re.compile(r"VS \[(.+)\]:(\w+):(\d+) (UP|DOWN)")
PIPE_SIZE = 1 << 20
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, and to get it: not in Python 3.9
BEAT = 10.0  # seconds after which systemd hears from us at the latest
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
LIMITS = {"rise": (1, 100), "fall": (1, 100), "interval": (0.1, 60), "timeout": (0.1, 60)}
LIMITS.update(hold=(0, 600), stop_delay=(0, 60))
PATHS = ("announce_command", "state_directory", "fifo", "pid_file")


log = functools.partial(print, flush=True)  # to the journal


class ConfigurationError(Exception):
    """What is wrong with the configuration, in one line."""


class Gate:
    """VIPs, and the inputs that must be good for them. Raises ValueError, TypeError or KeyError for a bad entry."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name = str(entry["name"])
        self.vips = [str(ipaddress.ip_address(vip)) for vip in entry["vips"]]
        for key, (least, most) in LIMITS.items():
            if not least <= float(entry[key]) <= most:
                raise ValueError(f"{key} is {entry[key]!r}, must be {least} to {most}")
        self.rise, self.fall, self.interval, self.timeout = (float(entry[key]) for key in list(LIMITS)[:4])
        self.hold, self.stop_delay = float(entry["hold"]), float(entry["stop_delay"])
        self.url = str(entry.get("url") or "")
        self.servers = [server_key(**server) for server in entry.get("virtual_servers") or []]
        if not self.vips or bool(self.url) == bool(self.servers):
            raise ValueError("must have vips, and url or virtual_servers, and not both of these")
        if self.url and not re.fullmatch(r"http://[^/\s]+:\d+/[!-~]*", self.url):
            raise ValueError(f"url is {self.url!r}, must be http://ADDRESS:PORT/PATH")
        self.keys = [f"url of {self.name}"] if self.url else self.servers


@dataclass
class Input:
    """What is known of a URL or of a virtual server."""

    good: bool
    since: float  # when it was heard of first, by the monotonic clock
    row: int = 0  # answers in a row that contradict `good`

    def answer(self, healthy: bool, gate: Gate) -> bool:
        """Count an answer of a URL; whether the input changed."""
        self.row = self.row + 1 if healthy != self.good else 0
        if self.row < (gate.rise if healthy else gate.fall):
            return False
        self.good, self.row = healthy, 0
        return True


def server_key(address: Any, port: Any, protocol: str = "tcp") -> str:
    """One name for a virtual server, however it is spelt."""
    return f"[{ipaddress.ip_address(str(address))}]:{protocol}:{port}"


def read_configuration(path: str) -> tuple[dict[str, str], list[Gate]]:
    """Paths, and gates; raises ConfigurationError."""
    gates: list[Gate] = []
    where = path
    try:
        with open(path, encoding="utf-8") as file:
            configuration = json.load(file)
        paths = {name: str(configuration[name]) for name in PATHS}
        for entry in configuration["gates"]:
            where = f"{path}: gate {entry['name']!r}"
            # only reports of keepalived have to be waited for: it sends the first ones before it has checked anything
            given = {name: value for name, value in entry.items() if value is not None}
            gates.append(Gate({**configuration["defaults"], **({"hold": 0} if given.get("url") else {}), **given}))
            if gates[-1].name in [gate.name for gate in gates[:-1]]:
                raise ValueError("is listed twice; it must be unique")
    except KeyError as error:
        raise ConfigurationError(f"{where}: {error} is missing") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    return paths, gates


def process(pid_file: str) -> list[int] | None:
    """The process that a pid file names, and when it started; None where there is none."""
    try:
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else [pid, int(fields[19])]


def notify(text: str) -> None:
    """Tell systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)


def crash(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End at once when something goes wrong that nobody thought of: systemd starts us again, and we take over."""
    loop.default_exception_handler(context)
    os._exit(70)


async def status_of(url: str) -> str:
    """Status that a URL answers with."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        words = (await reader.readline()).decode("ascii", "replace").split()
        return words[1] if len(words) > 1 and words[0].startswith("HTTP/1.") else "no HTTP"
    finally:
        writer.close()


class Daemon:
    """All gates of a host."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.paths, self.gates = read_configuration(path)
        self.vips = {vip for gate in self.gates for vip in gate.vips}
        self.state_file = os.path.join(self.paths["state_directory"], "state.json")
        self.running_file = os.path.join(self.paths["state_directory"], "running")
        self.inputs: dict[str, Input] = {}
        self.announced: set[str] = set()
        self.checker: list[int] | None = None
        self.fifo = self.pidfd = -1
        self.rest = b""
        self.changed = asyncio.Event()
        self.ending = ""  # stop or reload, once a signal asked for it

    def open_at(self, gate: Gate) -> float | None:
        """When a gate opens, which may be over; None while an input is bad or unknown."""
        inputs = [self.inputs[key] for key in gate.keys if key in self.inputs and self.inputs[key].good]
        return max(entry.since for entry in inputs) + gate.hold if len(inputs) == len(gate.keys) else None

    def wanted(self) -> tuple[set[str], float]:
        """VIPs to be announced now, and the moment at which there may be more."""
        now = time.monotonic()
        moments = [(gate, self.open_at(gate)) for gate in self.gates]
        shut = {vip for gate, moment in moments if moment is None or moment > now for vip in gate.vips}
        later = [moment for dummy, moment in moments if moment is not None and moment > now]
        return self.vips - shut, min(later, default=now + BEAT)

    def save(self) -> None:
        """Write down what is known, for whoever comes after this process."""
        state = {
            "checker": self.checker,
            "servers": sorted({key for gate in self.gates for key in gate.servers}),
            "inputs": {key: [entry.good, entry.since] for key, entry in self.inputs.items()},
            "announced": sorted(self.announced),
        }
        with open(f"{self.state_file}.new", "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.replace(f"{self.state_file}.new", self.state_file)

    def load(self) -> None:
        """Read what the process before this one knew."""
        if not os.path.exists(self.state_file):
            return
        with open(self.state_file, encoding="utf-8") as file:
            state = json.load(file)
        mine = {key for gate in self.gates for key in gate.keys}
        checker = process(self.paths["pid_file"])
        for key, (good, since) in state["inputs"].items():
            if not key.startswith("["):
                if key in mine:
                    self.inputs[key] = Input(good, since)
            elif state["checker"] == checker:
                # the wait of one that has come into the configuration begins now
                self.inputs[key] = Input(good, since if key in state["servers"] else time.monotonic())
        self.announced = set(state["announced"])
        self.checker = checker if state["checker"] == checker else None

    def open_fifo(self) -> None:
        """Begin to read reports, those first that came while nobody read."""
        path = self.paths["fifo"]
        if not os.path.exists(path):
            raise ConfigurationError(f"{path}: there is no such FIFO; make it before keepalived starts or reloads")
        # for writing too, so that there is always a writer: it ends with no end of file
        self.fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        waiting = int.from_bytes(fcntl.ioctl(self.fifo, termios.FIONREAD, b"\0" * 4), sys.byteorder)
        if waiting > fcntl.fcntl(self.fifo, SET_PIPE_SIZE + 1) * 0.9:
            log("reports of keepalived were lost, because nobody read them: restart it, and it reports anew")
            while waiting > 0:
                waiting -= len(os.read(self.fifo, waiting))
            self.forget_servers()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.fifo, SET_PIPE_SIZE, PIPE_SIZE)
        self.follow_checker()
        asyncio.get_running_loop().add_reader(self.fifo, self.read_reports)

    def forget_servers(self) -> None:
        """Nothing is known of any virtual server any more."""
        self.inputs = {key: entry for key, entry in self.inputs.items() if not key.startswith("[")}
        self.changed.set()

    def follow_checker(self) -> None:
        """Whether the process that reports is still the one whose reports we know; a reload of keepalived keeps it."""
        now = process(self.paths["pid_file"])
        if now != self.checker:
            if self.checker:
                log("keepalived's health checks ended: nothing is known until they are done again")
            self.forget_servers()
        elif self.pidfd >= 0:
            return
        loop = asyncio.get_running_loop()
        if self.pidfd >= 0:
            loop.remove_reader(self.pidfd)
            os.close(self.pidfd)
        self.checker, self.pidfd = now, os.pidfd_open(now[0]) if now else -1
        if now:
            loop.add_reader(self.pidfd, self.follow_checker)

    def read_reports(self) -> None:
        """Take what is in the FIFO, line by line."""
        try:
            data = os.read(self.fifo, 65536)
        except BlockingIOError:
            return
        self.follow_checker()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines if self.checker else []:
            report = REPORT.fullmatch(line.decode("ascii", "replace"))
            if report:
                address, protocol, port, state = report.groups()
                key = server_key(address, port, protocol)
                self.inputs.setdefault(key, Input(False, time.monotonic())).good = state == "UP"
        self.changed.set()

    async def watch(self, gate: Gate) -> None:
        """Ask a URL for ever."""
        key = gate.keys[0]
        entry = self.inputs.setdefault(key, Input(False, time.monotonic()))
        while not self.ending:
            began = time.monotonic()
            try:
                found = await asyncio.wait_for(status_of(gate.url), gate.timeout)
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                found = str(error) or "no answer in time"
            if entry.answer(found == "200", gate):
                log(f"{gate.name}: {gate.url}: {found}")
                self.changed.set()
            await asyncio.sleep(max(0.0, began + gate.interval - time.monotonic()))

    async def announce(self, action: str, vips: Iterable[str]) -> bool:
        """Call vip-announce; whether it did all."""
        words = sorted(vips)
        if not words:
            return True
        child = await asyncio.create_subprocess_exec(self.paths["announce_command"], action, *words)
        failed = await child.wait() != 0
        log(f"{'could not do all of: ' if failed else ''}{action} {' '.join(words)}")
        return not failed

    async def present(self) -> set[str]:
        """VIPs of ours that are announced in fact; all of ours where that cannot be found out."""
        child = await asyncio.create_subprocess_exec(
            self.paths["announce_command"], "status", stdout=asyncio.subprocess.PIPE
        )
        output = (await child.communicate())[0].decode()
        mine = self.announced | self.vips
        return mine & set(output.split()) if child.returncode == 0 else mine

    async def apply(self) -> float:
        """Announce and withdraw what changed; seconds until there may be more to do."""
        wanted, later = self.wanted()
        gone, new = self.announced - wanted, wanted - self.announced
        waits = [BEAT, max(0.0, later - time.monotonic())]
        if await self.announce("down", gone):
            self.announced -= gone
        else:
            waits.append(1.0)
        if await self.announce("up", new):
            self.announced |= new
        else:
            waits.append(1.0)
        self.save()
        return min(waits)

    async def clean(self) -> None:
        """Withdraw what an earlier process left announced and this one knows no reason for."""
        present = await self.present()
        gone = present - self.wanted()[0]
        self.announced &= present - gone if await self.announce("down", gone) else present

    async def stop(self) -> None:
        """Withdraw everything, and let what is on its way still arrive."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.running_file)
        vips = self.announced | await self.present()
        delay = max([gate.stop_delay for gate in self.gates if vips & set(gate.vips)], default=0)
        while not await self.announce("down", vips):
            await asyncio.sleep(1)  # systemd ends this, and withdraws itself
        self.announced = set()
        # a URL must prove itself again; keepalived's last reports hold as long as it runs
        self.inputs = {key: entry for key, entry in self.inputs.items() if key.startswith("[")}
        self.save()
        await asyncio.sleep(delay)

    def reload(self) -> None:
        """Start anew in this process, if the configuration allows it."""
        try:
            read_configuration(self.path)
        except ConfigurationError as error:
            log(f"not reloaded: {error}")
        else:
            self.end("reload")

    def end(self, how: str) -> None:
        """End after what is being done."""
        if self.ending != "stop":
            self.ending = how
        self.changed.set()

    async def run(self, taking_over: bool) -> bool:
        """Everything, until a signal ends it; whether the process is to start anew."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(crash)
        loop.add_signal_handler(signal.SIGTERM, self.end, "stop")
        loop.add_signal_handler(signal.SIGINT, self.end, "stop")
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self.load()
        if any(gate.servers for gate in self.gates):
            self.open_fifo()
            self.read_reports()
        if not taking_over:
            await self.clean()
        wait = await self.apply()
        tasks = [asyncio.create_task(self.watch(gate)) for gate in self.gates if gate.url]
        for task in tasks:
            task.add_done_callback(lambda task: task.cancelled() or task.result())
        unknown = {key for gate in self.gates for key in gate.servers} - set(self.inputs)
        if unknown:
            log(f"keepalived has not reported yet on {' '.join(sorted(unknown))}")
        with open(self.running_file, "w", encoding="ascii"):
            pass
        notify("READY=1")
        while not self.ending:
            notify("WATCHDOG=1")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.changed.wait(), wait)
            self.changed.clear()
            wait = await self.apply()
        # what comes from now on waits for whoever follows in this process; what came before is taken in the next turn
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        await asyncio.sleep(0.01)
        if self.ending == "stop":
            notify("STOPPING=1")
            await self.stop()
        return self.ending == "reload"


async def live(path: str, taking_over: bool) -> bool:
    """One life of the daemon, made in its loop: Python 3.9 binds events to it at once."""
    return await Daemon(path).run(taking_over)


def main(words: list[str]) -> None:
    """Run, or check a configuration."""
    if len(words) != 2 or words[0] not in ("--check", "--run", "--take-over"):
        sys.exit("usage: vip-gate --check|--run CONFIGURATION")
    mode, path = words
    try:
        if mode == "--check":
            read_configuration(path)
        elif asyncio.run(live(path, mode == "--take-over")):
            os.execv(sys.executable, [sys.executable, "-I", os.path.abspath(__file__), "--take-over", path])
    except ConfigurationError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
