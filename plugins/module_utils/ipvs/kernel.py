# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IPVS of this host's kernel: read it, change it. Errors are IpvsUnavailableError, and errnos as OSError."""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

from . import codec
from .model import Service, ServiceKey
from .netlink import FamilyMissingError, GenericNetlink, NetlinkError, attribute, attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .operations import Operation

_DAEMON_STATES = {1: "master", 2: "backup"}
_COMMANDS = {
    "add_service": codec.NEW_SERVICE,
    "edit_service": codec.SET_SERVICE,
    "delete_service": codec.DEL_SERVICE,
    "add_destination": codec.NEW_DEST,
    "edit_destination": codec.SET_DEST,
    "delete_destination": codec.DEL_DEST,
}


class IpvsUnavailableError(Exception):
    """IPVS cannot be used here; `kind` is "no_module" or "no_privilege", the text is for the operator."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Kernel:
    """The IPVS of the network namespace that this process is in."""

    def __init__(self) -> None:
        """Raises IpvsUnavailableError. Asking for the family makes the kernel load ip_vs, where it can."""
        try:
            self._netlink = GenericNetlink("IPVS", 1)
        except (FamilyMissingError, OSError) as error:
            raise IpvsUnavailableError(
                "no_module",
                "The kernel has no IPVS: load the module ip_vs (modprobe ip_vs), or install the package that has the "
                f"modules of the running kernel. (generic netlink: {error})",
            ) from error
        try:
            self.info()
        except NetlinkError as error:
            if error.errno in (errno.EPERM, errno.EACCES):
                raise IpvsUnavailableError(
                    "no_privilege", "No privilege to use IPVS: root (become: true) or CAP_NET_ADMIN is needed."
                ) from error
            raise

    def info(self) -> dict[str, Any]:
        """Version of IPVS, and the number of buckets of the connection table."""
        answer = self._netlink.request(codec.GET_INFO)[0]
        version = codec.number(answer.get(1))
        return {
            "version": f"{version >> 16 & 255}.{version >> 8 & 255}.{version & 255}",
            "connection_table_size": codec.number(answer.get(2)),
        }

    def read(
        self, wanted: Callable[[ServiceKey], bool] = lambda _key: True, *, counters: bool = False
    ) -> list[Service]:
        """Services, sorted by key; destinations in the kernel's own order (newest first)."""
        services = []
        for answer in self._netlink.dump(codec.GET_SERVICE):
            service = codec.decode_service(answer, counters)
            if wanted(service.key):
                entries = self._netlink.dump(codec.GET_DEST, codec.encode_key(service.key))
                destinations = tuple(codec.decode_destination(entry, service.key.family, counters) for entry in entries)
                services.append(Service(service.key, service.settings, destinations, service.counters))
        return sorted(services, key=lambda service: service.key)

    def execute(self, batch: Sequence[Operation]) -> list[int]:
        """Run operations; returns an errno for each, 0 where it was done. All are tried."""
        return self._netlink.batch([(_COMMANDS[operation.verb], _payload(operation)) for operation in batch])

    def timeouts(self) -> dict[str, int]:
        """Seconds that an idle connection is kept: tcp, tcp_fin, udp."""
        answer = self._netlink.request(codec.GET_CONFIG)[0]
        return {name: codec.number(answer.get(kind)) for name, kind in codec.ATTR_TIMEOUTS.items()}

    def set_timeouts(self, seconds: dict[str, int]) -> None:
        """Set some of the timeouts; raises NetlinkError."""
        payload = b"".join(
            attribute(codec.ATTR_TIMEOUTS[name], struct.pack("=I", value)) for name, value in seconds.items()
        )
        self._netlink.request(codec.SET_CONFIG, payload)

    def daemons(self) -> list[dict[str, Any]]:
        """The connection synchronisation daemons that run: at most a master and a backup."""
        return [_daemon(attributes(answer[codec.ATTR_DAEMON])) for answer in self._netlink.dump(codec.GET_DAEMON)]

    def start_daemon(self, daemon: dict[str, Any]) -> None:
        """Start one, described as daemons() describes it; raises NetlinkError."""
        states = {name: number for number, name in _DAEMON_STATES.items()}
        parts = [
            attribute(1, struct.pack("=I", states[daemon["state"]])),
            attribute(2, daemon["interface"].encode() + b"\0"),
            attribute(3, struct.pack("=I", daemon["sync_id"])),
        ]
        # 0 or None: the kernel's default.
        if daemon.get("max_length"):
            parts.append(attribute(4, struct.pack("=H", daemon["max_length"])))
        if daemon.get("group"):
            if ":" in daemon["group"]:
                parts.append(attribute(6, socket.inet_pton(socket.AF_INET6, daemon["group"])))
            else:
                parts.append(attribute(5, socket.inet_pton(socket.AF_INET, daemon["group"])))
        if daemon.get("port"):
            parts.append(attribute(7, struct.pack("=H", daemon["port"])))
        if daemon.get("ttl"):
            parts.append(attribute(8, struct.pack("=B", daemon["ttl"])))
        self._netlink.request(codec.NEW_DAEMON, attribute(codec.ATTR_DAEMON, b"".join(parts)))

    def stop_daemon(self, state: str) -> None:
        """Stop the master or the backup; raises NetlinkError."""
        number = {name: value for value, name in _DAEMON_STATES.items()}[state]
        self._netlink.request(codec.DEL_DAEMON, attribute(codec.ATTR_DAEMON, attribute(1, struct.pack("=I", number))))


def _payload(operation: Operation) -> bytes:
    if operation.settings is not None:
        return codec.encode_service(operation.service, operation.settings)
    payload = codec.encode_key(operation.service)
    if operation.destination is not None:
        payload += codec.encode_destination(operation.destination, operation.verb == "delete_destination")
    return payload


def _daemon(nested: dict[int, bytes]) -> dict[str, Any]:
    group = None
    if 6 in nested:
        group = socket.inet_ntop(socket.AF_INET6, nested[6])
    elif 5 in nested:
        group = socket.inet_ntop(socket.AF_INET, nested[5])
    return {
        "state": _DAEMON_STATES.get(codec.number(nested.get(1)), "unknown"),
        "interface": codec.text(nested.get(2)),
        "sync_id": codec.number(nested.get(3)),
        "max_length": codec.number(nested.get(4)),
        "group": group,
        "port": codec.number(nested.get(7)),
        "ttl": codec.number(nested.get(8)),
    }
