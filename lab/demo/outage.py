# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finale: a node fails and comes back while clients download and ask; what they saw."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from lab.demo import trace
from lab.demo.client_load import ClientLoad, Size
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.demo.failures import Failure
    from lab.demo.screen import Screen
    from lab.demo.site import Site

CALM_BEFORE, DOWN, CALM_AFTER = (
    5.0,
    15.0,
    8.0,
)  # seconds of load before the failure, until it is restored, and after that
BACK_SECONDS = 180.0  # in which a restored node must work again
SLACK = 0.2  # seconds: the client's clock and ours are compared through an ssh connection


@dataclasses.dataclass(frozen=True)
class Outage:
    """A round: the node, when what happened (in the load's seconds), its share of the downloads, the report."""

    node: str
    times: dict[str, float]  # failed, restoring, and where it was restored under load: restored, back
    carried_before: int | None
    carried_after: int | None
    report: dict[str, Any]


def run(site: Site, failure: Failure, name: str, size: Size, screen: Screen) -> Outage:
    """One round: load, failure, return. A node that is off when this is interrupted is powered on again."""
    screen.passing("the client begins to download")
    times: dict[str, float] = {}
    after = None
    with ClientLoad(site, size, screen) as load:
        load.wait_ready()
        load.watch("all is well", CALM_BEFORE)
        before = carried(site, failure, name, load.ports)
        what = "" if before is None else f", which carries {before} of the downloads"
        try:
            times["failed"] = load.second()
            failure.inject(site, name)
            screen.row(failure.text.format(name) + what)
            load.watch(failure.text.format(name), DOWN)
            times["restoring"] = load.second()
            if failure.restores_under_load:
                screen.passing(f"{name} is powered on: {load.last}")
                failure.restore(site, name)
                times["restored"] = load.second()
                screen.row(f"{name} has power again and boots", times["restored"] - times["restoring"])
                _wait_back(site, failure, name, load)
                times["back"] = load.second()
                load.watch(f"{name} is back", CALM_AFTER)
                after = carried(site, failure, name, load.ports)
                what = "" if after is None else f", and carries {after} of the downloads again"
                screen.good(f"{name} works again by itself{what}", times["back"] - times["restored"])
            report = load.finish()
        finally:
            if not site.lab.launcher.alive(site.node(name)):
                site.lab.launcher.start(site.node(name))
    if not failure.restores_under_load:
        failure.restore(site, name)
        _wait_back(site, failure, name, None)
    return Outage(name, times, before, after, report)


def carried(site: Site, failure: Failure, name: str, ports: list[int]) -> int | None:
    """How many connections from these ports pass a director, or end at a proxy; None where that cannot be read."""
    if failure.group == "directors":
        return trace.carried(trace.table(site, name), ports)
    if failure.group == "proxies":
        own = site.addresses(name)
        entries = [entry for director in site.groups["directors"] for entry in trace.table(site, director)]
        return trace.carried((entry for entry in entries if entry.real_server in own), ports)
    return None


def _wait_back(site: Site, failure: Failure, name: str, load: ClientLoad | None) -> None:
    end = time.monotonic() + BACK_SECONDS
    while not failure.restored(site, name):
        if time.monotonic() > end:
            raise LabError(f"{name} does not work {BACK_SECONDS:.0f} s after it was restored")
        if load:
            load.look(f"until {name} works again")
        time.sleep(0.5)


def summarize(report: dict[str, Any], times: dict[str, float]) -> dict[str, Any]:
    """What matters of a load's report, split into before, the failure, and the return, by the times of the round."""
    failed, restoring, end = times["failed"] - SLACK, times["restoring"], float("inf")
    probes = report["probes"]["all"]
    return {
        "downloads": report["downloads"]["wanted"],
        "downloads_broken": len(report["downloads"]["broken"]),
        "requests": probes["sent"],
        "requests_failed": probes["failed"],
        "latency_ms": probes["latency_ms"],
        "seconds": {key: round(value - times["failed"], 1) for key, value in times.items()},
        "before": _part(report, 0, failed),
        "failure": _part(report, failed, restoring),
        "return": _part(report, restoring, end),
    }


def _part(report: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    """The counts of what began at `low` or later and before `high`."""
    probes = report["probes"]["all"]
    silent = [one["seconds"] for one in probes["without_answers"]["gaps"] if low <= one["start"] < high]
    disturbed = [one for one in probes["disturbances"] if low <= one["start"] < high]
    ends = [one["ended"] for one in report["downloads"]["broken"] if one["ended"] is not None]
    return {
        "downloads_broken": sum(low <= end < high for end in ends),
        "requests_failed": sum(one["failed"] for one in disturbed),
        "seconds_without_answers": round(sum(silent), 3),
        "longest_without_answers": max(silent, default=0.0),
        "seconds_disturbed": round(sum(one["seconds"] for one in disturbed), 3),
    }
