# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generic netlink on the standard library: just enough to talk to one family of the kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence

_NETLINK_GENERIC = 16
_CONTROL_FAMILY = 0x10
_CONTROL_GET_FAMILY = 3
_CONTROL_ATTR_ID = 1
_CONTROL_ATTR_NAME = 2
_REQUEST, _ACK, _DUMP = 0x01, 0x04, 0x300
_ERROR, _DONE = 2, 3
_TYPE_MASK = 0x3FFF  # the two high bits of an attribute's type are flags
_HEADER = struct.Struct("=IHHII")
_GENERIC_HEADER = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")
_TIMEOUT = 30.0  # seconds; the kernel answers immediately, so this only ends a hang
_RECEIVE = 1 << 17

Attributes = Mapping[int, bytes]


class NetlinkError(OSError):
    """An errno that the kernel gave."""

    def __init__(self, number: int) -> None:
        super().__init__(number, os.strerror(number))


class FamilyMissingError(Exception):
    """The kernel does not know the generic netlink family."""


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute with its padding."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Payloads of the attributes in `data` by their type."""
    found = {}
    position = 0
    while position + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[position + 4 : position + length]
        position += length + -length % 4
    return found


class GenericNetlink:
    """A connection to one generic netlink family."""

    def __init__(self, family: str, version: int) -> None:
        """Raises FamilyMissingError, or OSError where the kernel has no netlink at all."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC)
        self._socket.settimeout(_TIMEOUT)
        self._socket.bind((0, 0))
        self._sequence = 0
        self._version = version
        self._family = _CONTROL_FAMILY
        try:
            replies = self.request(_CONTROL_GET_FAMILY, attribute(_CONTROL_ATTR_NAME, family.encode() + b"\0"))
        except NetlinkError as error:
            self.close()
            if error.errno == errno.ENOENT:
                raise FamilyMissingError(family) from None
            raise
        (self._family,) = struct.unpack("=H", replies[0][_CONTROL_ATTR_ID])

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def request(self, command: int, payload: bytes = b"") -> list[dict[int, bytes]]:
        """Attributes of each answer to one command; raises NetlinkError."""
        sequence = self._send([(command, payload)], _REQUEST | _ACK)
        return self._collect(sequence)

    def dump(self, command: int, payload: bytes = b"") -> list[dict[int, bytes]]:
        """Attributes of each entry of a dump, in the kernel's order; raises NetlinkError."""
        sequence = self._send([(command, payload)], _REQUEST | _DUMP)
        return self._collect(sequence)

    def batch(self, commands: Sequence[tuple[int, bytes]]) -> list[int]:
        """Send commands in one datagram: the kernel runs all of them, and this returns an errno (0: done) for each."""
        first = self._send(commands, _REQUEST | _ACK)
        numbers: dict[int, int] = {}
        while len(numbers) < len(commands):
            for kind, sequence, body in self._receive():
                if kind == _ERROR and first <= sequence < first + len(commands):
                    numbers[sequence - first] = -struct.unpack_from("=i", body)[0]
        return [numbers[place] for place in range(len(commands))]

    def _send(self, commands: Sequence[tuple[int, bytes]], flags: int) -> int:
        first = self._sequence + 1
        messages = []
        for command, payload in commands:
            self._sequence += 1
            body = _GENERIC_HEADER.pack(command, self._version, 0) + payload
            messages.append(_HEADER.pack(16 + len(body), self._family, flags, self._sequence, 0) + body)
        self._socket.sendto(b"".join(messages), (0, 0))
        return first

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Type, sequence number and body of each message in one datagram."""
        data = self._socket.recv(_RECEIVE)
        position = 0
        while position + 16 <= len(data):
            length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, position)
            yield kind, sequence, data[position + 16 : position + length]
            position += length + -length % 4

    def _collect(self, sequence: int) -> list[dict[int, bytes]]:
        answers: list[dict[int, bytes]] = []
        while True:
            for kind, answered, body in self._receive():
                if answered != sequence:
                    continue
                if kind in (_ERROR, _DONE):
                    # The end of a dump and an acknowledgement both carry an errno.
                    number = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if number < 0:
                        raise NetlinkError(-number)
                    return answers
                answers.append(attributes(body[4:]))
