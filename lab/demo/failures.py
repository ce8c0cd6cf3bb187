# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fails, how it is restored, and how to tell that the node works again."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

from lab.lifecycle import BOOT_SECONDS, restart
from lab.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.demo.site import Site


@dataclasses.dataclass(frozen=True)
class Failure:
    """A way in which a node of a group fails. `restored` tells whether it works again."""

    group: str
    text: str
    inject: Callable[[Site, str], None]
    restore: Callable[[Site, str], None]
    restored: Callable[[Site, str], bool]
    restores_under_load: bool = True


def _power_off(site: Site, name: str) -> None:
    site.lab.launcher.kill(site.node(name))


def _power_on(site: Site, name: str) -> None:
    restart(site.lab, site.node(name), Progress(io.StringIO()), BOOT_SECONDS)


def _stop_proxy(site: Site, name: str) -> None:
    # USR1: HAProxy closes its listeners, and ends with its last connection
    site.run(name, "systemctl kill --signal USR1 --kill-who main haproxy")


def _start_proxy(site: Site, name: str) -> None:
    site.run(name, "systemctl restart haproxy")


def is_next_hop(site: Site, name: str) -> bool:
    """Whether the kernel of every router spreads every VIP over this node."""
    script = "; ".join(f"ip -o {'-6' if ':' in vip else '-4'} route show {vip}" for vip in site.vips)
    addresses = site.addresses(name)
    for router in site.groups["routers"]:
        routes = site.run(router, script).splitlines()
        if len(routes) < len(site.vips) or not all(
            any(f"via {address} " in route for address in addresses) for route in routes
        ):
            return False
    return True


def has_weight(site: Site, name: str) -> bool:
    """Whether every director hands new connections of every service to this node."""
    addresses = {f"[{address}]" if ":" in address else address for address in site.addresses(name)}
    for director in site.groups["directors"]:
        lines = [line.split() for line in site.run(director, "ipvsadm -Ln").splitlines()]
        own = [line for line in lines if line[:1] == ["->"] and line[1].rpartition(":")[0] in addresses]
        if not own or any(line[3] == "0" for line in own):
            return False
    return True


def is_gateway(site: Site, name: str) -> bool:
    """Whether the kernel of every proxy answers clients through this node too."""
    addresses = site.addresses(name)
    return all(
        any(f"via {address} " in site.run(proxy, f"ip -o {family} route show default") for address in addresses)
        for proxy in site.groups["proxies"]
        for family in ("-4", "-6")
    )


FAILURES = {
    "director-off": Failure(
        "directors", "the power of {} is cut", _power_off, _power_on, is_next_hop
    ),
    "router-off": Failure(
        "routers", "the power of {} is cut", _power_off, _power_on, is_gateway
    ),
    "proxy-stop": Failure(
        "proxies", "HAProxy of {} stops gracefully", _stop_proxy, _start_proxy,
        has_weight, restores_under_load=False,
    ),
}  # fmt: skip
