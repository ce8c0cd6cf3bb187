# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, backends and certificates that do not fit together are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils.checks.services import (
    certificate_problem,
    service_problems,
)
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment

if TYPE_CHECKING:
    from pathlib import Path

WWW = "lb_services (www)"
NAME = "must be made of letters, digits, _ and -, at most 63 of them, and not begin with -"
DOTTED = "must be made of letters, digits, _, - and dots, at most 200 of them, and not begin with - or a dot"
TIME = "must be a time such as 10s or 5m: a number and ms, s, m, h or d, from 1ms to 2147483647ms"
PATH = (
    "letters, digits and -._~$&()*+,;=:@/, what else there is as % and two hexadecimal digits, at most 500 characters"
)


def problems(pem: Path, path: str = "", value: Any = None) -> list[str]:
    """Of a good deployment but for value, which is put where path leads."""
    lists = deployment.host(1, str(pem))
    names = ("services", "backends", "certificates")
    tree = {name: lists[f"loadbalancer_{name}"] for name in names}
    if path:
        deployment.put(tree, path, value)
    return service_problems("lb", *(tree[name] for name in names))


def test_right(pem: Path) -> None:
    assert problems(pem) == []


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("services.0.name", "w w", f"lb_services (w w).name is 'w w', {NAME}"),
        ("services.0.vips", [], f"{WWW}.vips is [], must have at least one VIP"),
        (
            "services.0.vips.1",
            "198.51.100.300",
            f"{WWW}.vips is '198.51.100.300', must be an IPv4 or IPv6 address without a prefix length",
        ),
        ("services.0.listeners", [], f"{WWW}.listeners is [], must have at least one listener"),
        (
            "services.0.listeners.0.port",
            65536,
            f"{WWW}.listeners.port is 65536, must be a number from 1 to 65535",
        ),
        (
            "services.0.listeners.1.certificates",
            [],
            f"{WWW}.listeners.certificates of port 443 is [], must name the certificates of https",
        ),
        (
            "services.0.listeners.1.redirect_to",
            "https",
            f"{WWW}.listeners.redirect_to of port 443 is 'https', must be on a listener of http",
        ),
        (
            "services.0.listeners.1.certificates",
            ["ww"],
            f"{WWW}.listeners.certificates is 'ww', must be one of lb_certificates: www",
        ),
        ("services.0.routes.0.path_prefix", "api", f"{WWW}.routes.path_prefix is 'api', must begin with /"),
        ("services.0.routes.0.backend", "ap", f"{WWW}.routes.backend is 'ap', must be one of lb_backends: web, api"),
        ("services.0.default_backend", "wbe", f"{WWW}.default_backend is 'wbe', must be one of lb_backends: web, api"),
        (
            "services.0.rate_limit.requests",
            0,
            f"{WWW}.rate_limit.requests is 0, must be a number from 1 to 4294967295",
        ),
        (
            "services.0.rate_limit.per",
            "often",
            f"{WWW}.rate_limit.per is 'often', {TIME}",
        ),
        ("services.0.rate_limit.per", 10, f"{WWW}.rate_limit.per is 10, {TIME}"),
        (
            "services.0.routes.0.path_prefix",
            "/api?x",
            f"{WWW}.routes.path_prefix is '/api?x', must be the path of a URL, without a query: {PATH}",
        ),
        ("backends.0.name", "we b", f"lb_backends (we b).name is 'we b', {NAME}"),
        (
            "backends.0.health_path",
            "/h\n    server evil 192.0.2.66:80",
            "lb_backends (web).health_path is '/h\\n    server evil 192.0.2.66:80', must be the path of a URL, with a "
            f"query or without: {PATH}",
        ),
        ("backends.0.port", 0, "lb_backends (web).port is 0, must be a number from 1 to 65535"),
        ("backends.0.health_path", "x", "lb_backends (web).health_path is 'x', must begin with /"),
        ("backends.0.servers", [], "lb_backends (web).servers is [], must have at least one backend"),
        (
            "backends.0.servers",
            [{"name": "b1", "address": "10.30.0.1"}] * 2,
            "lb_backends (web).servers: 'b1' is listed twice; it must be unique",
        ),
        (
            "backends.0.servers.0.address",
            "b1",
            "lb_backends (web).servers (b1).address is 'b1', must be an IPv4 or IPv6 address without a prefix length",
        ),
        (
            "backends.1.servers.0.port",
            70000,
            "lb_backends (api).servers (b1).port is 70000, must be a number from 1 to 65535",
        ),
        (
            "backends.0.servers.0.name",
            "b 1",
            f"lb_backends (web).servers (b 1).name is 'b 1', {DOTTED}",
        ),
        ("backends.1.name", "web", "lb_backends: 'web' is listed twice; it must be unique"),
        (
            "backends.0.tls",
            {"server_name": "10.0.0.1"},
            "lb_backends (web).tls.server_name is '10.0.0.1', must be a DNS name such as shop.example.com, in ASCII "
            "(xn--…)",
        ),
        (
            "backends.0.tls",
            {"server_name": "shop.internal", "ca": "ca.pem"},
            "lb_backends (web).tls.ca is 'ca.pem', must be an absolute path: begin it with {{ inventory_dir }}",
        ),
        ("certificates.0.name", "../x", f"lb_certificates (../x).name is '../x', {DOTTED}"),
        (
            "certificates.0.domains",
            ["*.example.com", "x}y"],
            "lb_certificates (www).domains is 'x}y', must be a DNS name such as www.example.com or *.example.com, in "
            "ASCII (xn--…)",
        ),
    ],
)
def test_wrong(pem: Path, path: str, value: Any, line: str) -> None:
    assert line in problems(pem, path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services.0.rate_limit", None),
        ("services.0.routes", None),
        ("backends.0.health_path", None),
        ("backends.0.tls", None),
        ("backends.0.tls", {"server_name": "shop.internal", "ca": None}),
        ("backends.0.tls", {"server_name": "shop.internal", "ca": "/etc/ca.pem"}),
        ("backends.0.health_path", "/health?full=1"),
        ("backends.0.servers.0.name", "app1.example.com"),
        ("services.0.routes.0.path_prefix", "/caf%C3%A9"),
        ("certificates.0.domains", ["*.example.com", "xn--bcher-kva.example"]),
    ],
)
def test_also_right(pem: Path, path: str, value: Any) -> None:
    assert problems(pem, path, value) == []


@pytest.mark.parametrize("name", ["services", "certificates"])
def test_a_name_is_there_once(pem: Path, name: str) -> None:
    entry = deployment.host(1, str(pem))[f"loadbalancer_{name}"][0]
    assert f"lb_{name}: 'www' is listed twice; it must be unique" in problems(pem, name, [entry, entry])


def test_a_certificate_may_be_given_as_text(pem: Path) -> None:
    assert certificate_problem("it", {"name": "www", "pem": pem.read_text(encoding="ascii")}) == []


def test_a_certificate_is_given_once(pem: Path) -> None:
    assert certificate_problem("it", {"name": "www"}) == ["it has neither file nor pem, must have one of them"]
    assert certificate_problem("it", {"name": "www", "file": str(pem), "pem": "x"}) == [
        "it has both file and pem, must have one of them"
    ]
    assert certificate_problem("it", {"name": "www", "file": str(pem), "pem": None}) == []


def test_the_path_of_a_certificate_is_the_same_from_everywhere() -> None:
    assert certificate_problem("it", {"name": "www", "file": "www.pem"}) == [
        "it.file is 'www.pem', must be an absolute path: begin it with {{ inventory_dir }}"
    ]
