# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run on a node: who answers ARP (RFC 826) or neighbour solicitations (RFC 4861) for addresses on a link.

Arguments: interface, own IPv4 address, own IPv6 address, then the addresses to ask for. Prints those answered, as JSON.
"""

from __future__ import annotations

import ipaddress
import json
import select
import socket
import struct
import sys
import time
from pathlib import Path

ETH_ARP, ETH_IPV6 = 0x0806, 0x86DD


def main() -> None:
    interface, source4, source6, *targets = sys.argv[1:]
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().strip().replace(":", ""))
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind((interface, 0))

    answered: set[str] = set()
    for dummy in range(3):  # packets may be lost
        for target in targets:
            address = ipaddress.ip_address(target)
            link.send(solicitation(mac, source6, address) if address.version == 6 else request(mac, source4, address))
        end = time.monotonic() + 1
        while (left := end - time.monotonic()) > 0:
            if select.select([link], [], [], left)[0]:
                answered.update(answer(link.recv(2048), mac))
    print(json.dumps(sorted(answered & set(targets))))


def request(mac: bytes, source: str, target: ipaddress.IPv4Address) -> bytes:
    """An ARP request, as a frame."""
    header = b"\xff" * 6 + mac + struct.pack("!H", ETH_ARP)
    fields = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    return header + fields + mac + ipaddress.ip_address(source).packed + b"\0" * 6 + target.packed


def solicitation(mac: bytes, source: str, target: ipaddress.IPv6Address) -> bytes:
    """A neighbour solicitation to the solicited-node multicast address, as a frame."""
    tail = target.packed[-3:]
    group = ipaddress.ip_address("ff02::1:ff00:0").packed[:13] + tail
    own = ipaddress.ip_address(source).packed
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target.packed + b"\x01\x01" + mac
    pseudo = own + group + struct.pack("!II", len(body), 58)
    total = sum(struct.unpack(f"!{(len(pseudo) + len(body)) // 2}H", pseudo + body))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    body = body[:2] + struct.pack("!H", checksum) + body[4:]
    header = b"\x33\x33\xff" + tail + mac + struct.pack("!H", ETH_IPV6)
    return header + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + own + group + body


def answer(frame: bytes, mac: bytes) -> list[str]:
    """The address that a frame answers for, if it is an answer to us."""
    if frame[:6] != mac:
        return []
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == ETH_ARP and frame[20:22] == b"\0\x02":
        return [str(ipaddress.ip_address(frame[28:32]))]
    if kind == ETH_IPV6 and frame[20] == 58 and frame[54] == 136:
        return [str(ipaddress.ip_address(frame[62:78]))]
    return []


main()
