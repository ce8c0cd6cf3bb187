# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the model and the attributes of the kernel's generic netlink family "IPVS" (include/uapi/linux/ip_vs.h)."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from .model import (
    FORWARDINGS,
    GENERIC_FLAGS,
    PROTOCOLS,
    SCHEDULER_FLAGS,
    TUNNEL_CHECKSUMS,
    TUNNEL_TYPES,
    Destination,
    Service,
    ServiceKey,
    Settings,
)
from .netlink import attribute, attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8
NEW_DAEMON, DEL_DAEMON, GET_DAEMON = 9, 10, 11
SET_CONFIG, GET_CONFIG, GET_INFO = 12, 13, 15
ATTR_SERVICE, ATTR_DEST, ATTR_DAEMON = 1, 2, 3
ATTR_TIMEOUTS = {"tcp": 4, "tcp_fin": 5, "udp": 6}

_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_FAMILY_NAMES = {int(number): name for name, number in _FAMILIES.items()}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
_FORWARDING_NAMES = {number: name for name, number in FORWARDINGS.items()}
_TUNNEL_NAMES = {number: name for name, number in TUNNEL_TYPES.items()}
_CHECKSUM_NAMES = {number: name for name, number in TUNNEL_CHECKSUMS.items()}
_PERSISTENT, _ONE_PACKET = 0x01, 0x04
_STATISTICS = (
    "connections",
    "packets_in",
    "packets_out",
    "bytes_in",
    "bytes_out",
    "connections_per_second",
    "packets_in_per_second",
    "packets_out_per_second",
    "bytes_in_per_second",
    "bytes_out_per_second",
)


def _u16(value: int) -> bytes:
    return struct.pack("=H", value)


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)


def _be16(value: int) -> bytes:
    return struct.pack("!H", value)


def number(payload: bytes | None) -> int:
    """A native integer of any width; a missing attribute is 0."""
    return int.from_bytes(payload, _BYTE_ORDER) if payload else 0


_BYTE_ORDER: Any = "little" if struct.pack("=H", 1)[0] else "big"


def text(payload: bytes | None) -> str:
    """A zero-terminated string."""
    return payload.split(b"\0", 1)[0].decode("ascii", "replace") if payload else ""


def _address_bytes(family: str, address: str) -> bytes:
    # The kernel takes a 16-byte union for both families.
    return socket.inet_pton(_FAMILIES[family], address).ljust(16, b"\0")


def _address_text(family: str, payload: bytes) -> str:
    return socket.inet_ntop(_FAMILIES[family], payload[: 4 if family == "ipv4" else 16])


def _key_attributes(key: ServiceKey) -> bytes:
    family = attribute(1, _u16(_FAMILIES[key.family]))
    if key.fwmark:
        return family + attribute(5, _u32(key.fwmark))
    return b"".join(
        (
            family,
            attribute(2, _u16(PROTOCOLS[key.protocol])),
            attribute(3, _address_bytes(key.family, key.address)),
            attribute(4, _be16(key.port)),
        )
    )


def encode_key(key: ServiceKey) -> bytes:
    """The service attribute that names a service."""
    return attribute(ATTR_SERVICE, _key_attributes(key))


def _flag_bits(settings: Settings) -> int:
    bits = {**GENERIC_FLAGS, **SCHEDULER_FLAGS.get(settings.scheduler, {})}
    value = sum(bits[flag] for flag in settings.scheduler_flags)
    if settings.persistence_timeout:
        value |= _PERSISTENT
    if settings.one_packet:
        value |= _ONE_PACKET
    return value


def encode_service(key: ServiceKey, settings: Settings) -> bytes:
    """The full service attribute, to add or to edit."""
    prefix = settings.prefix_length
    mask = struct.pack("!I", 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF) if key.family == "ipv4" else _u32(prefix)
    parts = [
        _key_attributes(key),
        attribute(6, settings.scheduler.encode() + b"\0"),
        attribute(7, struct.pack("=II", _flag_bits(settings), 0xFFFFFFFF)),
        attribute(8, _u32(settings.persistence_timeout)),
        attribute(9, mask),
    ]
    if settings.persistence_engine:
        parts.append(attribute(11, settings.persistence_engine.encode() + b"\0"))
    return attribute(ATTR_SERVICE, b"".join(parts))


def encode_destination(destination: Destination, name_only: bool = False) -> bytes:
    """The destination attribute, full or only what names it."""
    parts = [
        attribute(1, _address_bytes(destination.family, destination.address)),
        attribute(2, _be16(destination.port)),
        attribute(11, _u16(_FAMILIES[destination.family])),
    ]
    if not name_only:
        parts += [
            attribute(3, _u32(FORWARDINGS[destination.forwarding])),
            attribute(4, _u32(destination.weight)),
            attribute(5, _u32(destination.upper_threshold)),
            attribute(6, _u32(destination.lower_threshold)),
        ]
        if destination.forwarding == "tunnel":
            parts += [
                attribute(13, struct.pack("=B", TUNNEL_TYPES[destination.tunnel_type])),
                attribute(14, _be16(destination.tunnel_port)),
                attribute(15, _u16(TUNNEL_CHECKSUMS[destination.tunnel_checksum])),
            ]
    return attribute(ATTR_DEST, b"".join(parts))


def _statistics(nested: Mapping[int, bytes], wide: int, narrow: int) -> dict[str, int]:
    """Counters and rates; kernels before 4.1 have only the narrow form."""
    found = attributes(nested.get(wide) or nested.get(narrow) or b"")
    return {name: number(found.get(kind)) for kind, name in enumerate(_STATISTICS, start=1)}


def _scheduler_flags(scheduler: str, bits: int) -> frozenset[str]:
    known = {**{value: name for name, value in GENERIC_FLAGS.items()}}
    known.update({value: name for name, value in SCHEDULER_FLAGS.get(scheduler, {}).items()})
    return frozenset(name for value, name in known.items() if bits & value)


def decode_service(answer: Mapping[int, bytes], counters: bool = True) -> Service:
    """A service without its destinations."""
    nested = attributes(answer[ATTR_SERVICE])
    family = _FAMILY_NAMES.get(number(nested.get(1)), "ipv4")
    fwmark = number(nested.get(5))
    if fwmark:
        key = ServiceKey(family, fwmark=fwmark)
    else:
        protocol = number(nested[2])
        key = ServiceKey(
            family,
            protocol=_PROTOCOL_NAMES.get(protocol, str(protocol)),
            address=_address_text(family, nested[3]),
            port=int.from_bytes(nested[4], "big"),
        )
    bits = number(nested[7][:4])
    scheduler = text(nested.get(6))
    mask = nested.get(9, b"")
    settings = Settings(
        scheduler=scheduler,
        scheduler_flags=_scheduler_flags(scheduler, bits),
        persistence_timeout=number(nested.get(8)) if bits & _PERSISTENT else 0,
        prefix_length=number(mask) if family == "ipv6" else bin(number(mask)).count("1"),
        persistence_engine=text(nested.get(11)),
        one_packet=bool(bits & _ONE_PACKET),
    )
    return Service(key, settings, counters={"statistics": _statistics(nested, 12, 10)} if counters else None)


def decode_destination(answer: Mapping[int, bytes], service_family: str, counters: bool = True) -> Destination:
    """A destination; kernels before 3.18 do not report its family, which is then that of the service."""
    nested = attributes(answer[ATTR_DEST])
    family = _FAMILY_NAMES.get(number(nested.get(11)), service_family)
    # The low three bits are the forwarding method.
    forwarding = _FORWARDING_NAMES.get(number(nested.get(3)) & 7, "masquerade")
    # Fields that a tunnel type does not use are left out, even if the kernel holds a value.
    tunnel_type = _TUNNEL_NAMES.get(number(nested.get(13)), "ipip") if forwarding == "tunnel" else "ipip"
    return Destination(
        family=family,
        address=_address_text(family, nested[1]),
        port=int.from_bytes(nested[2], "big"),
        weight=number(nested.get(4)),
        forwarding=forwarding,
        tunnel_type=tunnel_type,
        tunnel_port=int.from_bytes(nested.get(14, b""), "big") if tunnel_type == "gue" else 0,
        tunnel_checksum=_CHECKSUM_NAMES.get(number(nested.get(15)) & 3, "none") if tunnel_type != "ipip" else "none",
        upper_threshold=number(nested.get(5)),
        lower_threshold=number(nested.get(6)),
        counters=_destination_counters(nested) if counters else None,
    )


def _destination_counters(nested: Mapping[int, bytes]) -> dict[str, Any]:
    return {
        "active_connections": number(nested.get(7)),
        "inactive_connections": number(nested.get(8)),
        "persistent_connections": number(nested.get(9)),
        "statistics": _statistics(nested, 12, 10),
    }
