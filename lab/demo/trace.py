# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which router, director, proxy and backend a request took, read from live state.

Router: the client's own route lookup for the connection's addresses and ports. Director and proxy: the directors'
IPVS connection tables, where a closed connection stays for two minutes. Proxy, again, and backend: the application.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import shlex
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.demo.site import Site


@dataclasses.dataclass(frozen=True)
class Connection:
    """An entry of IPVS's connection table; addresses are in their usual short form."""

    client: str
    client_port: int
    vip: str
    real_server: str
    state: str


@dataclasses.dataclass(frozen=True)
class Path:
    """A request and the nodes it took; "?" where that could not be read."""

    url: str
    status: int
    router: str
    director: str
    proxy: str
    backend: str
    application: str


def _split(endpoint: str) -> tuple[str, int]:
    host, dummy, port = endpoint.rpartition(":")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def connections(text: str) -> list[Connection]:
    """The TCP entries that `ipvsadm -Lnc` prints."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 6 and words[0] == "TCP":
            (client, port), (vip, _vip_port), (server, _server_port) = (_split(word) for word in words[3:6])
            found.append(Connection(client, port, vip, server, words[2]))
    return found


def table(site: Site, director: str) -> list[Connection]:
    """A director's connection table."""
    return connections(site.run(director, "ipvsadm -Lnc"))


# Prints, for each URL: status, own address, own port, the router the kernel chose, then the body on a line of its own.
_ASK = r"""
for url in {urls}; do
  set -- $(curl -sk -m 5 -o /tmp/demo-answer "$url" \
    -w '%{{http_code}} %{{local_ip}} %{{local_port}} %{{remote_ip}} %{{remote_port}}')
  via=$(ip -o route get "$4" from "$2" ipproto tcp sport "$3" dport "$5" | sed -n 's/.* via \([^ ]*\) .*/\1/p')
  echo "$1 $2 $3 ${{via:-?}}"; tr -d '\n' </tmp/demo-answer; echo; : >/tmp/demo-answer
done
"""


def requests(site: Site, urls: Sequence[str]) -> list[Path]:
    """Send a request to each URL from the client, and follow each through the tiers."""
    lines = site.run(site.client, _ASK.format(urls=shlex.join(urls)), 10 + 6 * len(urls)).splitlines()
    if len(lines) != 2 * len(urls):
        raise LabError(f"{site.client}: unexpected answer to requests: {lines[:4]}")
    tables = {director: table(site, director) for director in site.groups["directors"]}
    return [
        follow(site, url, head.split(), body, tables)
        for url, head, body in zip(urls, lines[::2], lines[1::2], strict=True)
    ]


def follow(site: Site, url: str, head: Sequence[str], body: str, tables: dict[str, list[Connection]]) -> Path:
    """One request's path; `head` is status, client's address, client's port, the router's address."""
    status, client, port, via = head
    carried = [
        (director, entry)
        for director, entries in tables.items()
        for entry in entries
        if (entry.client, entry.client_port) == (client, int(port)) and entry.vip == _host(url)
    ]
    director, proxy = (carried[0][0], site.owner(carried[0][1].real_server)) if len(carried) == 1 else ("?", "?")
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    said = site.owner(str(answer.get("remote_address", "?")))
    if proxy != "?" and said != proxy:
        proxy = f"{proxy} (the backend says {said})"
    return Path(
        url, int(status), site.owner(via), director, proxy, answer.get("backend", "?"), answer.get("application", "?")
    )


def _host(url: str) -> str:
    host = url.partition("://")[2].partition("/")[0]
    literal = host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    return str(ipaddress.ip_address(literal))


def carried(entries: Iterable[Connection], ports: Iterable[int]) -> int:
    """How many connections from these ports of the client are established in a table."""
    wanted = set(ports)
    return len({entry.client_port for entry in entries if entry.state == "ESTABLISHED" and entry.client_port in wanted})
