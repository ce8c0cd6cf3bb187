# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vip_routes: the routes that are ours, and no others, in the kernel of a network namespace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import vip_routes
from ansible_collections.multitier.loadbalancer.tests.unit.support import namespace
from ansible_collections.multitier.loadbalancer.tests.unit.support.namespace import Namespace

VIP4, VIP6 = "198.51.100.1", "2001:db8:100::1"
PROGRAM = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.multitier.loadbalancer.plugins.modules import vip_routes
with patch_module_args(json.loads(sys.argv[1])):
    vip_routes.main()
"""


class Host:
    """A host on which the module can be run."""

    def __init__(self, space: Namespace) -> None:
        self.space = space

    def __call__(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run the module."""
        given = json.dumps({**arguments, "_ansible_check_mode": check})
        environment = {**self.space.environment, "PYTHONPATH": ":".join(filter(None, sys.path))}
        child = self.space.start([sys.executable, "-c", PROGRAM, given], env=environment, stdout=-1, text=True)
        result: dict[str, Any] = json.loads(child.communicate(timeout=60)[0])
        return result

    def local(self) -> list[str]:
        output = self.space.run("ip -4 route show table local proto 78; ip -6 route show table local proto 78").stdout
        return [" ".join(line.split()[:4]) for line in output.splitlines()]

    def markers(self) -> list[str]:
        return self.space.run("ip -4 route show proto 77; ip -6 route show proto 77").stdout.splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    space = Namespace(tmp_path)
    yield Host(space)
    space.close()


@pytest.mark.parametrize(
    ("output", "kind", "found"),
    [
        ("", "local", {}),
        ("[]", "blackhole", {}),
        ('[{"type":"unicast","dst":"198.51.100.9"},{"type":"blackhole","dst":"10.0.0.0/8"}]', "blackhole", {}),
    ],
)
def test_other_routes_are_left_out(output: str, kind: str, found: dict[str, str]) -> None:
    assert vip_routes.listed(output, kind) == found


@namespace.needed
def test_local_vips_are_added_and_then_stay(host: Host) -> None:
    result = host(local=[VIP6, VIP4])
    assert (result["changed"], result["added"], result["removed"]) == (True, [VIP4, VIP6], [])
    assert host.local() == [f"local {VIP4} dev lo", f"local {VIP6} dev lo"]
    assert host(local=[VIP4, VIP6])["changed"] is False
    assert host(local=[VIP4, "2001:DB8:100:0::1"])["changed"] is False, "another spelling of the same address"


@namespace.needed
def test_a_vip_moves_to_another_interface(host: Host) -> None:
    host.space.run("ip link add vips0 type veth peer vips1; ip link set vips0 up")
    host(local=[VIP4, VIP6])
    assert host(local=[VIP4, VIP6], interface="vips0")["added"] == [VIP4, VIP6]
    assert {f"local {VIP4} dev vips0", f"local {VIP6} dev vips0"} <= set(host.local())


@namespace.needed
def test_only_our_own_stale_routes_are_removed(host: Host) -> None:
    host.space.run(
        "ip route add local 198.51.100.7/32 dev lo proto 78 table local; "
        "ip route add local 198.51.100.8/32 dev lo proto 55 table local; "
        "for vip in 198.51.100.1 198.51.100.9 2001:db8:100::9; do ip route add blackhole $vip proto 77; done; "
        "ip route add blackhole 198.51.100.10/32 proto 55"
    )
    result = host(local=[], announced=[VIP4])
    assert (result["removed"], result["withdrawn"]) == (["198.51.100.7"], ["198.51.100.9", "2001:db8:100::9"])
    assert (host.local(), host.markers()) == ([], ["blackhole 198.51.100.1 "])
    others = host.space.run("ip route show table local proto 55; ip route show proto 55").stdout
    assert "198.51.100.8" in others and "198.51.100.10" in others


@namespace.needed
def test_no_vip_is_announced_by_this(host: Host) -> None:
    host(local=[VIP4], announced=[VIP4, VIP6])
    assert host.markers() == []


@namespace.needed
def test_check_mode_says_so_and_changes_nothing(host: Host) -> None:
    host.space.run(f"ip route add blackhole {VIP6} proto 77")
    result = host(check=True, local=[VIP4])
    assert (result["changed"], result["added"], result["withdrawn"]) == (True, [VIP4], [VIP6])
    assert (result["diff"]["before"], result["diff"]["after"]) == (f"announced {VIP6} \n", f"local {VIP4} lo\n")
    assert host.local() == []


@namespace.needed
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"local_protocol": 4, "local": []}, "local_protocol is 4, must be 5 to 255"),
        ({"marker_protocol": 256, "local": []}, "marker_protocol is 256, must be 5 to 255"),
        ({"local": ["198.51.100.1/32"]}, "'198.51.100.1/32' does not appear to be an IPv4 or"),
        ({"local": [VIP4], "announced": ["www"]}, "'www' does not appear to be an IPv4 or"),
    ],
)
def test_bad_input_changes_nothing(host: Host, arguments: dict[str, Any], message: str) -> None:
    result = host(**arguments)
    assert result["failed"]
    assert result["msg"].startswith(message)
    assert host.local() == []


@namespace.needed
def test_what_the_kernel_refuses_is_an_error_and_all_others_are_done(host: Host) -> None:
    host.space.run(
        f"ip route add blackhole {VIP6} proto 77; ip route add local 198.51.100.7 dev lo proto 78 table local"
    )
    result = host(local=[VIP4], interface="nothing0")
    assert result["failed"]
    assert "ip refused a route" in result["msg"]
    assert (host.local(), host.markers()) == ([], [])
