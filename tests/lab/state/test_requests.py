# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of the deployment gets, over IPv4 and IPv6."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import get, get_many

CLIENT = {"ipv4": "203.0.113.51", "ipv6": "2001:db8:10::51"}
WWW = {"ipv4": "198.51.100.1", "ipv6": "[2001:db8:100::1]"}
PLAIN = {"ipv4": "198.51.100.2", "ipv6": "[2001:db8:100::2]"}
FAMILIES = ("ipv4", "ipv6")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "path, pool", [("/", "web"), ("/api", "api"), ("/api/v1", "api"), ("/apix", "web"), ("/x/api", "web")]
)
def test_a_path_leads_to_its_pool(client: Any, family: Any, path: Any, pool: Any) -> None:
    assert get(client, f"https://{WWW[family]}{path}")["application"] == pool


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme, vips", [("http", PLAIN), ("https", WWW)])
def test_the_backend_sees_the_clients_address_and_the_scheme(client: Any, family: Any, scheme: Any, vips: Any) -> None:
    answer = get(client, f"{scheme}://{vips[family]}/")
    assert (answer["x_forwarded_for"], answer["x_forwarded_proto"]) == (CLIENT[family], scheme)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pool_that_asks_for_it_gets_the_clients_address_by_proxy_protocol(client: Any, family: Any) -> None:
    assert get(client, f"http://{PLAIN[family]}/api")["proxy_protocol_address"] == CLIENT[family]


def test_what_a_client_claims_about_itself_is_dropped(client: Any) -> None:
    answer = get(
        client, f"http://{PLAIN['ipv4']}/", "-H", "X-Forwarded-For: 192.0.2.99", "-H", "X-Forwarded-Proto: ftp"
    )
    assert (answer["x_forwarded_for"], answer["x_forwarded_proto"]) == (CLIENT["ipv4"], "http")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_listener_that_should_redirect_does(client: Any, family: Any) -> None:
    location = client.check_output(f"curl -sgm5 -o /dev/null -w '%{{redirect_url}}' 'http://{WWW[family]}/a?b=c'")
    assert location == f"https://{WWW[family]}/a?b=c"


def test_tls_ends_with_the_services_certificate_and_speaks_http_2(client: Any) -> None:
    said = client.check_output(f"curl -skm5 -o /dev/null -w '%{{http_version}}' --http2 https://{WWW['ipv4']}/")
    subject = client.check_output(
        f"echo | openssl s_client -connect {WWW['ipv4']}:443 2>/dev/null | openssl x509 -noout -subject"
    )
    assert (said, subject) == ("2", "subject=CN = www.example.com")


def test_old_tls_is_refused(client: Any) -> None:
    command = f"curl -skm5 --tls-max 1.1 --ciphers 'DEFAULT@SECLEVEL=0' -o /dev/null https://{WWW['ipv4']}/"
    assert client.run(command).rc == 35  # the handshake failed


@pytest.mark.parametrize("family", FAMILIES)
def test_connections_spread_over_all_proxies(client: Any, groups: Any, family: Any) -> None:
    """40 source ports and at most three proxies: the odds that one is left out by chance are under one in a million."""
    seen = {answer["remote_address"] for answer in get_many(client, f"http://{PLAIN[family]}/", 40)}
    assert len(seen) == len(groups["proxies"]), seen
