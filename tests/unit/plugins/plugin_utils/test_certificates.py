# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that HAProxy could not load, or that clients would refuse, are told before a host gets them."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.multitier.loadbalancer.plugins.plugin_utils import certificates
from ansible_collections.multitier.loadbalancer.tests.unit.support.templates import render

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
SECRETS = [("default", VaultSecret(b"a password"))]


def make(path: Path, days: tuple[int, int] = (-10, 365), names: str = "DNS:www.example.com", key: str = "ec") -> str:
    """A certificate for these days, counted from NOW, with its key; returns the file's text."""
    begin, end = ((NOW + datetime.timedelta(days=day)).strftime("%Y%m%d%H%M%SZ") for day in days)
    parts = {part: path.with_suffix(f".{part}") for part in ("key", "crt", "csr", "cnf", "db", "srl")}
    parts["db"].write_text("")
    parts["srl"].write_text("01\n")
    extensions = f"[x]\nsubjectAltName={names}\n" if names else "[x]\nbasicConstraints=CA:false\n"
    parts["cnf"].write_text(
        f"[ca]\ndefault_ca=a\n[a]\ndatabase={parts['db']}\nserial={parts['srl']}\nnew_certs_dir={path.parent}\n"
        f"policy=p\ndefault_md=sha256\nunique_subject=no\n[p]\ncommonName=supplied\n{extensions}"
    )
    kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa1024": ["rsa:1024"], "rsa": ["rsa:2048"]}[key]
    run("req", "-new", "-newkey", *kind, "-nodes", "-subj", "/CN=www.example.com", "-keyout", parts["key"], "-out",
        parts["csr"])  # fmt: skip
    run("ca", "-batch", "-notext", "-selfsign", "-config", parts["cnf"], "-extensions", "x", "-keyfile", parts["key"],
        "-in", parts["csr"], "-out", parts["crt"], "-startdate", begin, "-enddate", end)  # fmt: skip
    path.write_text(parts["crt"].read_text() + parts["key"].read_text())
    return path.read_text()


def run(*arguments: Any) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def problems(entry: dict[str, Any]) -> list[str]:
    return certificates.findings("it", [{"name": "www", **entry}], [], read, NOW)[0]


def warnings(entry: dict[str, Any]) -> list[str]:
    found = certificates.findings("it", [{"name": "www", **entry}], [], read, NOW)
    assert found[0] == []
    return found[1]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make(tmp_path_factory.mktemp("good") / "www.pem", names="DNS:www.example.com,DNS:*.shop.example.com")


@pytest.mark.parametrize("domain", ["www.example.com", "WWW.example.com", "a.shop.example.com", "*.shop.example.com"])
def test_right(good: str, domain: str) -> None:
    assert warnings({"pem": good, "domains": [domain]}) == []


def test_rsa_and_no_alternative_name_are_right(tmp_path: Path) -> None:
    pem = make(tmp_path / "rsa.pem", names="", key="rsa")
    assert warnings({"pem": pem, "domains": ["www.example.com"]}) == []


@pytest.mark.parametrize("domain", ["other.example.org", "a.b.shop.example.com", "shop.example.com", "*.example.com"])
def test_a_name_that_a_certificate_is_not_for_is_warned_about(good: str, domain: str) -> None:
    assert warnings({"pem": good, "domains": [domain]}) == [
        f"it_certificates (www).domains has {domain!r}, but the certificate is for www.example.com, *.shop.example.com"
    ]


def test_a_certificate_that_expired(tmp_path: Path) -> None:
    assert problems({"pem": make(tmp_path / "old.pem", (-400, -1))}) == [
        "it_certificates (www).pem is '***', must hold a certificate that is valid: it expired on 2026-05-31"
    ]


@pytest.mark.parametrize(("days", "line"), [(13, "it_certificates (www) expires on 2026-06-14, in 13 days"), (14, "")])
def test_a_certificate_that_expires_soon_is_warned_about(tmp_path: Path, days: int, line: str) -> None:
    assert warnings({"pem": make(tmp_path / "soon.pem", (-10, days))}) == ([line] if line else [])


def test_a_certificate_that_is_not_valid_yet_is_warned_about(tmp_path: Path) -> None:
    pem = make(tmp_path / "new.pem", (1, 90))
    assert warnings({"pem": pem}) == ["it_certificates (www) is not valid before 2026-06-02 00:00 UTC"]


BAD = "it_certificates (www).pem is '***', must hold a certificate and its unencrypted key: "


def test_a_key_that_is_another_certificates(good: str, tmp_path: Path) -> None:
    mixed = good.split("-----BEGIN PRIVATE")[0] + (make(tmp_path / "b.pem") and (tmp_path / "b.key").read_text())
    assert problems({"pem": mixed}) == [f"{BAD}the key is another certificate's"]


def test_a_certificate_without_a_key_and_a_key_without_a_certificate(good: str) -> None:
    certificate, key = good.split("-----BEGIN PRIVATE KEY")
    assert problems({"pem": certificate}) == [f"{BAD}no key is in it"]
    assert problems({"pem": f"-----BEGIN PRIVATE KEY{key}"}) == [f"{BAD}no certificate that can be read is in it"]


def test_a_key_that_openssl_finds_too_short(tmp_path: Path) -> None:
    pem = make(tmp_path / "short.pem", key="rsa1024")
    assert problems({"pem": pem}) == [f"{BAD}the key has 1024 bits, OpenSSL wants 2048"]


def test_an_encrypted_key_is_refused_without_asking(good: str, tmp_path: Path) -> None:
    (tmp_path / "good.pem").write_text(good)
    run("pkey", "-aes256", "-passout", "pass:x", "-in", tmp_path / "good.pem", "-out", tmp_path / "secret.pem")
    pem = good.split("-----BEGIN PRIVATE KEY")[0] + (tmp_path / "secret.pem").read_text()
    assert problems({"pem": pem}) == [f"{BAD}the key is encrypted"]


def read_by_ansible(path: Path, secrets: list[Any]) -> str:
    """What the role would install of a file, read with these vault secrets."""
    template = "{{ [] | multitier.loadbalancer.haproxy_files([], [{'name': 'www', 'file': path}]) }}"
    return str(render(template, {"path": str(path)}, secrets)[1]["secret_content"])


def encrypted(path: Path, text: str) -> Path:
    path.write_bytes(VaultLib(SECRETS).encrypt(text, SECRETS[0][1]))
    return path


def test_a_file_is_read_as_ansible_reads_it(good: str, tmp_path: Path) -> None:
    (tmp_path / "plain.pem").write_text(good)
    assert read_by_ansible(tmp_path / "plain.pem", []) == good
    assert read_by_ansible(encrypted(tmp_path / "vault.pem", good), SECRETS) == good


def test_authorities_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    backends = [
        {"name": name, "tls": {"server_name": "a", "ca": f"{tmp_path}/{name}.pem"}} for name in ("empty", "none")
    ]

    def ask(path: str) -> str:
        return certificates.reader(str)(path) if "none" in path else read(path)

    must = "must be a PEM file on the controller, with the authorities' certificates"
    assert certificates.findings("it", [], [{"name": "plain"}, *backends], ask, NOW)[0] == [
        f"it_backends (empty).tls.ca is '{tmp_path}/empty.pem', {must}: no certificate that can be read is in it",
        f"it_backends (none).tls.ca is '{tmp_path}/none.pem', {must}: not found",
    ]
