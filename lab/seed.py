# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a node out of the common image: a tar archive that it unpacks over / at its first boot.

It also holds what every boot needs (names and addresses of the NICs), in /var/lib/lab of the node's own disk.
"""

from __future__ import annotations

import io
import ipaddress
import json
import tarfile
from typing import TYPE_CHECKING

from lab.systems import Files, systems

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Application, Node, Topology


def files(topology: Topology, node: Node, public_key: str, host_key: str) -> Files:
    """Every file of the seed: path -> (content, mode)."""
    found: Files = {
        "/etc/hostname": (f"{node.name}\n", 0o644),
        "/etc/hosts": (hosts(topology, node), 0o644),
        "/etc/ssh/ssh_host_ed25519_key": (host_key, 0o600),
        "/root/.ssh/authorized_keys": (public_key, 0o600),
        "/var/lib/lab/macs": ("".join(f"{topology.mac(node, nic)} {nic.name}\n" for nic in node.nics), 0o644),
        "/var/lib/lab/ip-batch": (ip_batch(node), 0o644),
        "/var/lib/lab/first-boot": (first_boot(node), 0o644),
    }
    if node.port != 22:
        found["/etc/ssh/sshd_config.d/lab-port.conf"] = (f"Port {node.port}\n", 0o644)
    if node.user != "root":
        found[f"/var/lib/lab/authorized_keys.{node.user}"] = (public_key, 0o600)
        found["/etc/sudoers.d/lab"] = (f"{node.user} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    if node.applications:
        found["/etc/lab/nginx.conf"] = (nginx(node), 0o644)
    return found | systems()[node.os].files(node)


def hosts(topology: Topology, node: Node) -> str:
    """/etc/hosts: every node by its management address."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", f"127.0.1.1 {node.name}"]
    lines += [f"{other.address} {other.name}" for other in topology.nodes if other != node]
    return "\n".join(lines) + "\n"


def route(destination: str, gateways: tuple[str, ...], nic: str) -> str:
    """The line of `ip -batch` that adds a route; several gateways are one ECMP route."""
    if len(gateways) == 1:
        return f"route add {destination} via {gateways[0]} dev {nic}"
    hops = " ".join(f"nexthop via {gateway} dev {nic}" for gateway in gateways)
    return f"route add {destination} {hops}"


def of_family(addresses: tuple[str, ...], version: int) -> tuple[str, ...]:
    """Those of the addresses that are IPv4, or IPv6."""
    return tuple(address for address in addresses if ipaddress.ip_interface(address).version == version)


def default_routes(node: Node) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The default routes, one per family: (destination, ((gateway, NIC), ...)); several gateways are one ECMP route."""
    routes = []
    for version, destination in ((4, "0.0.0.0/0"), (6, "::/0")):
        hops = tuple((gateway, nic.name) for nic in node.nics for gateway in of_family(nic.gateways, version))
        if hops:
            routes.append((destination, hops))
    return routes


def ip_batch(node: Node) -> str:
    """The input of `ip -batch` that configures the node's named NICs at every boot."""
    lines = []
    for nic in node.nics:
        lines.append(f"link set dev {nic.name} mtu {nic.mtu} up")
        for address in nic.addresses:
            # nodad: usable at once, because the inventory gives each address to one NIC only
            lines.append(f"address add {address} dev {nic.name}{' nodad' if ':' in address else ''}")
    for nic in node.nics:
        lines += [route(static.destination, static.gateways, nic.name) for static in nic.routes]
    for destination, hops in default_routes(node):
        if len(hops) == 1:
            lines.append(route(destination, (hops[0][0],), hops[0][1]))
        else:
            lines.append(f"route add {destination} " + " ".join(f"nexthop via {via} dev {nic}" for via, nic in hops))
    return "\n".join(lines) + "\n"


def first_boot(node: Node) -> str:
    """What runs once, after the seed is unpacked."""
    lines = ["# part of /usr/lib/lab/boot at the first boot", "set -e"]
    if node.user != "root":
        lines += [
            f"id {node.user} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' {node.user}",
            f"install -d -m 700 -o {node.user} -g {node.user} ~{node.user}/.ssh",
            f"install -m 600 -o {node.user} -g {node.user} /var/lib/lab/authorized_keys.{node.user} "
            f"~{node.user}/.ssh/authorized_keys",
        ]
    if node.applications:
        lines += ["mkdir -p /srv/lab", "truncate -s 200M /srv/lab/download"]
    lines.append("set +e")
    return "\n".join(lines) + "\n"


def _server(node: Node, application: Application) -> str:
    proxy = " proxy_protocol" if application.proxy_protocol else ""
    # null bytes and quotes cannot be in these variables unescaped, but for $request_uri, which clients encode
    body = (
        json.dumps({"backend": node.name, "application": application.name})[:-1]
        + ', "path": "$request_uri", "remote_address": "$remote_addr"'
        + ', "x_forwarded_for": "$http_x_forwarded_for", "x_forwarded_proto": "$http_x_forwarded_proto"'
        + ', "proxy_protocol_address": "' + ("$proxy_protocol_addr" if proxy else "") + '"}\\n'
    )  # fmt: skip
    return f"""\
    server {{
        listen {application.port}{proxy};
        listen [::]:{application.port}{proxy};
        location = /health {{ return 200 "ok\\n"; }}
        location = /download {{ alias /srv/lab/download; limit_rate 64k; }}
        location / {{ default_type application/json; return 200 '{body}'; }}
    }}
"""


def nginx(node: Node) -> str:
    """The configuration of lab-applications.service: one server per application."""
    servers = "".join(_server(node, application) for application in node.applications)
    return f"""\
# The lab's applications (lab-applications.service); Debian's own nginx.service is not used.
worker_processes 1;
pid /run/lab-nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/octet-stream;
    keepalive_timeout 75s;
{servers}}}
"""


def write_archive(path: Path, content: Files) -> None:
    """Write the seed as a tar archive, everything owned by root; directories are made where they are missing."""
    temporary = path.with_suffix(".new")
    with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as archive:
        made: set[str] = set()
        for name, (text, mode) in sorted(content.items()):
            relative = name.lstrip("/")
            if relative.startswith("root/.ssh/") and "root/.ssh" not in made:
                directory = tarfile.TarInfo("root/.ssh")
                directory.type, directory.mode = tarfile.DIRTYPE, 0o700
                archive.addfile(directory)
                made.add("root/.ssh")
            data = text.encode()
            entry = tarfile.TarInfo(relative)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    temporary.chmod(0o600)
    temporary.replace(path)
