# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab node: sends single packets of many flows to the node's own IPVS, and reads which server each one got.

They come as raw packets from a network namespace over a veth pair, so that no client or real server is needed; the
answer is in the kernel's connection table.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import random
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs import host
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import PROTOCOLS, ServiceKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MARKED = "203.0.113.7"
_NEW_NETWORK_NAMESPACE = 0x40000000
SETUP = """
ip netns add flows
ip link add flows0 type veth peer name flows1
ip link set flows1 netns flows
sysctl -qw net.core.netdev_max_backlog=20000 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.flows0.rp_filter=0
ip addr add 10.254.0.1/24 dev flows0
ip -6 addr add 2001:db8:fffe::1/64 dev flows0 nodad
ip link set flows0 up
ip -n flows link set flows1 up
"""
CLEAR = """
ip link del flows0
ip netns del flows
"""
Client = tuple[str, int]


def shell(text: str, *, check: bool = True) -> None:
    """Run each line as a command."""
    for line in text.strip().splitlines():
        subprocess.run(line, shell=True, check=check, capture_output=not check)


class Sender:
    """Sends single packets from the namespace to the director, as long as its context lasts."""

    def __enter__(self) -> Sender:
        shell(CLEAR, check=False)
        shell(SETUP)
        address = Path("/sys/class/net/flows0/address").read_text(encoding="ascii").strip()
        self._target = bytes.fromhex(address.replace(":", ""))
        self._socket = _packet_socket()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()
        shell(CLEAR, check=False)

    def send(self, key: ServiceKey, source: str, port: int) -> None:
        """One SYN, or one UDP datagram."""
        protocol = key.protocol or "tcp"
        vip, virtual_port = (MARKED, 4242) if key.fwmark else (key.address, key.port)
        if protocol == "tcp":
            body = struct.pack("!HHIIBBHHH", port, virtual_port, 1, 0, 5 << 4, 2, 64000, 0, 0)
        else:
            body = struct.pack("!HHHH", port, virtual_port, 8, 0)
        number = PROTOCOLS[protocol]
        if key.family == "ipv4":
            ends = socket.inet_aton(source) + socket.inet_aton(vip)
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, number, 0) + ends
            header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
            kind = b"\x08\x00"
        else:
            header = struct.pack("!IHBB", 6 << 28, len(body), number, 64)
            header += socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, vip)
            kind = b"\x86\xdd"
        self._socket.send(self._target + b"\x02\x00\x00\x00\x00\x01" + kind + header + body)


def _packet_socket() -> socket.socket:
    """A packet socket in the namespace: it stays there when this process comes back."""
    library = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/flows", os.O_RDONLY)
    library.setns(there, _NEW_NETWORK_NAMESPACE)
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind(("flows1", 0))
    library.setns(here, _NEW_NETWORK_NAMESPACE)
    os.close(here)
    os.close(there)
    return sender


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def sources(family: str, count: int, seed: int) -> Iterator[Client]:
    """Random clients."""
    draw = random.Random(seed)
    for _flow in range(count):
        if family == "ipv4":
            address = str(ipaddress.IPv4Address((198 << 24) + (18 << 16) + draw.getrandbits(17)))
        else:
            address = str(ipaddress.IPv6Address((0x20010DB8000C << 80) + draw.getrandbits(80)))
        yield address, draw.randrange(1024, 65536)


def observed(key: ServiceKey) -> dict[Client, str]:
    """Server of each connection of a service, by client."""
    connections, _more = host.connections(10**7)
    port = 4242 if key.fwmark else key.port
    return {
        (entry["client"]["address"], entry["client"]["port"]): entry["destination_name"]
        if not key.fwmark
        # A packet keeps its port, the server in the list has none.
        else entry["destination"]["address"] + ":0"
        for entry in connections
        if entry["virtual"]["port"] in (port, 0) and entry["protocol"] == (key.protocol or "tcp")
    }


def probe(
    sender: Sender, key: ServiceKey, clients: Collection[Client], refused: Collection[Client] = ()
) -> dict[Client, str]:
    """Send a packet of each client's flow; returns the server that each got. `refused` are expected to get none.

    A packet can be lost on the way, and the listing can skip an entry: what is missing is sent again.
    """
    seen: dict[Client, str] = {}
    for attempt in range(4):
        missing = [client for client in clients if client not in seen and (attempt == 0 or client not in refused)]
        if not missing:
            break
        for number, (source, port) in enumerate(missing):
            sender.send(key, source, port)
            if number % 100 == 99:
                time.sleep(0.01)
        time.sleep(0.1)
        seen.update(observed(key))
    return seen
