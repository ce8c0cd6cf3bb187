# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian: the machine's own release, or one that is named. Images of other releases come from the same mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.systems import Files, System

if TYPE_CHECKING:
    from lab.model import Node

ROLE_PACKAGES = ("exabgp", "frr", "frr-pythontools", "haproxy", "ipvsadm", "keepalived")
PACKAGES = (
    # a host
    "systemd", "systemd-sysv", "openssh-server", "python3", "python3-apt", "sudo", "iproute2", "iputils-ping", "kmod",
    "procps", "netbase", "ca-certificates", "openssl", "less",
    # what a switch, a backend or a client has: one image does for all of a release
    "ifupdown2", "nginx-light", "socat",
    # keeps the disk of user-mode-linux going (lab-disk-pulse.service)
    "ioping",
    # what a person looks inside with
    "curl", "jq", "tcpdump", "ethtool", "wrk", "nghttp2-client",
)  # fmt: skip


def _trixie(_node: Node) -> Files:
    # sshd of this release turns addresses away for a while when log-ins from them are cut short, as `lab kill` does
    return {"/etc/ssh/sshd_config.d/lab-penalties.conf": ("PerSourcePenalties no\n", 0o644)}


SYSTEMS = {
    "debian": System(ROLE_PACKAGES, PACKAGES),
    "debian-12": System(ROLE_PACKAGES, PACKAGES, "bookworm"),
    "debian-13": System(ROLE_PACKAGES, PACKAGES, "trixie", _trixie),
}
