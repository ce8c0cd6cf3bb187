# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real HAProxy does with what the role writes."""

from __future__ import annotations

import http.client
import http.server
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.tests.unit.support.haproxy_process import (
    Process,
    free_port,
    needs_haproxy,
    wait_for,
)

pytestmark = needs_haproxy


class Application(http.server.ThreadingHTTPServer):
    """A backend; with a certificate, over TLS. It keeps what it was asked and what name clients asked for."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Answer)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.names: list[str | None] = []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses our certificate is what a test wants."""

    @property
    def requests(self) -> list[tuple[str, dict[str, str]]]:
        """Without health checks."""
        return [(path, headers) for path, headers in self.asked if path != "/health"]


class Answer(http.server.BaseHTTPRequestHandler):
    """Says 200."""

    server: Application

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


def get(port: int, path: str = "/", headers: dict[str, str] | None = None, source: str = "127.0.0.1") -> int:
    """The status that a client gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(source, 0))
    connection.request("GET", path, headers=headers or {})
    return connection.getresponse().status


def shared(port: int, servers: list[tuple[str, int]], **pool: Any) -> dict[str, Any]:
    """One service in clear text on loopback, with one pool of these servers."""
    return {
        "loadbalancer_services": [
            {
                "name": "www",
                "vips": ["127.0.0.1"],
                "listeners": [{"port": port, "protocol": "http"}],
                "default_backend": "web",
            }
        ],
        "loadbalancer_backends": [
            {
                "name": "web",
                "port": 1,
                "health_path": "/health",
                "servers": [{"name": name, "address": "127.0.0.1", "port": at} for name, at in servers],
                **pool,
            }
        ],
        "loadbalancer_certificates": [],
    }


def own() -> dict[str, Any]:
    """The role's own variables on loopback."""
    ports = {"health_port": free_port(), "health_tls_port": free_port()}
    return {"health_addresses": ["127.0.0.1"], "maxconn": 200, **ports}


def openssl(*arguments: Any) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority, ca.pem and ca.key."""
    path = tmp_path_factory.mktemp("authority")
    openssl("req", "-x509", *EC, "-subj", "/CN=ca", "-keyout", path / "ca.key", "-out", path / "ca.pem")
    return path


def signed(authority: Path, name: str) -> Path:
    """A certificate for a name, with its key, signed by the authority."""
    key, request, path = (authority / f"{name}.{part}" for part in ("key", "csr", "pem"))
    (authority / "ext").write_text(f"subjectAltName=DNS:{name}\n")
    openssl("req", "-new", *EC, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    openssl(
        "x509", "-req", "-in", request, "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial",
        "-extfile", authority / "ext", "-out", path,
    )  # fmt: skip
    path.write_text(path.read_text() + key.read_text())
    return path


def test_a_backend_with_a_certificate_for_another_name_gets_nothing(authority: Path, tmp_path: Path) -> None:
    """Signed by the same authority; the right one is asked by its name, by health checks too."""
    right, wrong = (Application(signed(authority, name)) for name in ("shop.internal", "evil.example"))
    port = free_port()
    tls = {"server_name": "shop.internal", "ca": str(authority / "ca.pem")}
    servers = [("right", right.server_port), ("wrong", wrong.server_port)]
    with Process(tmp_path, shared(port, servers, tls=tls, balance="roundrobin"), **own()).running() as haproxy:
        assert {get(port, "/early") for _try in range(4)} <= {200, 503}  # until it is known to be down
        wait_for(lambda: haproxy.status()["web/wrong"] == "DOWN")
        assert haproxy.status()["web/right"] == "UP"
        checks = len(right.asked) - len(right.requests)
        wait_for(lambda: len(right.asked) - len(right.requests) > checks)
        assert {get(port, "/late") for _try in range(10)} == {200}
    assert wrong.asked == []
    assert len(right.requests) > 10
    assert set(right.names) == set(wrong.names) == {"shop.internal"}


def test_an_authority_that_nobody_trusts(authority: Path, tmp_path: Path) -> None:
    """Without a file of one's own, the system's authorities are asked."""
    application = Application(signed(authority, "shop.internal"))
    port = free_port()
    services = shared(port, [("b1", application.server_port)], tls={"server_name": "shop.internal"})
    with Process(tmp_path, services, **own()).running() as haproxy:
        wait_for(lambda: haproxy.status()["web/b1"] == "DOWN")
        assert get(port) == 503
    assert application.asked == []
