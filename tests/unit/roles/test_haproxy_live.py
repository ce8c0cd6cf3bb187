# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real HAProxy does with what the role writes."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
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

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
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


def served(port: int, name: str | None) -> str:
    """The name in the certificate that a client gets who asks for this name."""
    asked = ["-servername", name] if name else ["-noservername"]
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *asked]
    shown = subprocess.run(command, input=b"", capture_output=True, check=False).stdout
    return subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline"], input=shown, capture_output=True, check=True
    ).stdout.decode().split(" = ")[-1].strip()  # fmt: skip


def https(port: int, application: Application, certificates: dict[str, str]) -> dict[str, Any]:
    """One service over TLS, with all these certificates."""
    services = shared(port, [("b1", application.server_port)])
    listener = {"port": port, "protocol": "https", "certificates": list(certificates)}
    services["loadbalancer_services"][0]["listeners"] = [listener]
    services["loadbalancer_certificates"] = [{"name": name, "pem": pem} for name, pem in certificates.items()]
    return services


def test_a_listener_with_hundreds_of_certificates_serves_each_and_the_first_by_default(
    authority: Path, tmp_path: Path
) -> None:
    certificates = {}
    for number in (0, 1, 2):  # the rest are copies of these, since making one takes a while
        certificates[f"c{number}.example"] = signed(authority, f"c{number}.example").read_text()
    certificates |= {f"copy{number}": certificates["c2.example"] for number in range(500)}
    port, variables = free_port(), own()
    haproxy = Process(tmp_path, https(port, Application(), certificates), **variables)
    checked = haproxy.check()
    assert (checked.returncode, checked.stderr) == (0, "")
    with haproxy.running():
        for asked in (port, variables["health_tls_port"]):
            names = [served(asked, name) for name in ("c1.example", "c2.example", "other.example", None)]
            assert names == ["c1.example", "c2.example", "c0.example", "c0.example"]


def test_keys_of_root_are_read_again_at_a_reload_and_a_removed_one_is_not_missed(
    authority: Path, tmp_path: Path
) -> None:
    pems = {name: signed(authority, name).read_text() for name in ("old.example", "new.example")}
    port, variables = free_port(), own()
    application = Application()
    haproxy = Process(tmp_path, https(port, application, {"old": pems["old.example"]}), **variables)
    with haproxy.running():
        assert served(port, None) == "old.example"
        haproxy.write(https(port, application, {"new": pems["new.example"]}), **variables)
        haproxy.reload()
        (tmp_path / "etc/certificates/old.pem").unlink()
        wait_for(lambda: served(port, None) == "new.example")
        haproxy.reload()
        assert served(port, None) == "new.example"
        assert (tmp_path / "etc/certificates").stat().st_mode & 0o777 == 0o700


def test_a_service_is_healthy_while_each_of_its_pools_is(tmp_path: Path) -> None:
    port, variables = free_port(), own()
    web, api = Application(), Application()
    services = shared(port, [("b1", web.server_port)])
    services["loadbalancer_services"][0]["routes"] = [{"path_prefix": "/api", "backend": "api"}]
    (pool,) = services["loadbalancer_backends"]
    servers = [{"name": "b1", "address": "127.0.0.1", "port": api.server_port}]
    services["loadbalancer_backends"] = [pool, {**pool, "name": "api", "servers": servers}]
    with Process(tmp_path, services, **variables).running() as haproxy:
        for path in ("/healthcheck", "/healthcheck/www"):
            assert get(variables["health_port"], path) == 200
        api.shutdown()
        api.server_close()
        wait_for(lambda: haproxy.status()["api/b1"] == "DOWN")
        for path in ("/healthcheck", "/healthcheck/www"):
            assert get(variables["health_port"], path) == 503


def test_a_backend_gets_no_header_in_which_a_client_claims_who_it_is(tmp_path: Path) -> None:
    application, port = Application(), free_port()
    claimed = ("x-forwarded-FOR", "X_Forwarded_For", "Forwarded", "X-Forwarded-Host", "X-Real-IP", "Proxy")
    with Process(tmp_path, shared(port, [("b1", application.server_port)]), **own()).running():
        assert get(port, "/", {**dict.fromkeys(claimed, "192.0.2.99"), "X-Mine": "stays"}) == 200
    ((_path, headers),) = application.requests
    assert {name: value for name, value in headers.items() if name not in ("host", "accept-encoding")} == {
        "x-mine": "stays",
        "x-forwarded-proto": "http",
        "x-forwarded-for": "127.0.0.1",
    }


def test_a_client_that_asks_too_much_is_told_so(tmp_path: Path) -> None:
    application, port = Application(), free_port()
    services = shared(port, [("b1", application.server_port)])
    services["loadbalancer_services"][0]["rate_limit"] = {"requests": 3, "per": "1m"}
    with Process(tmp_path, services, **own()).running():
        assert [get(port) for _try in range(4)] == [200, 200, 200, 429]
        assert get(port, source="127.0.0.2") == 200


def test_health_checks_are_answered_while_clients_hold_all_connections(tmp_path: Path) -> None:
    """Requests whose bodies never end, on two listeners."""
    application, ports, variables = Application(), (free_port(), free_port()), own()
    services = shared(ports[0], [("b1", application.server_port)])
    services["loadbalancer_services"][0]["listeners"].append({"port": ports[1], "protocol": "http"})
    request = b"POST / HTTP/1.1\r\nHost: www\r\nContent-Length: 1000\r\n\r\nx"
    few = {**variables, "maxconn": 20}
    with Process(tmp_path, services, **few).running() as haproxy, contextlib.ExitStack() as held:
        for number in range(60):
            with contextlib.suppress(ConnectionError):
                address = ("127.0.0.1", ports[number % 2])
                client = held.enter_context(socket.create_connection(address, 5))
                client.sendall(request)
        for _try in range(10):
            assert get(variables["health_port"], "/healthcheck/www") == 200
        wait_for(lambda: " conn_cur=20" in haproxy.ask("show table clients.all"))


def test_nothing_but_a_path_is_read_out_of_a_path(tmp_path: Path) -> None:
    application, port = Application(), free_port()
    services = shared(port, [("b1", application.server_port)])
    prefix = "/$HOME/%C3%A9;(a),~b&c=d+e:@"
    services["loadbalancer_services"][0]["routes"] = [{"path_prefix": prefix, "backend": "none"}]
    (pool,) = services["loadbalancer_backends"]
    nobody = [{"name": "b1", "address": "127.0.0.1", "port": free_port()}]
    services["loadbalancer_backends"] = [
        {**pool, "health_path": "/health?a=$HOME&b=%20"},
        {**pool, "name": "none", "servers": nobody},
    ]
    with Process(tmp_path, services, **own()).running() as haproxy:
        wait_for(lambda: haproxy.status()["none/b1"] == "DOWN")
        assert [get(port, path) for path in (prefix, f"{prefix}/x", f"{prefix}x", "/")] == [503, 503, 200, 200]
        wait_for(lambda: "/health?a=$HOME&b=%20" in [path for path, _headers in application.asked])
