# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip_routes: the routes that are ours, and no others, through the exact commands that ip(8) gets."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import vip_routes
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from pathlib import Path

VIP4, VIP6 = "198.51.100.1", "2001:db8:100::1"
# what iproute2 6.1 prints
LOCAL = '[{"type":"local","dst":"198.51.100.1","dev":"lo","scope":"host","flags":[]}]'
LOCAL6 = '[{"type":"local","dst":"2001:db8:100::1","dev":"lo","metric":1024,"flags":[],"pref":"medium"}]'
MARKER = '[{"type":"blackhole","dst":"198.51.100.1","flags":[]}]'
MARKER6 = '[{"type":"blackhole","dst":"2001:db8:100::1","dev":"lo","metric":1024,"flags":[],"pref":"medium"}]'

# keeps routes, by table and protocol, in a file beside it; every call is appended to another
FAKE = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
store, calls = here / "routes.json", here / "calls"
routes = json.loads(store.read_text()) if store.exists() else []
with calls.open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "-batch":
    for line in sys.stdin:
        with calls.open("a") as log:
            log.write("  " + line)
        words = line.split()
        action, kind, prefix = words[1:4]
        table = "local" if "local" == words[-1] else "main"
        proto = words[words.index("proto") + 1]
        dst = prefix.split("/")[0]
        if dst.endswith(".66"):
            sys.exit("RTNETLINK answers: Invalid argument")
        found = [r for r in routes if r["dst"] == dst and r["table"] == table]
        if action == "del" and not found:
            sys.exit("RTNETLINK answers: No such process")
        routes = [r for r in routes if r not in found]
        if action == "replace":
            dev = words[words.index("dev") + 1] if "dev" in words else ""
            routes.append(dict(type=kind, dst=dst, table=table, proto=proto, dev=dev))
    store.write_text(json.dumps(routes))
else:
    ipv6, table, proto = sys.argv[2] == "-6", sys.argv[6], sys.argv[8]
    print(json.dumps([r for r in routes if (":" in r["dst"]) == ipv6 and (r["table"], r["proto"]) == (table, proto)]))
"""


class Ip:
    """The stand-in for ip(8)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        program = directory / "ip"
        program.write_text(FAKE.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)

    def batches(self) -> list[str]:
        """Lines of all batches since the last call."""
        calls = self.directory / "calls"
        lines = calls.read_text(encoding="utf-8").splitlines()
        calls.unlink()
        return [line.strip() for line in lines if line.startswith(" ")]

    def add(self, dst: str, proto: int) -> None:
        """A local route that is there already."""
        store = self.directory / "routes.json"
        routes = json.loads(store.read_text()) if store.exists() else []
        routes.append({"type": "local", "dst": dst, "table": "local", "proto": str(proto), "dev": "lo"})
        store.write_text(json.dumps(routes))


@pytest.fixture
def ip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ip:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Ip(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    return ModuleRunner(vip_routes.main, capsys)


@pytest.mark.parametrize(
    ("output", "kind", "found"),
    [
        (LOCAL, "local", {VIP4: "lo"}),
        (LOCAL6, "local", {VIP6: "lo"}),
        (MARKER, "marker", {VIP4: ""}),
        (MARKER6, "marker", {VIP6: ""}),
        ("", "local", {}),
        ("[]", "marker", {}),
        ('[{"type":"unicast","dst":"198.51.100.9"},{"type":"blackhole","dst":"10.0.0.0/8"}]', "marker", {}),
    ],
)
def test_reads_what_ip_prints(output: str, kind: str, found: dict[str, str]) -> None:
    assert vip_routes.listed(output, kind) == found


@pytest.mark.parametrize(
    ("current", "wanted", "state", "result"),
    [
        ({}, {"a": "lo"}, "exact", (["a"], [])),
        ({"a": "lo"}, {}, "exact", ([], ["a"])),
        ({"a": "lo"}, {"a": "lo"}, "exact", ([], [])),
        ({"a": "lo"}, {"a": "vips0"}, "exact", (["a"], [])),
        ({"b": ""}, {"a": ""}, "pruned", ([], ["b"])),
    ],
)
def test_what_to_do(current: dict[str, str], wanted: dict[str, str], state: str, result: Any) -> None:
    assert vip_routes.changes(current, wanted, state) == result


def test_local_vips_are_added_and_then_stay(ip: Ip, run: ModuleRunner) -> None:
    arguments: dict[str, Any] = {"kind": "local", "protocol": 78, "vips": [VIP6, VIP4]}
    result = run(**arguments)
    assert (result["changed"], result["added"], result["removed"]) == (True, [VIP4, VIP6], [])
    assert ip.batches() == [
        "route replace local 198.51.100.1/32 dev lo proto 78 table local",
        "route replace local 2001:db8:100::1/128 dev lo proto 78 table local",
    ]
    assert run(**arguments)["changed"] is False
    assert ip.batches() == []


def test_a_vip_in_another_spelling_is_the_same(ip: Ip, run: ModuleRunner) -> None:
    run(kind="local", protocol=78, vips=[VIP6])
    assert run(kind="local", protocol=78, vips=["2001:DB8:100:0::1"])["changed"] is False


def test_only_our_own_stale_vips_are_removed(ip: Ip, run: ModuleRunner) -> None:
    ip.add("198.51.100.7", 78)
    ip.add("198.51.100.8", 2)
    result = run(kind="local", protocol=78, vips=[])
    assert result["removed"] == ["198.51.100.7"]
    assert ip.batches() == ["route del local 198.51.100.7/32 dev lo proto 78 table local"]


def test_pruning_markers_adds_none(ip: Ip, run: ModuleRunner) -> None:
    run(kind="marker", protocol=77, vips=[VIP4, VIP6])
    assert ip.batches() == [
        "route replace blackhole 198.51.100.1/32 proto 77",
        "route replace blackhole 2001:db8:100::1/128 proto 77",
    ]
    result = run(kind="marker", protocol=77, vips=[VIP6, "198.51.100.2"], state="pruned")
    assert (result["added"], result["removed"]) == ([], [VIP4])
    assert ip.batches() == ["route del blackhole 198.51.100.1/32 proto 77"]


def test_check_mode_says_so_and_changes_nothing(ip: Ip, run: ModuleRunner) -> None:
    result = run(check=True, kind="local", protocol=78, vips=[VIP4])
    assert (result["changed"], result["added"]) == (True, [VIP4])
    assert (result["diff"]["before"], result["diff"]["after"]) == ("", "198.51.100.1 lo\n")
    assert ip.batches() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": 4, "vips": []}, "protocol is 4, must be 5 to 255"),
        ({"protocol": 78, "vips": ["198.51.100.1/32"]}, "vips: '198.51.100.1/32' does not appear to be an IPv4 or"),
    ],
)
def test_bad_input_stops_before_ip_is_asked(ip: Ip, run: ModuleRunner, arguments: dict[str, Any], message: str) -> None:
    result = run(kind="local", **arguments)
    assert result["failed"]
    assert result["msg"].startswith(message)
    assert not (ip.directory / "calls").exists()


def test_what_ip_refuses_is_told(ip: Ip, run: ModuleRunner) -> None:
    result = run(kind="local", protocol=78, vips=["198.51.100.66"])
    assert result["failed"]
    assert "ip refused a route: RTNETLINK answers: Invalid argument" in result["msg"]
