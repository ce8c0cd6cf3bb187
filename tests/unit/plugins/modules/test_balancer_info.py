# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""balancer_info reads what FRR 8, iproute2 6.1 and HAProxy 2.6 print; recorded/ is from a running lab."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import balancer_info
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parent / "recorded"
VTYSH = (RECORDED / "vtysh.json").read_text(encoding="utf-8")
STAT = (RECORDED / "haproxy_stat.csv").read_text(encoding="utf-8")

ROUTE = (
    '[{"dst":"198.51.100.1","metric":20,"flags":[],"nexthops":[{"gateway":"10.20.0.22","dev":"eth2","weight":1,"flags":[]'
    '},{"gateway":"10.20.0.21","dev":"eth2","weight":1,"flags":[]}]}]'
)
DEFAULT6 = '[{"dst":"default","gateway":"2001:db8:20::11","dev":"eth1","metric":20,"flags":[],"pref":"medium"}]'
LOCAL = '[{"type":"local","dst":"198.51.100.1","dev":"lo","scope":"host","flags":[]}]'
MARKER6 = '[{"type":"blackhole","dst":"2001:db8:100::1","dev":"lo","metric":1024,"flags":[],"pref":"medium"}]'

ADDRESSES = '[{"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},{"ifname":"eth1"}]'

IP = f"""#!/bin/sh
case "$*" in
    "-json -4 route show proto bgp") echo '{ROUTE}';;
    "-json -6 route show proto bgp") echo '{DEFAULT6}';;
    "-json -4 route show table local proto 78") echo '{LOCAL}';;
    "-json -6 route show table local proto 78") echo '[]';;
    "-json -4 route show proto 77 type blackhole") ;;
    "-json -6 route show proto 77 type blackhole") echo '{MARKER6}';;
    "-json address show") echo '{ADDRESSES}';;
    *) echo "unexpected: $*" >&2; exit 1;;
esac
"""


def program(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    """The module, where ip is a stand-in and vtysh is not there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "ip", IP)
    return ModuleRunner(balancer_info.main, capsys)


@pytest.fixture
def haproxy(tmp_path: Path) -> Iterator[str]:
    """Path of a socket that answers as HAProxy does, once."""
    path = str(tmp_path / "admin.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        server.settimeout(10)
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        yield path
        thread.join()


def answer(server: socket.socket) -> None:
    connection, dummy = server.accept()
    with connection:
        assert connection.recv(100) == b"show stat\n"
        connection.sendall(STAT.encode())


def test_sessions_of_both_families_are_read() -> None:
    """Director d1 had just lost its power."""
    summary, peers = balancer_info.documents(VTYSH)
    states = {peer["peer"]: peer["status"] for peer in peers}
    assert balancer_info.bgp_states(summary) == {
        "10.20.0.21": "Connect",
        "10.20.0.22": "Established",
        "2001:db8:20::21": "Connect",
        "2001:db8:20::22": "Established",
    }
    assert states == {"10.20.0.21": "down", "10.20.0.22": "up", "2001:db8:20::21": "down", "2001:db8:20::22": "up"}


def test_no_sessions_at_all() -> None:
    summary, peers = balancer_info.documents("{}\n[]\n")
    assert (balancer_info.bgp_states(summary), peers) == ({}, [])


def test_next_hops_are_sorted_and_the_dead_left_out() -> None:
    hops = [{"gateway": f"10.20.0.{n}", "flags": flags} for n, flags in ((23, []), (22, ["dead"]), (21, ["linkdown"]))]
    routes = [{"dst": "198.51.100.1", "nexthops": [*hops, {"gateway": "10.20.0.20", "flags": []}]}]
    assert balancer_info.next_hops(routes, "0.0.0.0/0") == {"198.51.100.1": ["10.20.0.20", "10.20.0.23"]}


def test_a_next_hop_of_another_family_is_read() -> None:
    routes = [{"dst": "198.51.100.1", "via": {"family": "inet6", "host": "fe80::1"}, "flags": []}]
    assert balancer_info.next_hops(routes, "0.0.0.0/0") == {"198.51.100.1": ["fe80::1"]}


def test_a_route_that_is_there_once_for_each_next_hop() -> None:
    """So old kernels list IPv6."""
    routes = [{"dst": "default", "gateway": f"2001:db8::{n}", "flags": []} for n in (2, 1)]
    assert balancer_info.next_hops(routes, "::/0") == {"::/0": ["2001:db8::1", "2001:db8::2"]}


def test_haproxys_servers_are_read() -> None:
    assert balancer_info.server_states(STAT) == {"web": {"b1": "UP", "b2": "UP"}, "api": {"b1": "UP", "b2": "UP"}}


def test_all_of_it(run: ModuleRunner, tmp_path: Path, haproxy: str) -> None:
    program(tmp_path, "vtysh", f"#!/bin/sh\ncat {RECORDED / 'vtysh.json'}\n")
    result = run(check=True, haproxy_socket=haproxy, sysctls=["kernel.ostype", "net.no.such"])
    assert result["changed"] is False
    assert result["bgp"]["10.20.0.22"] == "Established"
    assert result["addresses"] == ["127.0.0.1"]
    assert result["bfd"]["2001:db8:20::22"] == "up"
    assert result["routes"] == {"198.51.100.1": ["10.20.0.21", "10.20.0.22"], "::/0": ["2001:db8:20::11"]}
    assert result["local_vips"] == ["198.51.100.1"]
    assert result["announced_vips"] == ["2001:db8:100::1"]
    assert result["sysctls"] == {"kernel.ostype": "Linux", "net.no.such": None}
    assert result["haproxy"]["web"] == {"b1": "UP", "b2": "UP"}


@pytest.mark.parametrize("vtysh", ["", "#!/bin/sh\necho 'Exiting: failed to connect to any daemons.' >&2; exit 1\n"])
def test_what_does_not_run_is_empty(run: ModuleRunner, tmp_path: Path, vtysh: str) -> None:
    if vtysh:
        program(tmp_path, "vtysh", vtysh)
    result = run(haproxy_socket=str(tmp_path / "none"))
    assert (result["bgp"], result["bfd"], result["haproxy"]) == ({}, {}, {})


def test_a_socket_where_nobody_listens_any_more(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    assert balancer_info.ask_haproxy(str(path)) == ""
