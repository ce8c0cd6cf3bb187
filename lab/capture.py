# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording what goes over a link or a NIC."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lab import machine, processes
from lab.errors import LabError
from lab.wiring import resolve

if TYPE_CHECKING:
    from lab.lab import Lab

SNIFFER = Path(__file__).parent / "programs/sniffer.py"
NO_LIMIT = 10**9


def run(lab: Lab, target: str, file: Path | None, seconds: float, count: int, expression: str) -> int:
    """Record until a limit is reached, to a file as pcap, or to standard output (text on a terminal, else pcap)."""
    device = resolve(lab.topology, target)[0]
    text = file is None and sys.stdout.isatty()
    words = shlex.split(expression)
    reader: list[str] = []
    if text or words:
        machine.require({"tcpdump": "tcpdump"})
        reader = ["tcpdump", "-n", "-r", "-", "-c", str(count), *(["-l"] if text else ["-U", "-w", "-"]), *words]
    limit = NO_LIMIT if words else count
    sniffer = lab.namespace.enter(sys.executable, "-I", str(SNIFFER), device, str(seconds), str(limit))
    with contextlib.ExitStack() as stack:
        output: BinaryIO = sys.stdout.buffer
        if file is not None and str(file) != "-":
            output = stack.enter_context(file.open("wb"))
        child = subprocess.Popen(sniffer, stdout=subprocess.PIPE if reader else output, start_new_session=True)
        # nsenter passes no signal on to what it runs
        stack.callback(lambda: lab.namespace.kill(processes.in_session(child.pid)))
        try:
            return _read(reader, child, output) if reader else child.wait()
        except KeyboardInterrupt:  # the usual way to end a recording
            return 0


def _read(reader: list[str], child: subprocess.Popen[bytes], output: BinaryIO) -> int:
    """Pass the recording through tcpdump."""
    result = subprocess.run(reader, stdin=child.stdout, stdout=output, stderr=subprocess.PIPE, check=False)
    if result.returncode:
        raise LabError(result.stderr.decode().strip().rpartition("\n")[2])
    return 0
