# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup table of the Linux kernel's Maglev scheduler (net/netfilter/ipvs/ip_vs_mh.c), computed in Python.

The idea is from D. E. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016;
the kernel adds weights, last non-zero weights, a fallback and an IPVS address hash, all reproduced here.
Holds for 64-bit little-endian kernels (on 32-bit ones hsiphash is another function).
Pure functions without I/O. Bad input raises ValueError with a message for the operator.
"""

from __future__ import annotations

import collections
import hashlib
import ipaddress
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Union

# Sizes that CONFIG_IP_VS_MH_TAB_INDEX = 8..17 give.
TABLE_SIZES = (251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071)
DEFAULT_TABLE_SIZE = 4093
PORT_PROTOCOLS = ("tcp", "udp", "sctp")
# ipvsadm and keepalived also accept the flags by number.
FLAG_NAMES = {"mh-fallback": "mh-fallback", "mh-port": "mh-port", "flag-1": "mh-fallback", "flag-2": "mh-port"}

_MASK = (1 << 64) - 1
_KEY_TABLE = 2654435761  # both 64-bit halves of the kernel's fixed hash1 key
_KEY_SKIP = 2654446892  # the same for hash2
_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Server(NamedTuple):
    """A real server as the scheduler sees it; `name` is "address:port" ("[address]:port" for IPv6)."""

    name: str
    address: _Address
    port: int
    weight: int
    last_weight: int
    overloaded: bool

    @property
    def available(self) -> bool:
        """Whether it may take a new flow."""
        return self.weight > 0 and not self.overloaded


class Pool(NamedTuple):
    """A virtual service with its real servers in the kernel's order (the newest first)."""

    ipv6: bool
    protocol: str
    flags: frozenset[str]
    table_size: int
    servers: tuple[Server, ...]


def _rounds(v: tuple[int, int, int, int], count: int) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = v
    for _i in range(count):
        v0 = (v0 + v1) & _MASK
        v1 = (v1 << 13 | v1 >> 51) & _MASK ^ v0
        v0 = (v0 << 32 | v0 >> 32) & _MASK
        v2 = (v2 + v3) & _MASK
        v3 = (v3 << 16 | v3 >> 48) & _MASK ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = (v3 << 21 | v3 >> 43) & _MASK ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = (v1 << 17 | v1 >> 47) & _MASK ^ v2
        v2 = (v2 << 32 | v2 >> 32) & _MASK
    return v0, v1, v2, v3


def siphash13_low32(key: int, word: int) -> int:
    """SipHash-1-3 of one 32-bit word, its low 32 bits; both halves of the 128-bit key are `key`."""
    block = 4 << 56 | word & 0xFFFFFFFF
    v0, v1, v2, v3 = _rounds(
        (
            key ^ 0x736F6D6570736575,
            key ^ 0x646F72616E646F6D,
            key ^ 0x6C7967656E657261,
            key ^ 0x7465646279746573 ^ block,
        ),
        1,
    )
    v0, v1, v2, v3 = _rounds((v0 ^ block, v1, v2 ^ 0xFF, v3), 3)
    return (v0 ^ v1 ^ v2 ^ v3) & 0xFFFFFFFF


def address_word(address: _Address, ipv6_service: bool) -> int:
    """The 32 bits of an address that are hashed; they depend on the family of the virtual service."""
    if address.version == 4:
        return int(address)
    words = [int(address) >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
    if not ipv6_service:
        return words[0]
    return words[0] ^ words[1] ^ words[2] ^ words[3]


def offset_and_skip(server: Server, pool: Pool) -> tuple[int, int]:
    """Where a server's walk through the table starts, and its step."""
    word = address_word(server.address, pool.ipv6) + server.port
    return (
        siphash13_low32(_KEY_TABLE, word) % pool.table_size,
        siphash13_low32(_KEY_SKIP, word) % (pool.table_size - 1) + 1,
    )


def assumed_last_weight(weights: Sequence[int]) -> int:
    """The last weight assumed of a server at weight 0: the most common one of its peers (the greatest on a draw)."""
    counts = collections.Counter(weight for weight in weights if weight > 0)
    return max(counts, key=lambda weight: (counts[weight], weight)) if counts else 1


def turns(last_weights: Sequence[int], table_size: int) -> list[int]:
    """How many slots in a row each server takes in a round."""
    divisor = math.gcd(*last_weights) if last_weights else 0
    if divisor == 0:
        return [0] * len(last_weights)
    index = TABLE_SIZES.index(table_size) + 8
    shift = max(0, (max(last_weights) // divisor).bit_length() - index // 2)
    return [max(1, weight // divisor >> shift) if weight else 0 for weight in last_weights]


def build(pool: Pool) -> list[Server | None]:
    """The table: the server of each slot. All None where no server has ever had a weight."""
    size = pool.table_size
    table: list[Server | None] = [None] * size
    shares = turns([server.last_weight for server in pool.servers], size)
    members = [(server, count, offset_and_skip(server, pool)) for server, count in zip(pool.servers, shares) if count]
    positions = [offset for _server, _count, (offset, _skip) in members]
    filled = 0
    while members:
        for number, (server, count, (_offset, skip)) in enumerate(members):
            position = positions[number]
            for _turn in range(count):
                while table[position] is not None:
                    position = (position + skip) % size
                table[position] = server
                filled += 1
                if filled == size:
                    return table
            positions[number] = position
    return table


def lookup(pool: Pool, table: Sequence[Server | None], source: _Address, source_port: int = 0) -> Server | None:
    """The server that a new flow from a client gets, or None where the kernel would refuse the flow."""
    size = pool.table_size
    word = address_word(source, pool.ipv6)
    if "mh-port" in pool.flags and pool.protocol in PORT_PROTOCOLS:
        word += source_port
    index = siphash13_low32(_KEY_TABLE, word) % size
    server = table[index]
    if server is None or server.available:
        return server
    if "mh-fallback" not in pool.flags:
        return None
    for offset in range(size):
        server = table[siphash13_low32(_KEY_TABLE, word + (offset + index) % size) % size]
        if server is None or server.available:
            return server
    return None


def names(table: Sequence[Server | None]) -> list[str | None]:
    """The table by names."""
    return [server.name if server else None for server in table]


def digest(table: Sequence[str | None], flags: Sequence[str] | frozenset[str] = ()) -> str:
    """SHA-256 (hex) of the slots' names, comma-joined, and of the flags if there are any: they decide a lookup too."""
    text = ",".join(name or "" for name in table)
    if flags:
        text += "|" + ",".join(sorted(flags))
    return hashlib.sha256(text.encode()).hexdigest()


def server_name(address: Any, port: int) -> str:
    """Name of a server, "address:port" with brackets round an IPv6 address."""
    parsed = ipaddress.ip_address(address)
    return f"[{parsed}]:{port}" if parsed.version == 6 else f"{parsed}:{port}"


def _integer(value: Any, what: str, lowest: int, highest: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if isinstance(value, bool) or not lowest <= number <= highest:
        raise ValueError(f"{what} is {value!r}: it must be a number from {lowest} to {highest}")
    return number


def _address(value: Any, what: str) -> _Address:
    try:
        return ipaddress.ip_address(str(value))
    except ValueError:
        raise ValueError(f"{what} is {value!r}: it must be an IPv4 or IPv6 address") from None


def _is_ipv6(service: Mapping[str, Any], addresses: Sequence[_Address]) -> bool:
    """Family of the virtual service: as given, or that of its address, or that of all its real servers."""
    family = service.get("family")
    if family in ("ipv4", "ipv6"):
        return bool(family == "ipv6")
    if family is not None:
        raise ValueError(f"family is {family!r}: it must be ipv4 or ipv6")
    if service.get("address") is not None:
        return _address(service["address"], "address").version == 6
    versions = {address.version for address in addresses}
    if len(versions) > 1:
        raise ValueError("the real servers have both families: the service needs a 'family' or an 'address'")
    return versions == {6}


def pool_of(service: Mapping[str, Any], table_size: int | None = None) -> Pool:
    """A pool from a service as ipvs_info returns it, or hand-written.

    Defaults of a hand-written one: scheduler mh, protocol tcp, no flags, table size 4093; a destination's weight 1, its
    port the service's (0 for a fwmark), its last weight its weight or, at weight 0, the most common of its peers.
    """
    if not isinstance(service, Mapping):
        raise ValueError(f"a service is a dictionary, not {type(service).__name__}")
    if service.get("scheduler", "mh") != "mh":
        raise ValueError(f"the scheduler is {service['scheduler']}: only mh has a Maglev table")
    size = table_size or service.get("maglev_table_size") or DEFAULT_TABLE_SIZE
    if size not in TABLE_SIZES:
        raise ValueError(f"table size {size!r}: the kernel knows {', '.join(map(str, TABLE_SIZES))}")
    flags = service.get("scheduler_flags") or []
    unknown = [flag for flag in flags if flag not in FLAG_NAMES]
    if unknown:
        raise ValueError(f"scheduler flag {unknown[0]!r}: mh knows mh-port and mh-fallback")
    entries = service.get("destinations") or []
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError("destinations is a list of dictionaries")
    if len(entries) > size:
        raise ValueError(f"{len(entries)} destinations: the kernel ignores changes beyond {size}")
    addresses = [_address(entry.get("address"), f"destination {i + 1}: address") for i, entry in enumerate(entries)]
    default_port = 0 if service.get("fwmark") else service.get("port")
    weights = [
        _integer(1 if entry.get("weight") is None else entry["weight"], f"destination {i + 1}: weight", 0, 2**31 - 1)
        for i, entry in enumerate(entries)
    ]
    assumed = assumed_last_weight(weights)
    servers = []
    for i, (entry, address, weight) in enumerate(zip(entries, addresses, weights)):
        what = f"destination {i + 1} ({address})"
        port = _integer(default_port if entry.get("port") is None else entry["port"], f"{what}: port", 0, 65535)
        last_weight = weight or assumed
        if entry.get("last_weight") is not None:
            last_weight = weight or _integer(entry["last_weight"], f"{what}: last_weight", 0, 2**31 - 1)
        servers.append(
            Server(server_name(address, port), address, port, weight, last_weight, bool(entry.get("overloaded")))
        )
    repeated = [name for name, count in collections.Counter(server.name for server in servers).items() if count > 1]
    if repeated:
        raise ValueError(f"destination {repeated[0]} is listed twice")
    return Pool(
        ipv6=_is_ipv6(service, addresses),
        protocol=str(service.get("protocol") or "tcp").lower(),
        flags=frozenset(FLAG_NAMES[flag] for flag in flags),
        table_size=size,
        servers=tuple(servers),
    )
