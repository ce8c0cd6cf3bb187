# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is given at its first boot, and what it does at every boot."""

from __future__ import annotations

import dataclasses
import json
import re
import tarfile
from typing import TYPE_CHECKING

from lab import seed
from lab.parse import node_from_variables
from lab.systems import cumulus

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model import Topology


def content(topology: Topology, name: str) -> dict[str, str]:
    files = seed.files(topology, topology.node(name), "ssh-ed25519 PUBLIC\n", "HOST KEY\n")
    return {path: entry[0] for path, entry in files.items()}


def test_every_boot_names_nics_by_mac(topology: Topology) -> None:
    b1 = topology.node("b1")
    assert content(topology, "b1")["/var/lib/lab/macs"].splitlines() == [
        f"{topology.mac(b1, nic)} {nic.name}" for nic in b1.nics
    ]


def test_several_gateways_of_a_family_are_one_ecmp_route(topology: Topology) -> None:
    lines = content(topology, "b1")["/var/lib/lab/ip-batch"].splitlines()
    assert "route add 0.0.0.0/0 nexthop via 10.20.0.11 dev eth1 nexthop via 10.20.0.12 dev eth1" in lines
    assert "route add ::/0 via 2001:db8:20::11 dev eth1" in lines
    assert "route add 198.51.100.0/24 nexthop via 10.20.0.11 dev eth1 nexthop via 10.20.0.12 dev eth1" in lines


def test_gateways_on_two_nics_are_one_ecmp_route_too() -> None:
    interfaces = [
        {"name": f"eth{n}", "link": f"l{n}", "addresses": [f"10.0.{n}.2/24"], "gateways": [f"10.0.{n}.1"]}
        for n in range(2)
    ]
    node = node_from_variables("h", {"ansible_host": "10.0.0.2", "loadbalancer_interfaces": interfaces})
    assert seed.ip_batch(node).endswith(
        "route add 0.0.0.0/0 nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.1.1 dev eth1\n"
    )


def test_ipv6_addresses_are_usable_at_once(topology: Topology) -> None:
    lines = content(topology, "b1")["/var/lib/lab/ip-batch"].splitlines()
    assert "address add 2001:db8:20::41/64 dev eth1 nodad" in lines
    assert "address add 10.20.0.41/24 dev eth1" in lines


def test_addresses_come_before_the_routes_that_need_them(topology: Topology) -> None:
    kinds = [line.split()[0] for line in content(topology, "b1")["/var/lib/lab/ip-batch"].splitlines()]
    assert "address" not in kinds[kinds.index("route") :]


def test_hosts_knows_every_node_by_its_management_address(topology: Topology) -> None:
    text = content(topology, "b1")["/etc/hosts"]
    assert "192.0.2.11 r1\n" in text
    assert "127.0.1.1 b1\n" in text
    assert "192.0.2.41" not in text


def test_another_user_than_root_gets_a_log_in_and_sudo(topology: Topology) -> None:
    files = content(topology, "r2")
    assert files["/etc/sudoers.d/lab"] == "cumulus ALL=(ALL:ALL) NOPASSWD: ALL\n"
    assert "useradd --create-home" in files["/var/lib/lab/first-boot"]
    assert "/var/lib/lab/authorized_keys.cumulus" in files
    assert "/etc/sudoers.d/lab" not in content(topology, "r1")


def test_ssh_listens_on_the_inventorys_port(topology: Topology) -> None:
    assert "/etc/ssh/sshd_config.d/lab-port.conf" not in content(topology, "r1")
    node = dataclasses.replace(topology.node("r1"), port=2222)
    files = seed.files(topology, node, "", "")
    assert files["/etc/ssh/sshd_config.d/lab-port.conf"][0] == "Port 2222\n"


def test_a_switch_is_recognised_as_cumulus_linux_by_ansible(topology: Topology) -> None:
    text = content(topology, "r2")["/etc/os-release"]
    assert text.startswith('NAME="Cumulus Linux"\n')
    assert len(re.search(r"^VERSION_ID=(\S+)$", text, re.MULTILINE)[1].split(".")) == 3  # type: ignore[index]
    assert "/etc/os-release" not in content(topology, "r1")


def test_a_switchs_interfaces_file_says_what_is_configured(topology: Topology) -> None:
    text = content(topology, "r2")["/etc/network/interfaces"]
    assert "auto swp1\niface swp1\n    address 10.20.0.12/24\n    gateway 10.20.0.11\n" in text
    routed = cumulus.interfaces(topology.node("b1"))
    assert "post-up ip route replace 198.51.100.0/24 nexthop via 10.20.0.11 dev eth1" in routed
    assert "post-up ip route replace 0.0.0.0/0 nexthop via 10.20.0.11 dev eth1 nexthop via 10.20.0.12" in routed
    assert "gateway 10.20.0.11" not in routed


def test_applications_listen_in_both_families_and_take_the_proxy_protocol_where_asked(topology: Topology) -> None:
    text = content(topology, "b1")["/etc/lab/nginx.conf"]
    assert "listen 8080;" in text
    assert "listen [::]:8080;" in text
    assert "listen 8081 proxy_protocol;" in text
    assert "/etc/lab/nginx.conf" not in content(topology, "r1")


def test_an_applications_answer_is_json(topology: Topology) -> None:
    answers = re.findall(r"return 200 '(.*)';", content(topology, "b1")["/etc/lab/nginx.conf"])
    web, api = (json.loads(answer.replace("\\n", "")) for answer in answers)
    assert (web["backend"], web["application"], web["proxy_protocol_address"]) == ("b1", "web", "")
    assert api["proxy_protocol_address"] == "$proxy_protocol_addr"
    assert set(web) == {"backend", "application", "path", "remote_address", "x_forwarded_for", "x_forwarded_proto",
                        "proxy_protocol_address"}  # fmt: skip


def test_the_archive_keeps_secrets_from_other_users_of_the_node(topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "seed.tar"
    seed.write_archive(path, seed.files(topology, topology.node("r2"), "PUBLIC", "HOST"))
    with tarfile.open(path) as archive:
        modes = {entry.name: entry.mode for entry in archive}
        assert all(entry.uid == 0 for entry in archive)
    assert modes["root/.ssh"] == 0o700
    assert modes["etc/ssh/ssh_host_ed25519_key"] == 0o600
    assert modes["etc/sudoers.d/lab"] == 0o440
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_same_lab_gives_the_same_archive(topology: Topology, tmp_path: Path) -> None:
    archives = []
    for name in ("one.tar", "two.tar"):
        seed.write_archive(tmp_path / name, seed.files(topology, topology.node("b1"), "PUBLIC", "HOST"))
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]
