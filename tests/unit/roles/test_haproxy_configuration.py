# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's configuration says what the inventory says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support import deployment, haproxy


def configuration(path: str = "", value: Any = None, **own: Any) -> str:
    """Of a small deployment but for value, which is put where path leads."""
    shared = deployment.host(1)
    if path:
        deployment.put(shared, f"loadbalancer_{path}", value)
    return haproxy.rendered("haproxy.cfg.j2", shared, **own)


def test_paths_are_quoted_so_that_nothing_in_them_means_anything_to_haproxy() -> None:
    text = configuration("services.0.routes.0.path_prefix", "/$HOME/(a),b/")
    assert "    use_backend api if { path '/$HOME/(a),b' } || { path_beg '/$HOME/(a),b/' }\n" in text
    assert "uri '/h$X?a=b' ver" in configuration("backends.0.health_path", "/h$X?a=b")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("services.0.rate_limit", ""),
        ("services.0.routes", ""),
        ("services.0.listeners.0.redirect_to", "    default_backend web\n"),
        ("backends.0.health_path", "uri '/' ver"),
        ("backends.0.balance", "    balance leastconn\n"),
        ("backends.1.servers.0.port", "    server b1 2001:db8:30::41:8081\n"),
    ],
)
def test_what_is_null_is_as_if_it_were_not_there(path: str, line: str) -> None:
    text = configuration(path, None)
    assert line in text
    assert "None" not in text


@pytest.mark.parametrize("text", ["false", "no"])
def test_a_boolean_given_as_text_means_what_it_says(text: str) -> None:
    assert "send-proxy" not in configuration("backends.0.send_proxy", text)
    assert "\nexcluded" not in haproxy.rendered("node-state.lst.j2", deployment.host(1), excluded=text)
    assert "\nexcluded" in haproxy.rendered("node-state.lst.j2", deployment.host(1), excluded="true")


@pytest.mark.parametrize(
    ("tls", "ca"),
    [
        ({"server_name": "shop.internal"}, "ca-certificates.crt"),
        ({"server_name": "shop.internal", "ca": "/here/ca.pem"}, "/etc/haproxy/authorities/web.pem"),
    ],
)
def test_the_name_of_a_backend_is_asked_for_and_checked_also_by_health_checks(tls: dict[str, str], ca: str) -> None:
    text = configuration("backends.0.tls", tls)
    pool = text.split("\nbackend web\n")[1].split("\nbackend api\n")[0]
    assert (
        f" ssl verify required ca-file {ca} sni str(shop.internal) check-sni shop.internal verifyhost shop.internal\n"
        in pool
    )
    assert "hdr Host shop.internal\n" in pool
    assert " ssl " not in text.split("backend api\n")[1]


def many(count: int) -> dict[str, Any]:
    """A deployment whose listener has that many certificates, and a few more that no listener has."""
    shared = deployment.host(1)
    names = [f"c{number}.example.com" for number in range(count)]
    shared["loadbalancer_services"][0]["listeners"][1]["certificates"] = names
    shared["loadbalancer_certificates"] = [{"name": name, "pem": f"{name}\n"} for name in (*names, "unused")]
    return shared


def test_no_line_has_more_words_than_haproxy_reads() -> None:
    text = haproxy.rendered("haproxy.cfg.j2", many(500))
    assert max(len(line.split()) for line in text.splitlines()) < 64
    assert text.count(" ssl crt-list /etc/haproxy/certificate-lists/www_443.list alpn h2,http/1.1\n") == 2
    assert " ssl crt-list /etc/haproxy/certificate-lists/healthcheck.list\n" in text


def test_a_listener_has_its_certificates_in_their_order_and_the_health_check_has_all() -> None:
    files = {entry["path"]: entry for entry in haproxy.value("haproxy_l7_tls_files", many(2))}
    paths = [f"/etc/haproxy/certificates/{name}.pem\n" for name in ("c0.example.com", "c1.example.com", "unused")]
    assert files["/etc/haproxy/certificate-lists/www_443.list"]["content"] == "".join(paths[:2])
    assert files["/etc/haproxy/certificate-lists/healthcheck.list"]["content"] == "".join(paths)
    assert files["/etc/haproxy/certificates/unused.pem"]["secret_content"] == "unused\n"
    assert "/etc/haproxy/certificate-lists/www_80.list" not in files


def test_keys_are_roots_only() -> None:
    for entry in haproxy.value("haproxy_l7_tls_files", many(2))[:4]:
        assert (entry["owner"], entry["group"], entry["mode"]) == ("root", "root", entry["mode"])
        assert entry["mode"] == ("0600" if "secret_content" in entry else "0700")


def test_directories_hold_what_is_written_into_them_and_nothing_else(tmp_path: Path) -> None:
    shared = many(2)
    (tmp_path / "ca.pem").write_text("authorities\n")
    shared["loadbalancer_backends"][1]["tls"] = {"server_name": "shop.internal", "ca": f"{tmp_path}/ca.pem"}
    written = [entry["path"] for entry in haproxy.value("haproxy_l7_tls_files", shared)]
    directories = haproxy.value("haproxy_l7_tls_directories", shared)
    held = [path for entry in directories for path in (entry["path"], *(f"{entry['path']}/{n}" for n in entry["only"]))]
    assert written == held
    assert held[-1] == "/etc/haproxy/authorities/api.pem"


def test_a_rate_is_that_of_an_address_or_of_an_ipv6_network() -> None:
    assert configuration().count("    http-request track-sc0 src,ipmask(32,64)\n") == 2


def test_clients_cannot_take_all_connections() -> None:
    text = configuration(maxconn="30000")
    assert text.count("\n    maxconn 30000\n") == 2  # a listener
    assert "\n    maxconn 31000\n" in text.split("\ndefaults\n")[0]
    assert "\n    maxconn 500\n" in text.split("\nfrontend healthcheck\n")[1].split("\nbackend ")[0]
