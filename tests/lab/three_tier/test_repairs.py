# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of site.yml puts right what is not as it should be, and does not break what works."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.conftest import changed_hosts, told

REAL_SERVER = "-t 198.51.100.2:80 -r 10.20.0.31:80"


def test_what_somebody_changed_by_hand_is_predicted_seen_and_put_right(playbook: Any, node: Any, groups: Any) -> None:
    """VIPs, kernel parameters, announcements, FRR's running configuration, and the order of a director's table."""
    first, second, switch = groups["proxies"][0], groups["proxies"][1], "r2"
    announcer = "d2"
    touched = {first, second, announcer, switch}
    node(first).check_output("ip route add local 198.51.100.77/32 dev lo proto 78 table local")
    node(second).check_output("ip route del local 2001:db8:100::1/128 dev lo proto 78 table local")
    node(second).check_output("sysctl -qw net.ipv4.conf.all.arp_ignore=0")
    # as after a run that wrote a file, and whose reload was lost because another host failed
    node(first).check_output("touch /etc/haproxy/haproxy.cfg")
    node(announcer).check_output("touch /etc/keepalived/conf.d/ipvs-maglev.conf /etc/vip-gate.json")
    reloads = "journalctl -o cat -b -u haproxy | grep -c Reloaded; true"
    before = int(node(first).check_output(reloads))
    node(announcer).check_output("ip route add blackhole 198.51.100.78/32 proto 77")
    node(switch).check_output("vtysh -c 'conf t' -c 'router bgp 65012' -c 'timers bgp 5 20'")
    node(announcer).check_output(f"ipvsadm -d {REAL_SERVER} && ipvsadm -a {REAL_SERVER} -g -w 1")
    found = playbook("playbooks/verify.yml", "-e", "loadbalancer_verify_retries=1")
    assert found.returncode != 0
    assert f"{announcer}: agreement of directors: expected the tables of d1" in found.stdout
    assert "order: place 1 in the kernel's list is 10.20.0.33:80 on d1, 10.20.0.31:80 on d2" in found.stdout

    predicted = playbook("site.yml", "--check", "--diff", mitogen=True)
    assert changed_hosts(predicted.stdout) == touched, told(predicted.stdout)

    result = playbook("site.yml", mitogen=True)
    assert result.returncode == 0, told(result.stdout)
    assert changed_hosts(result.stdout) == touched, told(result.stdout)
    assert "198.51.100.77" not in node(first).check_output("ip route show table local proto 78")
    assert "2001:db8:100::1" in node(second).check_output("ip -6 route show table local proto 78")
    assert node(second).sysctl("net.ipv4.conf.all.arp_ignore") == 1
    assert int(node(first).check_output(reloads)) == before + 1
    assert "198.51.100.78" not in node(announcer).check_output("vip-announce status")
    assert "timers bgp" not in node(switch).check_output("vtysh -c 'show running-config'")
    verified = playbook("playbooks/verify.yml")
    assert verified.returncode == 0, told(verified.stdout)


def test_a_configuration_that_haproxy_refuses_does_not_replace_the_working_one(
    playbook: Any, node: Any, inventory: Any, groups: Any
) -> None:
    """What is wrong is on the host, where only HAProxy sees it: the system's authorities are not there."""
    name = groups["proxies"][0]
    proxy = node(name)
    before = proxy.file("/etc/haproxy/haproxy.cfg").content_string
    backends = json.loads(json.dumps(inventory["_meta"]["hostvars"][name]["loadbalancer_backends"]))
    backends[0]["tls"] = {"server_name": "web.internal"}
    proxy.check_output("mv /etc/ssl/certs/ca-certificates.crt /root/")
    try:
        extra = json.dumps({"loadbalancer_backends": backends})
        result = playbook("site.yml", "-e", extra, "--limit", name, mitogen=True)
    finally:
        proxy.check_output("mv /root/ca-certificates.crt /etc/ssl/certs/")
    assert result.returncode != 0
    assert "/etc/haproxy/haproxy.cfg stays as it is: 'haproxy -c -f %s' refuses the new one" in result.stdout
    assert "ca-certificates.crt" in result.stdout, told(result.stdout)
    assert proxy.file("/etc/haproxy/haproxy.cfg").content_string == before
    assert proxy.check_output("systemctl is-active haproxy") == "active"
