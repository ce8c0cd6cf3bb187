# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An IPVS table as text, for diffs: one rule a line as ipvsadm --save prints it, but in the kernel's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Destination, Service, ServiceKey, endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROTOCOL_OPTIONS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
_FORWARDING_OPTIONS = {"masquerade": "-m", "tunnel": "-i", "dr": "-g"}
_CHECKSUM_OPTIONS = {"checksum": "--tun-csum", "remote": "--tun-remcsum"}


def _service_options(key: ServiceKey) -> str:
    if key.fwmark:
        return f"-f {key.fwmark}" + (" -6" if key.family == "ipv6" else "")
    option = _PROTOCOL_OPTIONS.get(key.protocol, f"--{key.protocol}")
    return f"{option} {endpoint(key.family, key.address, key.port)}"


def _destination_options(item: Destination) -> str:
    text = f"-r {item.name} {_FORWARDING_OPTIONS.get(item.forwarding, f'--{item.forwarding}')} -w {item.weight}"
    if item.forwarding == "tunnel" and item.tunnel_type != "ipip":
        text += f" --tun-type {item.tunnel_type}"
        if item.tunnel_port:
            text += f" --tun-port {item.tunnel_port}"
        text += f" {_CHECKSUM_OPTIONS.get(item.tunnel_checksum, '--tun-nocsum')}"
    if item.upper_threshold:
        text += f" -x {item.upper_threshold}"
    if item.lower_threshold:
        text += f" -y {item.lower_threshold}"
    return text


def lines(service: Service) -> list[str]:
    """A service and its destinations, newest first."""
    settings = service.settings
    name = _service_options(service.key)
    text = f"-A {name} -s {settings.scheduler}"
    if settings.scheduler_flags:
        text += f" -b {','.join(sorted(settings.scheduler_flags))}"
    if settings.persistence_timeout:
        text += f" -p {settings.persistence_timeout}"
    if settings.prefix_length != (32 if service.key.family == "ipv4" else 128):
        text += f" -M {settings.prefix_length}"
    if settings.persistence_engine:
        text += f" --pe {settings.persistence_engine}"
    if settings.one_packet:
        text += " -o"
    return [text] + [f"-a {name} {_destination_options(item)}" for item in service.destinations]


def table(services: Sequence[Service]) -> str:
    """All of a table, each line ended."""
    return "".join(f"{line}\n" for service in services for line in lines(service))
