# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host reports about IPVS outside of netlink: sysctls, the connection table, the kernel's configuration."""

from __future__ import annotations

import gzip
import ipaddress
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..maglev import DEFAULT_TABLE_SIZE, TABLE_SIZES
from .model import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

_SYSCTLS = "/proc/sys/net/ipv4/vs"
_CONNECTIONS = "/proc/net/ip_vs_conn"


def read_sysctl(name: str) -> str | None:
    """A value under net.ipv4.vs, None where there is no such key."""
    try:
        return Path(_SYSCTLS, name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def write_sysctl(name: str, value: str) -> None:
    """Set a value under net.ipv4.vs; raises OSError."""
    Path(_SYSCTLS, name).write_text(value + "\n", encoding="ascii")


def maglev_table_size() -> tuple[int, str]:
    """(slots of this kernel's Maglev tables, where it was read); the usual size if the kernel does not say."""
    for name in (f"/boot/config-{os.uname().release}", f"/lib/modules/{os.uname().release}/config", "/proc/config.gz"):
        try:
            content = Path(name).read_bytes()
        except OSError:
            continue
        if name.endswith(".gz"):
            content = gzip.decompress(content)
        found = re.search(rb"^CONFIG_IP_VS_MH_TAB_INDEX=(\d+)$", content, re.MULTILINE)
        if found and 8 <= int(found.group(1)) <= 17:
            return TABLE_SIZES[int(found.group(1)) - 8], name
    return DEFAULT_TABLE_SIZE, "default"


def _address(text: str) -> str:
    """An address of the connection table: eight hexadecimal digits, or an IPv6 address in full."""
    if ":" in text:
        return str(ipaddress.IPv6Address(text))
    return str(ipaddress.IPv4Address(int(text, 16)))


def _connection(line: str) -> dict[str, Any] | None:
    fields = line.split()
    if len(fields) < 9:
        return None
    try:
        addresses = [_address(fields[place]) for place in (1, 3, 5)]
        ports = [int(fields[place], 16) for place in (2, 4, 6)]
        expires = int(fields[8])
    except ValueError:
        return None  # the heading
    client, virtual, real = ({"address": address, "port": port} for address, port in zip(addresses, ports))
    return {
        "protocol": fields[0].lower(),
        "client": client,
        "virtual": virtual,
        "destination": real,
        "destination_name": endpoint("ipv6" if ":" in addresses[2] else "ipv4", addresses[2], ports[2]),
        "state": fields[7],
        "expires": expires,
    }


def parse_connections(lines: Iterable[str], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """(at most `limit` connections, whether there are more)."""
    connections: list[dict[str, Any]] = []
    for line in lines:
        connection = _connection(line)
        if connection is None:
            continue
        if len(connections) == limit:
            return connections, True
        connections.append(connection)
    return connections, False


def connections(limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The kernel's connection table, as parse_connections() returns it; empty where IPVS is not loaded."""
    try:
        with Path(_CONNECTIONS).open(encoding="ascii") as lines:
            return parse_connections(lines, limit)
    except FileNotFoundError:
        return [], False
