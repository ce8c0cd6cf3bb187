# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of its own, run inside a lab's network: writes what a device carries to standard output, as pcap.

    sniffer.py DEVICE SECONDS COUNT

tcpdump cannot do this: it insists on changing its user, which the lab's user namespace has only one of. Standard
library only, because it runs by path.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
SO_RCVBUFFORCE = 33
SNAPLEN = 262144  # segments that the kernel has merged are longer than the MTU
LINKTYPE_ETHERNET = 1


def header() -> bytes:
    """The header of a pcap file with times in nanoseconds."""
    return struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAPLEN, LINKTYPE_ETHERNET)


def record(packet: bytes, nanoseconds: int) -> bytes:
    """One packet of a pcap file."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return struct.pack("=IIII", seconds, rest, len(packet), len(packet)) + packet


def main(device: str, seconds: float, count: int) -> None:
    """Record until a limit is reached or nobody reads it."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sniffer:
        try:
            sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        except PermissionError:  # not in a user namespace; what the machine allows is then enough
            sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        sniffer.bind((device, ETH_P_ALL))
        membership = struct.pack("iHH8x", socket.if_nametoindex(device), PACKET_MR_PROMISC, 0)
        sniffer.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        output = sys.stdout.buffer
        output.write(header())
        output.flush()
        end = time.monotonic() + seconds
        while count > 0 and (left := end - time.monotonic()) > 0:
            sniffer.settimeout(left)
            try:
                packet = sniffer.recv(SNAPLEN)
            except TimeoutError:
                return
            output.write(record(packet, time.time_ns()))
            output.flush()
            count -= 1


if __name__ == "__main__":
    try:
        main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stderr.close()
        sys.exit(0)
