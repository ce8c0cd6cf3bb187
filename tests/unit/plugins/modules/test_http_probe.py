# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""http_probe says what came back, or why nothing did."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.modules import http_probe
from ansible_collections.multitier.loadbalancer.tests.unit.support.modules import ModuleRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the paths say; elsewhere with the host name that was asked for."""

    def do_GET(self) -> None:
        if self.path == "/broken":
            self.connection.close()
            return
        self.send_response({"/moved": 301, "/none": 503}.get(self.path, 200))
        if self.path == "/moved":
            self.send_header("Location", "https://www.example.com/moved")
        self.end_headers()
        self.wfile.write(b"x" * 5000 if self.path == "/long" else self.headers["Host"].encode())

    def log_message(self, *arguments: Any) -> None:
        """Quietly."""


class SixServer(http.server.ThreadingHTTPServer):
    """The same on IPv6."""

    address_family = socket.AF_INET6


def serve(server: http.server.HTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def plain() -> Iterator[int]:
    yield from serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture
def six() -> Iterator[int]:
    yield from serve(SixServer(("::1", 0), Handler))


@pytest.fixture
def names() -> list[str | None]:
    """Server names that clients indicated."""
    return []


@pytest.fixture
def tls(pem: Path, names: list[str | None]) -> Iterator[int]:
    """HTTPS with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serve(server)


@pytest.fixture
def silent() -> Iterator[int]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    return ModuleRunner(http_probe.main, capsys)


def ask(run: ModuleRunner, port: int, address: str = "127.0.0.1", **request: Any) -> dict[str, Any]:
    """The answer to one request."""
    result = run(check=True, requests=[{"address": address, "port": port, **request}], timeout=2)
    assert result["changed"] is False
    (answer,) = result["answers"]
    return dict(answer)


def test_http(run: ModuleRunner, plain: int) -> None:
    answer = ask(run, plain)
    assert (answer["status"], answer["body"], answer["error"]) == (200, "127.0.0.1", "")
    assert answer["local_port"] > 0


def test_the_host_name_that_was_asked_for(run: ModuleRunner, plain: int) -> None:
    assert ask(run, plain, host="www.example.com")["body"] == "www.example.com"


def test_ipv6_is_in_brackets(run: ModuleRunner, six: int) -> None:
    assert ask(run, six, address="::1")["body"] == "[::1]"


def test_a_redirect_is_shown_and_not_followed(run: ModuleRunner, plain: int) -> None:
    answer = ask(run, plain, path="/moved")
    assert (answer["status"], answer["location"]) == (301, "https://www.example.com/moved")


def test_an_error_of_the_server_is_an_answer(run: ModuleRunner, plain: int) -> None:
    assert ask(run, plain, path="/none")["status"] == 503


def test_a_long_body_is_cut(run: ModuleRunner, plain: int) -> None:
    assert len(ask(run, plain, path="/long")["body"]) == 4096


def test_https_with_any_certificate(run: ModuleRunner, tls: int, names: list[str | None]) -> None:
    assert ask(run, tls, protocol="https", host="www.example.com")["status"] == 200
    assert names == ["www.example.com"]


def test_https_where_plain_http_is_spoken(run: ModuleRunner, plain: int) -> None:
    answer = ask(run, plain, protocol="https")
    assert answer["status"] is None
    assert answer["error"].startswith("SSLError: ")


def test_a_refused_connection(run: ModuleRunner, closed: int) -> None:
    answer = ask(run, closed)
    assert (answer["status"], answer["local_port"]) == (None, None)
    assert answer["error"].startswith("ConnectionRefusedError: ")


def test_no_answer_in_time(run: ModuleRunner, silent: int) -> None:
    result = run(requests=[{"address": "127.0.0.1", "port": silent}], timeout=0.2)
    assert result["answers"][0]["error"].startswith("TimeoutError: ")


def test_a_connection_that_is_closed_without_an_answer(run: ModuleRunner, plain: int) -> None:
    assert ask(run, plain, path="/broken")["error"].startswith(("RemoteDisconnected: ", "ConnectionResetError: "))


def test_answers_are_in_the_order_of_the_requests(run: ModuleRunner, plain: int, closed: int) -> None:
    requests = [{"address": "127.0.0.1", "port": port} for port in (closed, plain, closed)]
    assert [answer["status"] for answer in run(requests=requests)["answers"]] == [None, 200, None]
