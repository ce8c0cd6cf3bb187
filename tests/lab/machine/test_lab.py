# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself, on a small inventory: what it brings up, what breaks as asked, and that it leaves nothing.

Run by `make lab-itself`, in about two minutes. State is kept apart from the user's labs; the image is shared.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = """\
all:
  hosts:
    switch:
      ansible_host: 192.0.2.1
      ansible_user: cumulus
      lab_os: cumulus
      loadbalancer_interfaces:
        - {name: eth0, link: mgmt, addresses: [192.0.2.1/24, "2001:db8:f::1/64"]}
        - {name: swp1, link: big, addresses: [10.10.0.1/24, "2001:db8:1::1/64"], mtu: 9000}
    backend:
      ansible_host: 2001:db8:f::2
      ansible_port: 2222
      lab_applications: [{name: web, port: 8080}, {name: api, port: 8081, proxy_protocol: true}]
      loadbalancer_interfaces:
        # the kernel's own names, the other way round
        - {name: vec1, link: mgmt, addresses: [192.0.2.2/24, "2001:db8:f::2/64"]}
        - name: vec0
          link: big
          mtu: 9000
          addresses: [10.10.0.2/24, "2001:db8:1::2/64"]
          gateways: [10.10.0.1, "2001:db8:1::1"]
"""


class Lab:
    """The lab's command line, with state of its own."""

    def __init__(self, directory: Path) -> None:
        self.inventory = directory / "twin of a rack"
        self.inventory.mkdir()
        (self.inventory / "hosts.yml").write_text(INVENTORY)
        self.home = directory / "home"
        self.home.mkdir()
        shared = Path(os.environ.get("MULTITIER_LAB_HOME", Path.home() / ".cache" / "multitier-lab")) / "images"
        shared.mkdir(parents=True, exist_ok=True)
        (self.home / "images").symlink_to(shared)
        self.memory = directory
        self.environment = {**os.environ, "MULTITIER_LAB_HOME": str(self.home)}

    def __call__(self, *words: str, code: int = 0) -> str:
        command = [str(ROOT / "lab" / "lab"), *words]
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=1500, cwd=ROOT
        )
        assert result.returncode == code, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result.stdout if code == 0 else result.stderr

    def up(self) -> None:
        self("up", "-i", str(self.inventory), "--name", "twin")

    def states(self) -> dict[str, str]:
        (lab,) = json.loads(self("status", "--json"))
        return {node["name"]: node["state"] for node in lab["nodes"]}

    def processes(self) -> list[str]:
        """Arguments of every process of this lab."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                arguments, environment = ((entry / name).read_bytes() for name in ("cmdline", "environ"))
            except OSError:
                continue
            if str(self.memory).encode() in arguments + environment:
                found.append(arguments.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def remember(self) -> None:
        """Note where the nodes' memory is, which `down` must remove."""
        config = (self.home / "labs" / "twin" / "ssh_config").read_text()
        self.memory = Path(config.partition('ControlPath "')[2].partition('"')[0]).parent


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    one = Lab(tmp_path_factory.mktemp("lab"))
    try:
        one.up()
        one.remember()
        yield one
    finally:
        one("down", "--name", "twin")


def test_a_second_up_says_that_it_is_up(lab: Lab) -> None:
    command = [str(ROOT / "lab/lab"), "up", "-i", str(lab.inventory), "--name", "twin"]
    result = subprocess.run(command, env=lab.environment, capture_output=True, text=True, check=True, timeout=300)
    assert "lab twin was up already" in result.stderr


def test_the_name_is_refused_to_another_inventory(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    assert "the name twin is in use" in lab("up", "-i", str(tmp_path), "--name", "twin", code=1)


def test_ansible_reaches_every_node_with_the_inventory_alone(lab: Lab) -> None:
    command = [sys.executable, "-m", "ansible", "adhoc", "-i", str(lab.inventory), "all", "-m", "ansible.builtin.ping"]
    result = subprocess.run(command, env=lab.environment, capture_output=True, text=True, check=False, timeout=300)
    assert result.stdout.count("SUCCESS") == 2, result.stdout + result.stderr


def test_nics_have_the_inventorys_names_addresses_routes_and_mtu(lab: Lab) -> None:
    devices = {device["ifname"]: device for device in json.loads(lab("run", "backend", "ip", "-json", "address"))}
    assert devices["vec0"]["mtu"] == 9000
    assert {"10.10.0.2", "2001:db8:1::2"} <= {address["local"] for address in devices["vec0"]["addr_info"]}
    assert {"192.0.2.2", "2001:db8:f::2"} <= {address["local"] for address in devices["vec1"]["addr_info"]}
    assert "default via 10.10.0.1 dev vec0" in lab("run", "backend", "ip", "route")
    for size, address in ((8972, "10.10.0.1"), (8952, "2001:db8:1::1")):
        lab("run", "backend", "ping", "-c1", "-W2", "-M", "do", "-s", str(size), address)


def test_large_transfers_arrive_whole_over_both_families(lab: Lab) -> None:
    lab("run", "backend", "head -c 20M /dev/urandom >/srv/lab/random; "
        "(cd /srv/lab; setsid python3 -m http.server --bind :: 9000 >/dev/null 2>&1 </dev/null &)")  # fmt: skip
    expected = lab("run", "backend", "sha256sum </srv/lab/random")
    for address in ("10.10.0.2", "[2001:db8:1::2]"):
        line = f"curl -s --retry 5 --retry-connrefused http://{address}:9000/random | sha256sum"
        assert lab("run", "switch", line) == expected


def test_applications_tell_who_they_are_and_what_they_saw(lab: Lab) -> None:
    web = json.loads(
        lab("run", "switch", "curl", "-s", "-H", "X-Forwarded-For: 203.0.113.9", "http://10.10.0.2:8080/a")
    )
    assert (web["backend"], web["application"], web["path"]) == ("backend", "web", "/a")
    assert (web["remote_address"], web["x_forwarded_for"]) == ("10.10.0.1", "203.0.113.9")
    api = json.loads(lab("run", "switch", "curl -s --haproxy-protocol 'http://[2001:db8:1::2]:8081/b'"))
    assert (api["application"], api["proxy_protocol_address"]) == ("api", "2001:db8:1::1")
    assert lab("run", "switch", "curl", "-s", "http://10.10.0.2:8080/health") == "ok\n"


def test_a_switch_poses_as_cumulus_and_its_interfaces_file_is_what_is_configured(lab: Lab) -> None:
    assert "ID=cumulus-linux" in lab("run", "switch", "cat", "/etc/os-release")
    before = lab("run", "switch", "ip -br address; ip route; ip -6 route")
    lab("run", "switch", "sudo", "ifreload", "-a")
    assert lab("run", "switch", "ip -br address; ip route; ip -6 route") == before


def test_the_exit_code_of_a_command_is_passed_on(lab: Lab) -> None:
    lab("run", "switch", "exit 7", code=7)
    assert lab("run", "switch", "printf", "%s|", "a b", "c") == "a b|c|"


@pytest.mark.parametrize("target", ["backend:vec0", "big"])
def test_a_cut_loses_packets_until_it_is_mended(lab: Lab, target: str) -> None:
    ping = ("run", "switch", "ping", "-c1", "-W1", "10.10.0.2")
    lab(*ping)
    lab("cut", target)
    assert f"cut: {target}" in lab("status")
    lab(*ping, code=1)
    lab("mend", target)
    lab(*ping)
    assert "cut:" not in lab("status")


def test_a_cut_management_link_is_back_when_mended(lab: Lab) -> None:
    lab("cut", "mgmt")
    lab("mend", "mgmt")
    assert lab("run", "backend", "hostname") == "backend\n"


def test_a_capture_holds_the_packets_of_a_link(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    command = [str(ROOT / "lab/lab"), "capture", "big", "--seconds", "20", "--count", "4", "-w", str(path)]
    with subprocess.Popen(command, env=lab.environment) as capture:
        while not path.exists() or path.stat().st_size < 24:
            time.sleep(0.1)
        lab("run", "switch", "ping", "-c4", "-i0.2", "10.10.0.2")
        assert capture.wait(timeout=60) == 0
    assert bytes([10, 10, 0, 1, 10, 10, 0, 2]) in path.read_bytes()


def test_a_killed_node_is_seen_dead_at_once_and_starts_with_the_disk_it_had(lab: Lab) -> None:
    lab("run", "backend", "echo kept >/root/kept; echo changed >/etc/motd; sync")
    lab("kill", "backend")
    assert lab.states() == {"switch": "running", "backend": "dead"}
    assert not [line for line in lab.processes() if "uml_dir=" in line and "/backend/" in line]
    started = time.monotonic()
    lab("run", "backend", "true", code=255)
    assert time.monotonic() - started < 30
    assert lab("logs", "backend", "-n", "5")
    lab("start", "backend")
    assert lab("run", "backend", "cat", "/root/kept", "/etc/motd") == "kept\nchanged\n"


def test_a_reboot_keeps_names_and_addresses(lab: Lab) -> None:
    before = lab("run", "backend", "cat /proc/sys/kernel/random/boot_id")
    lab("run", "backend", "(sleep 0.5; systemctl reboot) >/dev/null 2>&1 </dev/null &")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        time.sleep(2)
        command = [str(ROOT / "lab/lab"), "run", "backend", "cat /proc/sys/kernel/random/boot_id"]
        result = subprocess.run(command, env=lab.environment, capture_output=True, text=True, check=False, timeout=60)
        if result.returncode == 0 and result.stdout != before:
            break
    else:
        pytest.fail("the node is not back from its reboot")
    assert "10.10.0.2/24" in lab("run", "backend", "ip", "-br", "address", "show", "vec0")


def test_a_saved_state_is_gone_back_to_also_after_the_lab_was_down(lab: Lab) -> None:
    writing = "(while :; do date >>/root/busy; sync; done) >/dev/null 2>&1 </dev/null & echo $!"
    lab("run", "backend", f"echo before >/root/saved; {writing}")
    lab("cut", "big")
    lab("save", "one")
    lab("mend", "big")
    assert "saved state one already" in lab("save", "one", code=1)
    lab("run", "backend", "echo after >/root/saved; rm -r /usr/lib/python3; sync")
    lab("down", "--keep")
    assert lab.processes() == []
    lab.up()
    assert lab("run", "backend", "cat /root/saved") == "after\n"
    lab("restore", "one")
    assert lab("run", "backend", "cat /root/saved; ls -d /usr/lib/python3") == "before\n/usr/lib/python3\n"
    assert lab("run", "backend", "dmesg | grep -ci 'ext4.*recover'", code=1) == ""  # it was whole, though written to
    (status,) = json.loads(lab("status", "--json"))
    assert (status["cut"], [one["name"] for one in status["saved"]]) == (["big"], ["one"])
    lab("mend", "big")


def test_a_crash_of_the_whole_lab_is_repaired_by_up_and_cleared_by_down(lab: Lab) -> None:
    lab("run", "switch", "echo kept | sudo tee /root/kept >/dev/null; sync")
    holder = int((lab.home / "labs/twin/holder.pid").read_text().split()[0])
    os.kill(holder, signal.SIGKILL)
    end = time.monotonic() + 30
    while lab.processes() and time.monotonic() < end:
        time.sleep(0.2)
    assert set(lab.states().values()) == {"dead"}
    lab.up()
    assert lab("run", "switch", "sudo", "cat", "/root/kept") == "kept\n"
    lab("down")
    assert lab.processes() == []
    assert not lab.memory.exists()
    assert sorted(path.name for path in lab.home.iterdir()) == ["images", "lock"]
    assert [path.name for path in lab.inventory.iterdir()] == ["hosts.yml"]
