# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab demo`: the three-tier lab comes up and is deployed, requests go through it, and a director dies under load."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab import reach
from lab.demo import outage, trace
from lab.demo.client_load import Size
from lab.demo.failures import FAILURES
from lab.demo.playbooks import Playbooks, fold, verification_table
from lab.demo.screen import Screen
from lab.demo.site import CHECKOUT, Site
from lab.errors import LabError
from lab.lab import Lab
from lab.lifecycle import BOOT_SECONDS, down, up
from lab.progress import Progress
from lab.state import LabState, home


class Passing(Progress):
    """The lab's progress as one passing line of the screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(io.StringIO(), quiet=True)
        self.screen, self.what = screen, ""

    def step(self, text: str) -> None:
        """What is being done."""
        self.what = text
        self.screen.passing(text)

    def node(self, name: str, state: str) -> None:
        """How many nodes are ready."""
        self.nodes[name] = state
        ready = sum(one in {"ready", "running"} for one in self.nodes.values())
        self.screen.passing(f"{ready} of {len(self.nodes)} hosts are ready; {name}: {state}")


class Demo:
    """The demonstration, step by step."""

    def __init__(self, options: argparse.Namespace, screen: Screen) -> None:
        self.options, self.screen = options, screen
        self.source: Path = options.inventory.resolve()
        self.shown = os.path.relpath(self.source)
        self.state = LabState(options.name)
        self.log = home() / f"demo-{options.name}.log"
        self.sources = [self.shown]

    def run(self) -> None:
        """All of it; LabError says what went wrong."""
        self.screen.title("multitier.loadbalancer: routers, directors and proxies as real hosts on this machine")
        self.bring_up()
        site = Site.read(Lab.load(self.state), self.source)
        if not self.options.only_failure:
            self.deploy()
            self.requests(site)
        self.fail(site)
        self.farewell(site)

    def bring_up(self) -> None:
        """The lab, or what is missing of it."""
        began = time.monotonic()
        self.screen.section("Lab", f"{self.shown}, brought up as the lab {self.state.name!r}")
        home().mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log.write_text("")
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):  # Ansible wants a stream with a buffer
            up(self.state, self.source, Passing(self.screen), BOOT_SECONDS)
        lab = Lab.load(self.state)
        names = " ".join(node.name for node in lab.topology.nodes)
        self.screen.good(f"up: {names}", time.monotonic() - began)
        link = self.source / reach.LINK_NAME
        if not link.exists() or link.read_text() != self.state.connection.read_text():
            owner = link.read_text().partition("\n")[0].removeprefix("# lab: ") if link.exists() else "nothing"
            self.sources.append(str(self.state.connection))
            self.screen.row(
                f"The inventory is linked to another lab ({owner.split()[0]}) already, which is left as it is."
            )
            self.screen.row(f"Ansible is told how to reach this one: {self._inventories()}")

    def _inventories(self) -> str:
        return " ".join(f"-i {source}" for source in self.sources)

    def deploy(self) -> None:
        """site.yml and verify.yml."""
        play = Playbooks(self.screen, self.log, [str(self.source), *self.sources[1:]])
        self.screen.section("Deploy", f"ansible-playbook {self._inventories()} site.yml")
        began = time.monotonic()
        phases = play.run("site.yml")[1]
        changed = sum(phases.changed.values())
        seconds = time.monotonic() - began
        self.screen.good(f"{len(phases.changed)} hosts deployed, {changed} changes; log: {self.log}", seconds)
        self.screen.section("Verify", f"ansible-playbook {self._inventories()} playbooks/verify.yml")
        began = time.monotonic()
        output = play.run("playbooks/verify.yml", rows=False)[0]
        rows = verification_table(output)
        self.screen.table([row[:3] for row in fold(rows)])
        self.screen.good(f"{len(rows)} checks of the live state, all as wanted", time.monotonic() - began)

    def requests(self, site: Site) -> None:
        """A request to each VIP, protocol and pool, and its way."""
        self._spread(site)
        paths = dict.fromkeys(route["path_prefix"] for service in site.services for route in service.get("routes", []))
        paths_asked = ["/", *paths]
        urls = [url + path for url in site.urls() for path in paths_asked]
        self.screen.section("Requests", "each row is one request, and the way it took, read from the live state")
        self.screen.passing("asking")
        followed = trace.requests(site, urls)
        self.screen.table(
            [
                [
                    path.url,
                    str(path.status),
                    path.router,
                    path.director,
                    path.proxy,
                    f"{path.backend} ({path.application})",
                ]
                for path in followed
            ],
            ["request", "status", "router", "director", "proxy", "backend"],
        )
        wrong = [
            path.url for path in followed if path.status != 200 or "?" in (path.director, path.proxy, path.backend)
        ]
        if wrong:
            raise LabError(f"not answered, or its way could not be read: {', '.join(wrong)}")

    @staticmethod
    def _spread(site: Site) -> None:
        # the one client stands for many: its connections take all routers, by their ports
        for family in ("ipv4", "ipv6"):
            site.run(site.client, f"sysctl -q -w net.{family}.fib_multipath_hash_policy=1")

    def fail(self, site: Site) -> None:
        """The finale, as often as asked for."""
        self._spread(site)
        failure = FAILURES[self.options.failure]
        size = Size(self.options.downloads, self.options.rate)
        name = self.options.node or site.groups[failure.group][0]
        if name not in site.groups[failure.group]:
            raise LabError(f"{name} is not one of the {failure.group}: {', '.join(site.groups[failure.group])}")
        rounds: list[dict[str, Any]] = []
        for number in range(1, self.options.rounds + 1):
            suffix = f" (round {number} of {self.options.rounds})" if self.options.rounds > 1 else ""
            load = f"{size.downloads} long downloads run, {size.rate:g} requests a second"
            self.screen.section("Failure", f"{load}; then {failure.text.format(name)}{suffix}")
            result = outage.run(site, failure, name, size, self.screen)
            summary = outage.summarize(result.report, result.times)
            self._tell(summary)
            rounds.append(summary | {"node": name, "load_average": os.getloadavg()[0],
                                     "carried": [result.carried_before, result.carried_after],
                                     "report": result.report})  # fmt: skip
            if self.options.json:
                self.options.json.write_text(json.dumps({"failure": self.options.failure, "rounds": rounds}, indent=1))
        if len(rounds) > 1:
            self._medians(rounds)

    def _tell(self, summary: dict[str, Any]) -> None:
        failure, back = summary["failure"], summary["return"]
        self.screen.table(
            [
                ["downloads broken", str(failure["downloads_broken"]), str(back["downloads_broken"])],
                ["requests failed", str(failure["requests_failed"]), str(back["requests_failed"])],
                ["seconds, some failed", f"{failure['seconds_disturbed']:.2f}", f"{back['seconds_disturbed']:.2f}"],
                ["seconds, all failed", f"{failure['seconds_without_answers']:.2f}",
                 f"{back['seconds_without_answers']:.2f}"],
            ],
            [f"of {summary['downloads']} downloads, {summary['requests']} requests", "failure", "return"],
        )  # fmt: skip

    def _medians(self, rounds: list[dict[str, Any]]) -> None:
        self.screen.section("Medians", f"of {len(rounds)} rounds")
        for text, values in (
            ("downloads broken", [one["downloads_broken"] for one in rounds]),
            ("requests failed", [one["failure"]["requests_failed"] for one in rounds]),
            ("seconds in which some failed", [one["failure"]["seconds_disturbed"] for one in rounds]),
            ("seconds in which all failed", [one["failure"]["seconds_without_answers"] for one in rounds]),
        ):
            self.screen.row(f"{text:<32}{statistics.median(values):<8g}({', '.join(f'{value:g}' for value in values)})")

    def farewell(self, site: Site) -> None:
        """What to do next, or the end of the lab."""
        name, lab = self.state.name, os.path.relpath(CHECKOUT / "lab" / "lab")
        if self.options.down:
            self.screen.section("Down", "")
            down(self.state)
            self.screen.good(f"lab {name} is down; nothing of it is left but the cached image")
            return
        url, router = site.urls()[0], site.groups["routers"][0]
        self.screen.section("Next", f"the lab {name!r} stays up; some things to try:")
        self.screen.table(
            [
                # -k: the lab's certificates are self-signed, and for names, not for addresses
                [f"{lab} run --name {name} {site.client} curl -sk {url}/", "ask as the client"],
                [f"{lab} run --name {name} {site.groups['directors'][0]} ipvsadm -Ln", "a director's table"],
                [f"{lab} ssh --name {name} {router}", "log in; vtysh is FRR's shell"],
                [f"{lab} cut --name {name} {site.groups['proxies'][0]}:eth1", "pull a cable; mend undoes it"],
                [f"ansible-playbook {self._inventories()} site.yml", "again: nothing changes"],
                [f"{lab} down --name {name}", "take it down"],
            ]
        )


def add_arguments(to: argparse.ArgumentParser) -> None:
    """The options of the demonstration."""
    add = to.add_argument
    default = CHECKOUT / "inventories" / "three_tier"
    add("-i", "--inventory", type=Path, default=default, help="an inventory of three tiers (inventories/three_tier)")
    add("--name", default="demo", help="the lab's name (%(default)s)")
    add("--down", action="store_true", help="take the lab down at the end")
    add("--only-failure", action="store_true", help="of a lab that is deployed already: only the failure under load")
    add("--failure", choices=sorted(FAILURES), default="director-off", help="what fails (%(default)s)")
    add("--node", help="which node fails (the first of its group)")
    add("--rounds", type=int, default=1, help="how often (%(default)s)")
    add("--downloads", type=int, default=100, help="long downloads at once (%(default)s)")
    add("--rate", type=float, default=20, help="requests a second (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write every round's report to this file")


def command(options: argparse.Namespace) -> int:
    """Run the demonstration; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a node that is off is powered on again, as by Ctrl-C
    screen = Screen()
    try:
        Demo(options, screen).run()
    except LabError as error:
        screen.bad(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        screen.clear()
        print(f"demo: interrupted; go on with lab/lab demo, or take the lab down: lab/lab down --name {options.name}")
        return 130
    except subprocess.SubprocessError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0
