# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own ssh and Ansible reach the nodes, and only this lab's."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import inventory as reader
from lab import reach, state
from lab.errors import LabError
from lab.state import LabState

if TYPE_CHECKING:
    from lab.model import Topology


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topology: Topology) -> LabState:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "a home 100%"))
    monkeypatch.setattr(state, "memory_home", lambda: tmp_path / "memory")
    return make(LabState("small"), topology)


def make(one: LabState, topology: Topology) -> LabState:
    one.write({})
    state.write_file(one.ssh_config, reach.ssh_config(one, topology))
    state.write_file(one.connection, reach.connection_inventory(one, topology))
    return one


def resolved(lab: LabState, host: str) -> dict[str, str]:
    """What ssh itself makes of the configuration."""
    command = ["ssh", "-G", "-F", str(lab.ssh_config), host]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in output.splitlines() if " " in line)


@pytest.mark.parametrize("host", ["r2", "192.0.2.12"])
def test_ssh_finds_user_and_key_by_name_and_by_address(lab: LabState, host: str) -> None:
    found = resolved(lab, host)
    assert found["hostname"] == "192.0.2.12"
    assert found["user"] == "cumulus"
    assert found["port"] == "22"
    assert found["stricthostkeychecking"] == "true"
    assert found["kexalgorithms"] == "curve25519-sha256"


def test_the_proxys_path_may_hold_spaces_and_percent_signs(lab: LabState) -> None:
    command = resolved(lab, "r1")["proxycommand"]
    assert shlex.split(command.replace("%%", "%")) == [str(lab.directory / "proxy"), "%h", "%p"]


def test_two_labs_with_the_same_addresses_share_no_connection(
    lab: LabState, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "memory_home", lambda: Path("/dev/shm/multitier-lab-0-123456"))
    paths = [reach.control_path(LabState(name), topology) for name in ("one", "two")]
    assert paths == [f"/dev/shm/multitier-lab-0-123456/{name}/%h" for name in ("one", "two")]
    one = LabState("one")
    assert f"ControlPath={paths[0]}" in reach.connection_variables(one, topology)["ansible_ssh_common_args"]
    assert f'ControlPath "{paths[0]}"' in reach.ssh_config(one, topology)


def test_a_control_socket_that_would_be_too_long_is_left_out(
    topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "memory_home", lambda: tmp_path / ("deep" * 30))
    assert reach.control_path(LabState("small"), topology) == "none"
    assert "ControlMaster" not in reach.ssh_config(LabState("small"), topology)


def test_the_proxy_refuses_when_the_pid_is_not_the_labs_any_more(lab: LabState, tmp_path: Path) -> None:
    script = reach.proxy_script(lab, ["false"], 1, "net:[1]")
    path = tmp_path / "proxy"
    path.write_text(script)
    result = subprocess.run(["sh", str(path), "192.0.2.1", "22"], capture_output=True, text=True, check=False)
    assert result.returncode == 255
    assert "lab small is not up" in result.stderr


def test_the_proxy_connects_to_either_family(lab: LabState, tmp_path: Path) -> None:
    own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True, check=True).stdout.strip()
    path = tmp_path / "proxy"
    path.write_text(reach.proxy_script(lab, ["echo"], "self", own))  # type: ignore[arg-type]
    for address, expected in (("192.0.2.1", "TCP4:192.0.2.1:22,"), ("2001:db8::1", "TCP6:[2001:db8::1]:22,")):
        result = subprocess.run(["sh", str(path), address, "22"], capture_output=True, text=True, check=True)
        assert expected in result.stdout


def test_a_directory_inventory_reaches_the_lab_as_it_is(lab: LabState, topology: Topology, inventory: Path) -> None:
    assert reach.link_inventory(lab, topology, inventory) == ["-i", str(inventory)]
    host = reader.read([inventory], ["ansible_ssh_common_args", "ansible_python_interpreter"])[1]
    assert shlex.split(host.variables["ansible_ssh_common_args"])[:2] == ["-F", str(lab.ssh_config)]
    assert host.variables["ansible_python_interpreter"] == "/usr/bin/python3"
    reach.unlink_inventory(lab, inventory)
    assert [path.name for path in inventory.iterdir()] == ["hosts.yml"]


def test_a_file_inventory_is_left_alone_and_takes_a_second_source(
    lab: LabState, topology: Topology, inventory: Path
) -> None:
    path = inventory / "hosts.yml"
    assert reach.link_inventory(lab, topology, path) == ["-i", str(path), "-i", str(lab.connection)]
    assert [path.name for path in inventory.iterdir()] == ["hosts.yml"]


def test_a_second_lab_of_an_inventory_leaves_the_first_ones_link(
    lab: LabState, inventory: Path, topology: Topology
) -> None:
    reach.link_inventory(lab, topology, inventory)
    second = make(LabState("second"), topology)
    assert reach.link_inventory(second, topology, inventory)[-1] == str(second.connection)
    reach.unlink_inventory(second, inventory)
    assert (inventory / reach.LINK_NAME).read_text() == lab.connection.read_text()


def test_the_link_of_a_lab_that_is_gone_is_replaced(lab: LabState, inventory: Path, topology: Topology) -> None:
    reach.link_inventory(lab, topology, inventory)
    lab.remove()
    second = make(LabState("second"), topology)
    assert reach.link_inventory(second, topology, inventory) == ["-i", str(inventory)]


def test_a_file_of_that_name_that_is_not_ours_is_left_alone(lab: LabState, topology: Topology, inventory: Path) -> None:
    (inventory / reach.LINK_NAME).write_text("all: {hosts: {r1: {}}}\n")
    assert reach.link_inventory(lab, topology, inventory)[-1] == str(lab.connection)
    reach.unlink_inventory(lab, inventory)
    assert (inventory / reach.LINK_NAME).read_text() == "all: {hosts: {r1: {}}}\n"


def test_a_variable_that_is_in_the_way_is_named(lab: LabState, topology: Topology, inventory: Path) -> None:
    (inventory / "host_vars").mkdir()
    (inventory / "host_vars" / "b1.yml").write_text("ansible_ssh_common_args: -o ProxyJump=bastion\n")
    with pytest.raises(LabError, match="host b1: ansible_ssh_common_args is '-o ProxyJump=bastion'"):
        reach.link_inventory(lab, topology, inventory)
