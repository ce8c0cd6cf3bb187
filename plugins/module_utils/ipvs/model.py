# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an IPVS table consists of: virtual services with ordered destinations (real servers). No I/O here.

Units: weights and thresholds are plain numbers, timeouts seconds. Destinations are in the kernel's order, newest first.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any, Optional

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
FORWARDINGS = {"masquerade": 0, "local": 1, "tunnel": 2, "dr": 3, "bypass": 4}
TUNNEL_TYPES = {"ipip": 0, "gue": 1, "gre": 2}
TUNNEL_CHECKSUMS = {"none": 0, "checksum": 1, "remote": 2}
MAGLEV = "mh"
SCHEDULERS = (
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos",
)  # fmt: skip
# Bits of a service's flags that a scheduler gives a meaning of its own, by name.
GENERIC_FLAGS = {"flag-1": 0x08, "flag-2": 0x10, "flag-3": 0x20}
SCHEDULER_FLAGS = {
    "mh": {"mh-fallback": 0x08, "mh-port": 0x10},
    "sh": {"sh-fallback": 0x08, "sh-port": 0x10},
}
Counters = Optional[dict[str, Any]]


def canonical_address(text: str) -> tuple[str, str]:
    """(family, address in its shortest form); raises ValueError."""
    for family, number in (("ipv4", socket.AF_INET), ("ipv6", socket.AF_INET6)):
        try:
            return family, socket.inet_ntop(number, socket.inet_pton(number, text))
        except (OSError, ValueError):
            continue
    raise ValueError(f"{text!r} is not an IPv4 or IPv6 address")


def endpoint(family: str | None, address: str | None, port: int | None) -> str:
    """An address and a port as people write them: "address:port", with brackets round an IPv6 address."""
    return f"[{address}]:{port}" if family == "ipv6" else f"{address}:{port}"


@dataclass(frozen=True, order=True)
class ServiceKey:
    """What identifies a service: (protocol, address, port), or a fwmark and a family."""

    family: str
    fwmark: int = 0
    protocol: str = ""
    address: str = ""
    port: int = 0

    def __str__(self) -> str:
        """For example "tcp 198.51.100.1:443" or "fwmark 7 ipv6"."""
        if self.fwmark:
            return f"fwmark {self.fwmark} {self.family}"
        return f"{self.protocol} {endpoint(self.family, self.address, self.port)}"


@dataclass(frozen=True)
class Settings:
    """How a service schedules."""

    scheduler: str = MAGLEV
    scheduler_flags: frozenset[str] = frozenset()
    persistence_timeout: int = 0  # 0: no persistence
    prefix_length: int = 32  # of client addresses that persistence treats as one client
    persistence_engine: str = ""
    one_packet: bool = False


@dataclass(frozen=True)
class Destination:
    """A real server of a service."""

    family: str
    address: str
    port: int
    weight: int = 1
    forwarding: str = "dr"
    tunnel_type: str = "ipip"
    tunnel_port: int = 0
    tunnel_checksum: str = "none"
    upper_threshold: int = 0  # connections; 0: none
    lower_threshold: int = 0
    counters: Counters = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The "address:port" that identifies it within the service."""
        return endpoint(self.family, self.address, self.port)


@dataclass(frozen=True)
class Service:
    """A virtual service; destinations newest first."""

    key: ServiceKey
    settings: Settings
    destinations: tuple[Destination, ...] = ()
    counters: Counters = field(default=None, compare=False)


def destination_dict(destination: Destination) -> dict[str, Any]:
    """A destination as the modules return it."""
    tunnel = destination.forwarding == "tunnel"
    described = {
        "name": destination.name,
        "family": destination.family,
        "address": destination.address,
        "port": destination.port,
        "weight": destination.weight,
        "forwarding": destination.forwarding,
        "tunnel_type": destination.tunnel_type if tunnel else None,
        "tunnel_port": destination.tunnel_port if tunnel and destination.tunnel_type == "gue" else None,
        "tunnel_checksum": destination.tunnel_checksum if tunnel and destination.tunnel_type != "ipip" else None,
        "upper_threshold": destination.upper_threshold,
        "lower_threshold": destination.lower_threshold,
    }
    described.update(destination.counters or {})
    return described


def service_dict(service: Service, maglev_table_size: int | None = None) -> dict[str, Any]:
    """A service as the modules return it."""
    key, settings = service.key, service.settings
    described: dict[str, Any] = {
        "name": str(key),
        "family": key.family,
        "protocol": None if key.fwmark else key.protocol,
        "address": None if key.fwmark else key.address,
        "port": None if key.fwmark else key.port,
        "fwmark": key.fwmark or None,
        "scheduler": settings.scheduler,
        "scheduler_flags": sorted(settings.scheduler_flags),
        "persistence_timeout": settings.persistence_timeout,
        "prefix_length": settings.prefix_length,
        "persistence_engine": settings.persistence_engine or None,
        "one_packet": settings.one_packet,
    }
    if maglev_table_size:
        described["maglev_table_size"] = maglev_table_size if settings.scheduler == MAGLEV else None
    described.update(service.counters or {})
    described["destinations"] = [destination_dict(destination) for destination in service.destinations]
    return described
