# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: the one place that parses them, spells them, and knows their families.

Everything behind it holds canonical text: `198.51.100.1`, `2001:db8::1`, `10.20.0.31/24` for an interface. Raises
ValueError, with what would be right, for text that is none. netaddr does the work.
"""

from __future__ import annotations

import functools
import re
from typing import Any

try:
    import netaddr
except ImportError as error:  # reported by require(), in words that say what to install
    netaddr = None
    MISSING: ImportError | None = error
else:
    MISSING = None

# IPv4 that no host on a network has: this network, loopback, link-local, multicast, reserved and broadcast.
# IPv6: unspecified, loopback, IPv4-compatible and -mapped, link-local, site-local, multicast.
NOT_ROUTED = (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
    "::/96", "::ffff:0:0/96", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip
LOOPBACK = ("127.0.0.0/8", "::1/128")
LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
TEXT = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]{0,2}))?")

ADDRESS = "an IPv4 or IPv6 address without a prefix length"
INTERFACE = "an IPv4 or IPv6 address with a prefix length, such as 192.0.2.11/24"
PREFIX = "a prefix such as 198.51.100.1/32, without host bits"
ROUTED = "a unicast address that can be routed to"


def require() -> None:
    """Raise ImportError, in words that help, where netaddr is missing on the controller."""
    if MISSING is not None:
        raise ImportError("the Python package netaddr is missing on the controller: pip install netaddr") from MISSING


def _parse(value: Any, kind: str, wanted: str) -> Any:
    require()
    text = str(value)
    if TEXT.fullmatch(text):
        try:
            return netaddr.IPAddress(text) if kind == "address" else netaddr.IPNetwork(text)
        except (netaddr.AddrFormatError, ValueError):
            pass
    raise ValueError(wanted)


def address(value: Any) -> str:
    """Canonical text of an address."""
    return str(_parse(value, "address", ADDRESS))


def interface(value: Any) -> str:
    """Canonical text of an interface's address, ADDRESS/LENGTH, which must be one that a host can have."""
    network = _parse(value, "network", INTERFACE)
    if "/" not in str(value) or not network.prefixlen:
        raise ValueError(INTERFACE)
    routed_or_link_local(network.ip, f"{INTERFACE}, that a host can have")
    # the first address of an IPv6 network is every router's (RFC 4291)
    if network.size > 2 and network.ip in (network.network, network.broadcast):
        raise ValueError(f"{INTERFACE}, that is neither the network's own nor its broadcast address")
    return f"{network.ip}/{network.prefixlen}"


def prefix(value: Any) -> str:
    """Canonical text of a prefix, which must have no host bits."""
    network = _parse(value, "network", PREFIX)
    if "/" not in str(value) or network.ip != network.network:
        raise ValueError(PREFIX)
    return str(network)


def routed(value: Any) -> str:
    """Canonical text of an address that others can send to."""
    parsed = _parse(value, "address", ADDRESS)
    if within(parsed, NOT_ROUTED):
        raise ValueError(ROUTED)
    return str(parsed)


def unicast(value: Any) -> str:
    """Canonical text of an address that another host on the link can send to."""
    parsed = _parse(value, "address", ADDRESS)
    return str(parsed) if within(parsed, LINK_LOCAL) else routed(value)


def server(value: Any) -> str:
    """Canonical text of a server's address: routed, or this host's loopback."""
    parsed = _parse(value, "address", ADDRESS)
    return str(parsed) if within(parsed, LOOPBACK) else routed(value)


def routed_or_link_local(parsed: Any, wanted: str) -> None:
    """Raise ValueError for an address that no interface has."""
    if within(parsed, NOT_ROUTED) and not within(parsed, LINK_LOCAL) and not within(parsed, LOOPBACK):
        raise ValueError(wanted)


def within(value: Any, networks: tuple[str, ...]) -> bool:
    """Whether an address is in one of the networks."""
    parsed = _address(value) if isinstance(value, str) else value
    return any(parsed in _network(text) for text in networks if (":" in text) == (parsed.version == 6))


@functools.lru_cache(maxsize=65536)
def _address(value: str) -> Any:
    require()
    return netaddr.IPAddress(value)


@functools.lru_cache(maxsize=65536)
def _network(value: str) -> Any:
    require()
    return netaddr.IPNetwork(value)


def is_ipv6(value: str) -> bool:
    """Family of canonical text."""
    return ":" in value


def family(value: str) -> str:
    """Name of its family, for people."""
    return "IPv6" if is_ipv6(value) else "IPv4"


def is_link_local(value: str) -> bool:
    """Whether it is valid on its link only."""
    return within(bare(value), LINK_LOCAL)


def bare(value: str) -> str:
    """An interface's address without its prefix length."""
    return value.partition("/")[0]


def network(value: str) -> str:
    """The network that an interface's address is in, as a prefix."""
    return str(_network(value).cidr)


def contains(net: str, value: str) -> bool:
    """Whether a prefix contains an address."""
    return within(value, (net,))


def overlap(one: str, other: str) -> bool:
    """Whether two prefixes have addresses in common."""
    return is_ipv6(one) == is_ipv6(other) and (
        _network(one).ip in _network(other) or _network(other).ip in _network(one)
    )


def host_prefix(value: str) -> str:
    """An address as a prefix of its own: /32 or /128."""
    return f"{value}/{128 if is_ipv6(value) else 32}"


def endpoint(value: str, port: int) -> str:
    """Address and port, an IPv6 address in brackets."""
    return f"[{value}]:{port}" if is_ipv6(value) else f"{value}:{port}"
