# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directors ask proxies where these answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment
from ansible_collections.multitier.loadbalancer.tests.unit.support.templates import load, render

from tools.role_specs import ROOT


@pytest.mark.parametrize(
    ("ports", "asked"),
    [({}, [8090, 8453]), ({"haproxy_l7_health_port": 9090, "haproxy_l7_health_tls_port": 9443}, [9090, 9443])],
)
def test_the_ports_that_proxies_have_are_those_that_directors_ask(ports: dict[str, int], asked: list[int]) -> None:
    (given,) = [
        task["vars"]
        for play in load(ROOT / "playbooks/three_tier.yml")
        for task in play["tasks"]
        if "ipvs_maglev_services" in task.get("vars", {})
    ]
    hosts = deployment.deployment("")
    hosts["p1"] |= ports
    variables: dict[str, Any] = {**hosts["d1"], **given, "groups": deployment.GROUPS, "hostvars": hosts}
    (service,) = render(given["ipvs_maglev_services"], variables)
    assert [listener["check"]["port"] for listener in service["listeners"]] == asked
