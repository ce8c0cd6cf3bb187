# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values. Each returns problems, one line each, that name variable, value, and what would be right.

`where` is the variable as a person would look for it: `loadbalancer_services (www).listeners.port`. Private to this
collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PORT = (1, 65535)
ASN = (1, 4294967294)
SHOWN = 80  # characters of a value
SECRET = ("password", "pem")

TIME = re.compile(r"[0-9]+(us|ms|s|m|h|d)?")
NAME = re.compile(r"[A-Za-z0-9_-]+")
DEVICE = re.compile(r"[A-Za-z0-9_.-]{1,15}")


def masked(value: Any) -> Any:
    """A copy of value without what nobody may read over a shoulder."""
    if isinstance(value, Mapping):
        return {str(key): "***" if key in SECRET else masked(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked(entry) for entry in value]
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
    except (TypeError, ValueError):
        good = False
    return [] if good else [f"{where} is {show(value)}, must be a number from {limits[0]} to {limits[1]}"]


def address_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a plain IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return [f"{where} is {show(value)}, must be an IPv4 or IPv6 address without a prefix length"]
    return []


def vip_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address that clients can send to from elsewhere."""
    problems = address_problem(where, value)
    if problems:
        return problems
    address = ipaddress.ip_address(str(value))
    if address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast:
        return [f"{where} is {show(value)}, must be a unicast address that can be routed to"]
    return []


def interface_problem(where: str, value: Any) -> list[str]:
    """One line when value is not an address, with a prefix length or without."""
    try:
        ipaddress.ip_interface(str(value))
    except ValueError:
        return [f"{where} is {show(value)}, must be an IPv4 or IPv6 address, with a prefix length or without"]
    return []


def prefix_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a prefix without host bits."""
    try:
        ipaddress.ip_network(str(value))
    except ValueError:
        return [f"{where} is {show(value)}, must be a prefix such as 198.51.100.1/32, without host bits"]
    return []


def time_problem(where: str, value: Any) -> list[str]:
    """One line when value is not a time as HAProxy reads it."""
    return [] if TIME.fullmatch(str(value)) else [f"{where} is {show(value)}, must be a time such as 10s or 5m"]


def name_problem(where: str, value: Any) -> list[str]:
    """One line when value cannot be a name in a daemon's configuration."""
    return [] if NAME.fullmatch(str(value)) else [f"{where} is {show(value)}, must be made of letters, digits, _ and -"]


def device_problem(where: str, value: Any) -> list[str]:
    """One line when value cannot be the name of a network device."""
    if DEVICE.fullmatch(str(value)):
        return []
    return [f"{where} is {show(value)}, must be the name of a network device: letters, digits, . _ and -, at most 15"]


def path_problem(where: str, value: Any) -> list[str]:
    """One line when value is not the path of a URL."""
    return [] if str(value).startswith("/") else [f"{where} is {show(value)}, must begin with /"]


def reference_problem(where: str, value: Any, target: str, names: Sequence[str]) -> list[str]:
    """One line when value is none of the names that the variable target defines."""
    if value in names:
        return []
    return [f"{where} is {show(value)}, must be one of {target}: {', '.join(names) or 'there are none'}"]


def duplicates(where: str, values: Iterable[Any]) -> list[str]:
    """A line for each value that is there twice."""
    seen: set[str] = set()
    problems = []
    for value in values:
        text = canonical(value)
        if text in seen:
            problems.append(f"{where}: {str(value)!r} is there twice, must be unique")
        seen.add(text)
    return problems


def canonical(value: Any) -> str:
    """One spelling for an address, so that 2001:DB8::1 and 2001:db8:0::1 are the same; other values as they are."""
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return str(value)


def is_ipv6(address: Any) -> bool:
    """Family of what is an address already."""
    return ":" in str(address)


def family_name(ipv6: bool) -> str:
    """Name of a family, for people."""
    return "IPv6" if ipv6 else "IPv4"
