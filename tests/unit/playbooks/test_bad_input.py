# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistake in an inventory stops ansible-playbook before any host is contacted, with a message that leads to it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.multitier.loadbalancer.tests.unit.support.deployment import put

from lab import certificates
from tools.role_specs import ROOT

FIRST = [
    "Check that it has hosts",
    "multitier.loadbalancer.deployment : Check groups, links, addresses and services",
]
TASK = re.compile(r"^TASK \[(.*)\] \*", re.MULTILINE)
EVERYBODY = "r1, r2, d1, d2 and 6 more"
NOWHERE = ("-e", "ansible_host=127.0.0.1", "-e", "ansible_port=1")


@dataclass
class Inventory:
    """A copy of the three-tier example, which has its certificate, and whose hosts cannot be reached."""

    path: Path
    text: str = field(default="", init=False)

    def change(self, file: str, key: str, value: Any) -> None:
        """Put a value where key leads in one of the files; a file that is not there is made."""
        path = self.path / file
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        put(content, key, value)
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def run(self, playbook: str, *arguments: str) -> int:
        """Run a playbook; its output is in text afterwards."""
        command = ["ansible-playbook", "-i", str(self.path), *NOWHERE, *arguments, playbook]
        done = subprocess.run(command, cwd=self.path.parent, capture_output=True, text=True, check=False, timeout=300)
        self.text = done.stdout + done.stderr
        return done.returncode

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that began."""
        return TASK.findall(self.text)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    shutil.copytree(ROOT / "inventories/three_tier", tmp_path / "inventory", ignore=shutil.ignore_patterns("zz_*"))
    certificates.make(tmp_path / "inventory/group_vars/certificates/www.pem", ["www.example.com"])
    return Inventory(tmp_path / "inventory")


ALL = "group_vars/all.yml"


@pytest.mark.parametrize(
    ("file", "key", "value", "lines"),
    [
        pytest.param(
            ALL,
            "loadbalancer_services.0.listener",
            1,
            [
                f"{EVERYBODY}: loadbalancer_services (www).listener is 1, but there is no such option: did you mean "
                "listeners?"
            ],
            id="unknown name in a structure",
        ),
        pytest.param(
            "group_vars/proxies.yml",
            "haproxy_l7_timeouts",
            {"conect": "3s"},
            ["p1, p2, p3: haproxy_l7_timeouts.conect is '3s', but there is no such option: did you mean connect?"],
            id="unknown name in a role's structure",
        ),
        pytest.param(
            "host_vars/r1.yml",
            "frr_ecmp_bfd_intervall",
            300,
            ["r1: frr_ecmp_bfd_intervall is 300, but there is no such variable: did you mean frr_ecmp_bfd_interval?"],
            id="unknown variable",
        ),
        pytest.param(
            ALL,
            "loadbalancer_services.0.vips.0",
            "198.51.100.1000",
            [
                "inventory: loadbalancer_services (www).vips is '198.51.100.1000', must be an IPv4 or IPv6 address "
                "without a prefix length"
            ],
            id="VIP that is no address",
        ),
        pytest.param(
            ALL,
            "loadbalancer_services.1.vips.0",
            "198.51.100.1",
            [
                "inventory: loadbalancer_services (plain).listeners.port is 80, but service www has 198.51.100.1 port "
                "80/tcp already: must be unique"
            ],
            id="one port of a VIP for two services",
        ),
        pytest.param(
            ALL,
            "loadbalancer_certificates.0.file",
            "/none/www.pem",
            [
                "inventory: loadbalancer_certificates (www).file is '/none/www.pem', must be a PEM file on the "
                "controller, with certificate and key: not found"
            ],
            id="missing certificate",
        ),
        pytest.param(
            "host_vars/d1.yml",
            "loadbalancer_interfaces",
            [{"name": "eth1", "link": "fabric"}],
            ["d1: loadbalancer_interfaces: addresses on link fabric are [], must have an IPv4 address"],
            id="director without an address",
        ),
        pytest.param(
            "hosts.yml",
            "all.children.proxies.hosts",
            {},
            ["inventory: group proxies is [], must have at least one host"],
            id="empty group of proxies",
        ),
        pytest.param(
            ALL,
            "loadbalancer_services.0.listeners.0.port",
            80000,
            ["inventory: loadbalancer_services (www).listeners.port is 80000, must be a number from 1 to 65535"],
            id="port out of range",
        ),
        pytest.param(
            "host_vars/p2.yml",
            "loadbalancer_interfaces",
            [{"name": "eth1", "link": "fabric", "addresses": ["10.20.0.32/24"]}],
            [
                "p2: loadbalancer_interfaces: addresses on link fabric are ['10.20.0.32'], must have an IPv6 address: "
                "VIP 2001:db8:100::1 is one"
            ],
            id="proxy without IPv6 behind a VIP that is",
        ),
        pytest.param(
            "host_vars/d2.yml",
            "loadbalancer_asn",
            "{{ 65000 + nod }}",
            ["d2: loadbalancer_asn ", "nod"],  # ansible-core 2.18 leaves the template as it is: no whole number
            id="template that fails",
        ),
    ],
)
def test_a_mistake_is_told_and_no_host_contacted(
    inventory: Inventory, file: str, key: str, value: Any, lines: list[str]
) -> None:
    inventory.change(file, key, value)
    assert inventory.run("multitier.loadbalancer.site") != 0
    assert [line for line in lines if line not in inventory.text] == [], inventory.text
    assert inventory.tasks == FIRST
    assert "UNREACHABLE" not in inventory.text


def test_a_certificate_in_a_vault_is_read_with_the_password_and_missed_without_one(inventory: Inventory) -> None:
    parent = inventory.path.parent
    (parent / "password").write_text("secret")
    vault = ("--vault-password-file", str(parent / "password"))
    subprocess.run(
        ["ansible-vault", "encrypt", *vault, str(parent / "inventory/group_vars/certificates/www.pem")], check=True
    )
    assert inventory.run("multitier.loadbalancer.validate", *vault) == 0, inventory.text
    assert inventory.run("multitier.loadbalancer.site") != 0
    assert (
        "it is encrypted with ansible-vault, and no vault password that was given opens it: give the right one, by "
        "--vault-password-file or --ask-vault-pass"
    ) in inventory.text
    assert inventory.tasks == FIRST


def test_a_name_that_no_certificate_is_for_is_a_warning(inventory: Inventory) -> None:
    inventory.change(ALL, "loadbalancer_certificates.0.domains", ["other.example.org"])
    assert inventory.run("multitier.loadbalancer.validate") == 0, inventory.text
    shown = " ".join(inventory.text.split())
    assert (
        "inventory: loadbalancer_certificates (www).domains has 'other.example.org', but the certificate is for "
        "www.example.com"
    ) in shown


def test_what_only_a_component_knows_is_told_and_no_host_contacted(inventory: Inventory) -> None:
    inventory.change("group_vars/directors.yml", "vip_gate_hold", 5)
    assert inventory.run("multitier.loadbalancer.site") != 0
    assert "d1, d2: vip_gate_hold is 5, must be more than 7 seconds, the length of" in inventory.text
    assert inventory.tasks == FIRST
    assert "UNREACHABLE" not in inventory.text


@pytest.mark.parametrize("playbook", ["site", "validate", "verify", "plan"])
def test_no_hosts_are_an_error_whatever_is_run(inventory: Inventory, playbook: str) -> None:
    (inventory.path / "hosts.yml").write_text("all: {}\n", encoding="utf-8")
    assert inventory.run(f"multitier.loadbalancer.{playbook}") != 0
    assert "inventory: it has no hosts, must have at least a router and a proxy: is -i right?" in inventory.text


def test_variables_of_the_command_line_are_checked_and_mean_what_they_say(inventory: Inventory) -> None:
    assert inventory.run("multitier.loadbalancer.validate", "-e", "haproxy_l7_excluded=perhaps") != 0
    assert "haproxy_l7_excluded is 'perhaps', must be true or false" in inventory.text
    show = "{{ loadbalancer_deployment.hosts.p1.excluded }}"
    asked = {"name": "Ask", "ansible.builtin.debug": {"msg": f"excluded: {show}"}, "run_once": True}
    playbook = inventory.path.parent / "ask.yml"
    playbook.write_text(
        yaml.safe_dump(
            [
                {"ansible.builtin.import_playbook": "multitier.loadbalancer.validate"},
                {"name": "See", "hosts": "all", "gather_facts": False, "tasks": [asked]},
            ]
        ),
        encoding="utf-8",
    )
    for text, said in (("no", "False"), ("true", "True")):
        assert inventory.run(str(playbook), "-e", f"haproxy_l7_excluded={text}") == 0, inventory.text
        assert f"excluded: {said}" in inventory.text


def test_a_role_gets_what_the_deployment_and_the_inventory_say(inventory: Inventory) -> None:
    inventory.change(ALL, "loadbalancer_services.0.vips.1", "2001:DB8:100:0::1")
    inventory.change(ALL, "loadbalancer_bgp_password", "hush")
    given = {"loadbalancer_role_variables": "{{ loadbalancer_deployment.variables[inventory_hostname] }}"}
    include = {
        "name": "Check",
        "ansible.builtin.include_role": {
            "name": "multitier.loadbalancer.{{ item }}",
            "tasks_from": "validate",
            "rolespec_validate": False,
        },
        "vars": given,
        "loop": ["haproxy_l7", "frr_ecmp"],
    }
    that = [
        "__haproxy_l7_vars.services[0].vips == ['198.51.100.1', '2001:db8:100::1']",
        "__haproxy_l7_vars.backends | length == 2",
        "__haproxy_l7_vars.certificates[0].file is search('/www.pem$')",
        "__frr_ecmp_vars.neighbors[0].password == 'hush'",
    ]
    check = {"name": "See", "ansible.builtin.assert": {"that": that}}
    playbook = inventory.path.parent / "roles.yml"
    playbook.write_text(
        yaml.safe_dump(
            [
                {"ansible.builtin.import_playbook": "multitier.loadbalancer.validate"},
                {"name": "Proxies", "hosts": "proxies", "gather_facts": False, "tasks": [include, check]},
            ]
        ),
        encoding="utf-8",
    )
    assert inventory.run(str(playbook)) == 0, inventory.text
    assert "hush" not in inventory.text


def test_more_proxies_than_the_kernels_table_takes(inventory: Inventory) -> None:
    inventory.change("hosts.yml", "all.children.proxies.hosts", {"p[1:4094]": {"node": 31}})
    assert inventory.run("multitier.loadbalancer.site") != 0
    assert "inventory: group proxies has 4094 hosts, must have at most 4093 behind directors" in inventory.text
    assert inventory.tasks == FIRST


def test_a_second_playbook_in_the_same_run_finds_the_inventory_right(inventory: Inventory) -> None:
    """What the first one registered, and what is given to verify.yml, are no unknown variables."""
    register = {"name": "Ask", "ansible.builtin.debug": {"msg": ""}, "register": "loadbalancer_state"}
    play = {"name": "As verify.yml does", "hosts": "all", "gather_facts": False, "tasks": [register]}
    playbook = inventory.path.parent / "twice.yml"
    playbook.write_text(
        yaml.safe_dump([play, {"ansible.builtin.import_playbook": "multitier.loadbalancer.validate"}]), encoding="utf-8"
    )
    assert inventory.run(str(playbook), "-e", "loadbalancer_verify_retries=2") == 0, inventory.text


def test_tiers_in_front_of_one_that_cannot_be_reached_are_left_alone(inventory: Inventory) -> None:
    """Ansible ends only the play of the tier, and would go on with the next."""
    assert inventory.run("multitier.loadbalancer.site") != 0
    assert "Not deployed: p1, p2, p3. The tiers in front of them are left as they are." in inventory.text
    assert set(re.findall(r"\[(\w+)\]: UNREACHABLE", inventory.text)) == {"p1", "p2", "p3"}
