# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IPVS modules from their options to their result, on the kernel in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs import host
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.kernel import IpvsUnavailableError
from ansible_collections.multitier.loadbalancer.plugins.modules import ipvs, ipvs_info, ipvs_sync, ipvs_timeouts
from ansible_collections.multitier.loadbalancer.tests.unit.support.memory_kernel import MemoryKernel
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import patch_module_args

SERVICE: dict[str, Any] = {
    "address": "198.51.100.1",
    "port": 443,
    "scheduler_flags": ["mh-port"],
    "destinations": [{"address": "10.0.0.31"}, {"address": "10.0.0.32", "weight": 5}],
}
Run = Callable[..., dict[str, Any]]


class ModuleKernel(MemoryKernel):
    """The kernel in memory with what the other modules use."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = {"tcp": 900, "tcp_fin": 120, "udp": 300}
        self.running: list[dict[str, Any]] = []

    def read(self, wanted: Callable[[Any], bool] = lambda _key: True, **_counters: bool) -> list[Any]:
        return super().read(wanted)

    def info(self) -> dict[str, Any]:
        return {"version": "1.2.1", "connection_table_size": 4096}

    def timeouts(self) -> dict[str, int]:
        return dict(self.seconds)

    def set_timeouts(self, seconds: dict[str, int]) -> None:
        self.seconds.update(seconds)

    def daemons(self) -> list[dict[str, Any]]:
        return list(self.running)

    def start_daemon(self, daemon: dict[str, Any]) -> None:
        defaults = {"max_length": 1472, "group": "224.0.0.81", "port": 8848, "ttl": 1}
        self.running.append({name: defaults.get(name) if value is None else value for name, value in daemon.items()})

    def stop_daemon(self, state: str) -> None:
        self.running = [daemon for daemon in self.running if daemon["state"] != state]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Function (module, check=..., **options) that runs a module; all on one kernel."""
    kernel = ModuleKernel()
    for module in (ipvs, ipvs_info, ipvs_sync, ipvs_timeouts):
        monkeypatch.setattr(module, "Kernel", lambda: kernel)
    # This host's modules and sysctls are not those of the kernel in memory.
    monkeypatch.setattr(ipvs, "require_kernel_modules", lambda _module, _plan: None)
    monkeypatch.setattr(host, "read_sysctl", lambda _name: None)

    def runner(module: Any, *, check: bool = False, **options: Any) -> dict[str, Any]:
        with (
            patch_module_args({**options, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return runner


def test_check_change_repeat(run: Run) -> None:
    predicted = run(ipvs, check=True, services=[SERVICE], state="replaced")
    assert run(ipvs_info)["services"] == []
    done = run(ipvs, services=[SERVICE], state="replaced")
    assert predicted == done
    assert done["changed"]
    assert done["operations"] == [
        "add service tcp 198.51.100.1:443",
        "add destination 10.0.0.31:443 (weight 1) to tcp 198.51.100.1:443",
        "add destination 10.0.0.32:443 (weight 5) to tcp 198.51.100.1:443",
    ]
    assert done["diff"]["before"] == ""
    assert done["diff"]["after"].splitlines() == [
        "-A -t 198.51.100.1:443 -s mh -b mh-port",
        "-a -t 198.51.100.1:443 -r 10.0.0.32:443 -g -w 5",
        "-a -t 198.51.100.1:443 -r 10.0.0.31:443 -g -w 1",
    ]
    again = run(ipvs, services=[SERVICE], state="replaced")
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert run(ipvs_info)["services"] == again["services"]


def test_out_of_order_is_told_and_repaired(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not read from the result: where the controller's code is loaded too, warnings are displayed instead of returned.
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda dummy, text: warned.append(text))
    run(ipvs, services=[SERVICE])
    turned = {**SERVICE, "destinations": SERVICE["destinations"][::-1]}
    told = run(ipvs, services=[turned])
    assert not told["changed"]
    assert told["out_of_order"][0]["declared"] == ["10.0.0.31:443", "10.0.0.32:443"]
    assert "place 1 of the kernel's list is 10.0.0.32:443, declared is 10.0.0.31:443" in str(warned)
    repaired = run(ipvs, services=[turned], reorder=True)
    assert repaired["changed"]
    assert [item["name"] for item in repaired["services"][0]["destinations"]] == ["10.0.0.31:443", "10.0.0.32:443"]
    # The same list as the kernel has it, declared in the kernel's order, has nothing to change.
    assert run(ipvs, services=[turned], order="kernel")["out_of_order"] != []
    assert (
        run(ipvs, services=[{**turned, "destinations": turned["destinations"][::-1]}], order="kernel")["out_of_order"]
        == []
    )


def test_absent(run: Run) -> None:
    run(ipvs, services=[SERVICE])
    one = {**SERVICE, "destinations": SERVICE["destinations"][:1]}
    assert run(ipvs, services=[one], state="absent")["services"][0]["destinations"][0]["name"] == "10.0.0.32:443"
    gone = {key: value for key, value in SERVICE.items() if key != "destinations"}
    assert run(ipvs, services=[gone], state="absent")["services"] == []
    assert not run(ipvs, services=[gone], state="absent")["changed"]


def test_bad_declaration(run: Run) -> None:
    bad = {**SERVICE, "destinations": [*SERVICE["destinations"], {"address": "10.0.0.33", "weight": 70000}]}
    result = run(ipvs, services=[bad])
    assert result["failed"]
    assert result["failure"] == {"kind": "invalid", "entry": "service tcp 198.51.100.1:443, destination 10.0.0.33:443"}
    assert result["msg"].endswith("weight is 70000, it must be 0 to 65535. Nothing was changed.")
    assert run(ipvs_info)["services"] == []


def test_info_filters(run: Run) -> None:
    run(ipvs, services=[SERVICE, {"fwmark": 7}, {"address": "2001:db8::1", "port": 80}])
    assert [s["name"] for s in run(ipvs_info)["services"]] == [
        "tcp 198.51.100.1:443", "fwmark 7 ipv4", "tcp [2001:db8::1]:80",
    ]  # fmt: skip
    for wanted, count in (
        ([{"address": "2001:DB8:0::1"}], 1),
        ([{"port": 443}, {"fwmark": 7}], 2),
        ([{"family": "ipv4"}], 2),
        ([], 0),
    ):
        assert len(run(ipvs_info, services=wanted)["services"]) == count
    assert run(ipvs_info, services=[{"address": "x"}])["failure"] == {"kind": "invalid", "entry": 1}


def test_timeouts(run: Run) -> None:
    predicted = run(ipvs_timeouts, check=True, tcp=3600)
    assert run(ipvs_timeouts, tcp=3600) == predicted
    assert predicted["timeouts"] == {"tcp": 3600, "tcp_fin": 120, "udp": 300}
    assert not run(ipvs_timeouts, tcp=3600)["changed"]
    assert run(ipvs_timeouts, udp=0)["failure"] == {"kind": "invalid", "entry": "udp"}


def test_sync_daemon(run: Run) -> None:
    started = run(ipvs_sync, daemon="master", interface="lo", sync_id=7)
    assert started["changed"]
    assert not run(ipvs_sync, daemon="master", interface="lo")["changed"]
    predicted = run(ipvs_sync, check=True, daemon="master", interface="lo", ttl=3)
    assert run(ipvs_sync, daemon="master", interface="lo", ttl=3) == predicted
    assert (predicted["sync_daemons"][0]["ttl"], predicted["sync_daemons"][0]["sync_id"]) == (3, 7)
    other = run(ipvs_sync, check=True, daemon="master", interface="lo", group="ff02::81")["sync_daemons"][0]
    assert (other["group"], other["max_length"], other["sync_id"]) == ("ff02::81", None, 7)
    assert run(ipvs_sync, check=True, daemon="master", state="stopped")["sync_daemons"] == []
    assert run(ipvs_sync, daemon="master", state="stopped")["changed"]
    assert not run(ipvs_sync, daemon="master", state="stopped")["changed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interface": "lo", "sync_id": 256}, "sync_id is 256, it must be 0 to 255"),
        ({"interface": "lo", "group": "10.0.0.1"}, "group 10.0.0.1 is not a multicast address"),
        ({"interface": "nonesuch"}, "there is no interface nonesuch"),
        ({}, "state is started but all of the following are missing: interface"),
    ],
)
def test_bad_sync_daemon(run: Run, options: dict[str, Any], message: str) -> None:
    assert message in run(ipvs_sync, daemon="backup", **options)["msg"]


@pytest.mark.parametrize("kind", ["no_module", "no_privilege"])
def test_without_ipvs(run: Run, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def unavailable() -> None:
        raise IpvsUnavailableError(kind, "What to do about it.")

    for module, options in (
        (ipvs, {"services": []}),
        (ipvs_info, {}),
        (ipvs_timeouts, {"tcp": 1}),
        (ipvs_sync, {"daemon": "master", "interface": "lo"}),
    ):
        monkeypatch.setattr(module, "Kernel", unavailable)
        result = run(module, **options)
        assert result["failed"]
        assert (result["msg"], result["failure"]) == ("What to do about it.", {"kind": kind})
