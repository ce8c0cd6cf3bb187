# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run make targets and summarise them: python -m tools.run_steps [--jobs N] TARGET... [--alone TARGET...]

Each target runs as its own process with its output in .cache/logs/TARGET.log; a line reports its result and how long it
took, followed by the output if it failed. Every target is run, even if others fail, unless the time is up.
A target that takes too long is stopped, and with --clear PREFIX the target PREFIXTARGET then cleans up after it.
Ends with a count on a line of its own ("7 passed, 1 failed") and exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache/logs"
# last lines shown of a failed target; its log has everything
SHOWN_LINES = 400 if os.environ.get("CI") else 80
# pytest's counts, for the summary
COUNTS = re.compile(r"\b\d+ (?:passed|failed)\b[^=\n]*?(?= in |$)", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# seconds that a stopped target, and the one that cleans up after it, have to end
GRACE = 30
CLEARING = 180


@dataclass
class Result:
    """Result of a target: its exit code, its wall-clock seconds and its output without colours."""

    target: str
    code: int
    seconds: float
    output: str

    def line(self) -> str:
        """The result as a line."""
        counts = COUNTS.findall(self.output)
        verdict = "ok    " if self.code == 0 else "FAILED"
        return f"{verdict} {self.target:<28} {self.seconds:7.1f} s  {'; '.join(counts)}".rstrip()


@dataclass
class Runner:
    """Runs targets within limits, all in seconds: of one target, and of all (`deadline`, a monotonic time)."""

    step_limit: float
    deadline: float
    clear: str
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def run(self, target: str) -> Result:
        """Run one target with its output in its log, and report its result."""
        log = LOGS / f"{target}.log"
        started = time.monotonic()
        limit = min(self.step_limit, self.deadline - started)
        with log.open("w", encoding="utf-8") as output:
            if limit <= 0:
                code = 1
                output.write("not run: the time is up\n")
            else:
                print(f"start  {target}", flush=True)
                code = self.make(target, limit, output.fileno())
        text = COLOURS.sub("", log.read_text(encoding="utf-8", errors="replace"))
        result = Result(target, code, time.monotonic() - started, text)
        report(result)
        return result

    def make(self, target: str, limit: float, output: int) -> int:
        """Exit code of make; 124 when it had to be stopped."""
        process = self.start(target, output)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            os.write(output, f"\nstopped after {limit:.0f} s\n".encode())
            stop(process)
            if self.clear:
                clearing = self.start(f"{self.clear}{target}", output)
                try:
                    clearing.wait(CLEARING)
                except subprocess.TimeoutExpired:
                    stop(clearing)
            return 124
        finally:
            self.running.discard(process)

    def start(self, target: str, output: int) -> subprocess.Popen[bytes]:
        """Start make in its own session, so that it and everything it started can be stopped together."""
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
        process = subprocess.Popen(
            ["make", "--no-print-directory", target],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running.add(process)
        return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a session, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def report(result: Result) -> None:
    """Print the result of a target, and its output if it failed."""
    lines = [result.line()]
    if result.code:
        printed = result.output.splitlines()
        hidden = len(printed) - SHOWN_LINES
        lines.append(f"----- {result.target}: " + (f"{hidden} lines before these are in {LOGS}" if hidden > 0 else ""))
        lines += [*printed[-SHOWN_LINES:], "-----"]
    print("\n".join(lines), flush=True)  # in one piece, because other threads print too


def interrupted(_number: int, _frame: object) -> None:
    """Turn SIGTERM into an exception in the main thread."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the targets named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many targets at a time")
    parser.add_argument("--step-minutes", type=float, default=30, metavar="N", help="limit for each target")
    parser.add_argument("--minutes", type=float, default=24 * 60, metavar="N", help="limit for all of them")
    parser.add_argument(
        "--clear", default="", metavar="PREFIX", help="prefix of the targets that clean up after a stopped one"
    )
    parser.add_argument(
        "--alone", nargs="*", default=[], metavar="TARGET", help="targets to run afterwards, one by one"
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    arguments = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, interrupted)
    started = time.monotonic()
    runner = Runner(arguments.step_minutes * 60, started + arguments.minutes * 60, arguments.clear)
    pool = concurrent.futures.ThreadPoolExecutor(arguments.jobs)
    try:
        results = list(pool.map(runner.run, arguments.targets))
        results += map(runner.run, arguments.alone)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(runner.running):
            stop(process)
        return 130
    failed = [result for result in results if result.code]
    print(f"\n{len(results)} steps in {time.monotonic() - started:.0f} s:")
    print("\n".join(result.line() for result in results))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
