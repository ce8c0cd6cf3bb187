# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values. Each returns problems, one line each, that name variable, value, and what would be right.

`where` is the variable as a person would look for it: `loadbalancer_services (www).listeners.port`. Private to this
collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..deployment import addresses

PORT = (1, 65535)
OWN_PORTS = {179: "BGP", 3784: "BFD", 3785: "BFD", 4784: "BFD"}
# of routes: the kernel's own, and those that daemons have in iproute2's list and in FRR (zebra/rt_netlink.c)
PROTOCOLS = {*range(19), 42, 84, 99, *range(186, 200)}
# RFC 2385 by way of the kernel (TCP_MD5SIG_MAXKEYLEN), on one line of a configuration
TCP_MD5_KEY = re.compile(r"[!-~]{1,80}")
ASN = (1, 4294967294)
SHOWN = 80  # characters of a value
SECRET = ("password", "pem")

INTERFACE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # IFNAMSIZ, and what every configuration takes
# What may be in a daemon's configuration: nothing here has a meaning of its own in one, or needs more than '…' there.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
TIME = re.compile(r"([0-9]+)(ms|s|m|h|d)")
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST = 2**31 - 1  # milliseconds, in HAProxy
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
DOTTED_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}$)({LABEL}\.)*(?![0-9]+$){LABEL}")
PATH = re.compile(r"/([A-Za-z0-9._~$&()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
QUERY = re.compile(rf"{PATH.pattern}(\?([A-Za-z0-9._~$&()*+,;=:@/?-]|%[0-9A-Fa-f]{{2}})*)?")
LONGEST_PATH = 500
FILE = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")


def masked(value: Any) -> Any:
    """A copy of value with secrets masked."""
    if isinstance(value, Mapping):
        return {str(key): "***" if key in SECRET else masked(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # as people write it
    return "***" if isinstance(value, str) and "PRIVATE KEY" in value else value


def show(value: Any) -> str:
    """A value for a message: secrets masked, long ones cut."""
    text = repr(masked(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def entry_name(where: str, index: int, entry: Any) -> str:
    """What an entry of a list is called in messages: by its name, or by its number where it has none."""
    named = isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry["name"]
    return f"{where} ({entry['name']})" if named else f"{where}[{index}]"


def range_problem(where: str, value: Any, limits: tuple[float, float]) -> list[str]:
    """One line when value is not a number within limits, both included."""
    try:
        good = not isinstance(value, bool) and limits[0] <= float(value) <= limits[1]
        good = good and not (isinstance(value, str) and not NUMBER.fullmatch(value))  # not '080', '8_0' or '８０'
    except (TypeError, ValueError):
        good = False
    return [] if good else [f"{where} is {show(value)}, must be a number from {limits[0]} to {limits[1]}"]


def ranges(prefix: str, values: Mapping[str, Any], limits: Mapping[str, tuple[float, float]]) -> list[str]:
    """A line for each value that is not a number within its limits; prefix is a role, or ends where its names begin."""
    dot = prefix if prefix.endswith(".") else f"{prefix}_"
    return [line for name, pair in limits.items() for line in range_problem(f"{dot}{name}", values[name], pair)]


def parsed(where: str, value: Any, parse: Callable[[Any], Any]) -> list[str]:
    """One line when parse raises ValueError, whose text is what would be right."""
    try:
        parse(value)
    except ValueError as error:
        return [f"{where} is {show(value)}, must be {error}"]
    return []


def address_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address that a host or server can have."""
    return parsed(where, value, addresses.server)


def ipv4_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a unicast IPv4 address."""
    found = parsed(where, value, addresses.routed)
    return [f"{where} is {show(value)}, must be an IPv4 address"] if found or is_ipv6(value) else []


def vip_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address that clients can send to from elsewhere."""
    return parsed(where, value, addresses.routed)


def interface_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address, with a prefix length or without."""
    return parsed(where, value, addresses.interface if "/" in str(value) else addresses.unicast)


def peer_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address of a host on the same link."""
    return parsed(where, value, addresses.unicast)


def prefix_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a prefix without host bits."""
    return parsed(where, value, addresses.prefix)


def interface_name_problem(where: str, value: Any) -> list[str]:
    """One line when value cannot be the name of a network interface."""
    if INTERFACE_NAME.fullmatch(str(value)):
        return []
    return [f"{where} is {show(value)}, must be 1 to 15 letters, digits, '.', '_' and '-', as in eth0.100"]


def protocol_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a number by which routes of ours are told from others."""
    if range_problem(where, value, (5, 255)) or int(value) in PROTOCOLS:
        return [f"{where} is {show(value)}, must be a number that no routing daemon has, from 19 to 255, such as 77"]
    return []


def password_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a password that BGP sessions can have; it is not shown."""
    if TCP_MD5_KEY.fullmatch(str(value)):
        return []
    return [f"{where} is '***', must be 1 to 80 printable ASCII characters without white space"]


def time_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a time as HAProxy reads it."""
    found = TIME.fullmatch(str(value))
    if found and 0 < int(found[1]) * MILLISECONDS[found[2]] <= LONGEST:
        return []
    return [
        f"{where} is {show(value)}, must be a time such as 10s or 5m: a number and ms, s, m, h or d, "
        f"from 1ms to {LONGEST}ms"
    ]


def name_problem(where: str, value: Any) -> list[str]:
    """One line when value cannot be a name in a daemon's configuration."""
    if NAME.fullmatch(str(value)) and not isinstance(value, bool):
        return []
    return [
        f"{where} is {show(value)}, must be made of letters, digits, _ and -, at most 63 of them, and not begin with -"
    ]


def dotted_name_problem(where: str, value: Any) -> list[str]:
    """One line when value cannot be a name in a daemon's configuration, or of a file, in which dots are good."""
    if DOTTED_NAME.fullmatch(str(value)) and not isinstance(value, bool):
        return []
    return [
        f"{where} is {show(value)}, must be made of letters, digits, _, - and dots, at most 200 of them, and not begin "
        "with - or a dot"
    ]


def domain_problem(where: str, value: Any, wildcard: bool = False) -> list[str]:
    """One line when value is not the DNS name of a host, or with wildcard of all hosts of a domain."""
    text = str(value).removeprefix("*.") if wildcard else str(value)
    if DOMAIN.fullmatch(text) and isinstance(value, str):
        return []
    example = "www.example.com or *.example.com" if wildcard else "shop.example.com"
    return [f"{where} is {show(value)}, must be a DNS name such as {example}, in ASCII (xn--…)"]


def path_problem(where: str, value: Any, query: bool = False) -> list[str]:
    """One line when value is not the path of a URL, or with query of a URL's path and query."""
    text = str(value)
    if not text.startswith("/"):
        return [f"{where} is {show(value)}, must begin with /"]
    if (QUERY if query else PATH).fullmatch(text) and len(text) <= LONGEST_PATH:
        return []
    what = "path of a URL, with a query or without" if query else "path of a URL, without a query"
    return [
        f"{where} is {show(value)}, must be the {what}: letters, digits and -._~$&()*+,;=:@/, what else there is as % "
        f"and two hexadecimal digits, at most {LONGEST_PATH} characters"
    ]


def file_problem(where: str, value: Any) -> list[str]:
    """One line when value is not the path of a file of ours on a host, which scripts and configurations name."""
    if FILE.fullmatch(str(value)) and len(str(value)) <= LONGEST_PATH:
        return []
    return [f"{where} is {show(value)}, must be an absolute path of letters, digits, '.', '_' and '-', such as /run/x"]


def reference_problem(where: str, value: Any, target: str, names: Sequence[str]) -> list[str]:
    """One line when value is none of the names that the variable target defines."""
    if value in names:
        return []
    return [f"{where} is {show(value)}, must be one of {target}: {', '.join(names) or 'there are none'}"]


def duplicates(where: str, values: Iterable[Any]) -> list[str]:
    """A line for each value that is listed twice."""
    seen: set[str] = set()
    problems = []
    for value in values:
        text = canonical(value)
        if text in seen:
            problems.append(f"{where}: {str(value)!r} is listed twice; it must be unique")
        seen.add(text)
    return problems


def canonical(value: Any) -> str:
    """One spelling for an address, so that 2001:DB8::1 and 2001:db8:0::1 are the same; other values as they are."""
    try:
        return addresses.interface(value) if "/" in str(value) else addresses.address(value)
    except ValueError:
        return str(value)


def is_ipv6(address: Any) -> bool:
    """Family of what is an address already."""
    return ":" in str(address)


def family_name(ipv6: bool) -> str:
    """Name of a family, for people."""
    return "IPv6" if ipv6 else "IPv4"
