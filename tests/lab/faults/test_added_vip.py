# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VIP that is added to a running deployment, and taken away again, in either shape."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.lab.conftest import next_hops, told, wait_until

if TYPE_CHECKING:
    from pathlib import Path

ADDED = ["198.51.100.30", "2001:db8:100::30"]
EVENTS = "/run/route-events"
# An IPv6 route whose next hops change is deleted and added by zebra in one go; that is no loss.
SECONDS = 0.2


def services_with_more(inventory: dict[str, Any]) -> list[dict[str, Any]]:
    """The inventory's services, the first of which has further VIPs before its own."""
    services = copy.deepcopy(inventory["_meta"]["hostvars"]["r1"]["loadbalancer_services"])
    services[0]["vips"] = [*ADDED, *services[0]["vips"]]
    return services


def start_watch(router: Any) -> None:
    router.check_output(f"setsid ip -ts -oneline monitor route > {EVENTS} 2>&1 < /dev/null & echo $! > {EVENTS}.pid")


def stop_watch(router: Any) -> list[str]:
    return router.check_output(f"kill $(cat {EVENTS}.pid); cat {EVENTS}; rm {EVENTS} {EVENTS}.pid").splitlines()


def absences(events: list[str], vips: list[str]) -> dict[str, float]:
    """Seconds for which the kernel had no route to a VIP, by VIP; those that were never away are not there."""
    gone: dict[str, datetime] = {}
    away: dict[str, float] = {}
    for event in events:
        stamp, dummy, route = event.partition("] ")
        moment = datetime.fromisoformat(stamp.strip("["))
        words = route.split()
        if words[0] == "Deleted":
            gone[words[1]] = moment
        elif words[0] in gone:
            seconds = (moment - gone.pop(words[0])).total_seconds()
            away[words[0]] = max(seconds, away.get(words[0], 0))
    away.update(dict.fromkeys(gone, float("inf")))
    return {vip: seconds for vip, seconds in away.items() if vip in vips}


def test_a_vip_is_added_and_taken_away_and_the_others_keep_their_routes(
    playbook: Any, inventory: Any, node: Any, groups: Any, tmp_path: Path
) -> None:
    """The new one comes first, in the inventory and in every list that is made of it."""
    services = services_with_more(inventory)
    others = [vip for service in services for vip in service["vips"] if vip not in ADDED]
    routers = [node(name) for name in groups["routers"]]
    wanted = len(groups["directors"] or groups["proxies"])

    def next_hop_counts(vips: list[str]) -> set[int]:
        return {len(next_hops(router, vip)) for router in routers for vip in vips}

    file = tmp_path / "services.json"
    file.write_text(json.dumps({"loadbalancer_services": services}))
    for router in routers:
        start_watch(router)
    try:
        added = playbook("site.yml", "-e", f"@{file}", mitogen=True)
        assert added.returncode == 0, told(added.stdout)
        wait_until("both routers have all next hops of the new VIPs", lambda: next_hop_counts(ADDED) == {wanted})
    finally:
        taken = playbook("site.yml", mitogen=True)
        events = {router.backend.get_hostname(): stop_watch(router) for router in routers}
    assert taken.returncode == 0, told(taken.stdout)
    wait_until("no router has a route to them any more", lambda: next_hop_counts(ADDED) == {0})
    wait_until("the others have all next hops", lambda: next_hop_counts(others) == {wanted})
    for name, lines in events.items():
        assert any(ADDED[0] in line for line in lines), f"{name}: nothing was watched"
        away = {vip: seconds for vip, seconds in absences(lines, others).items() if seconds > SECONDS}
        assert away == {}, f"{name} had no route to {away} meanwhile"
