# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with their keys in PEM: good ones, and ones that are wrong in one respect."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "www.example.com"


def certificate(first_day: int, last_day: int, name: str = NAME) -> tuple[str, str]:
    """A certificate that is valid between two days, counted from today, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + datetime.timedelta(days=first_day))
    builder = builder.not_valid_after(now + datetime.timedelta(days=last_day))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(serialization.Encoding.PEM, form, plain).decode(),
    )


def make_all(directory: Path) -> Path:
    """The example's certificate where it is in an inventory, and others beside hosts.yml; returns the directory."""
    www, key = certificate(-1, 300)
    files = {
        "group_vars/certificates/www.pem": www + key,
        "no_key.pem": www,
        "strange_key.pem": www + certificate(-1, 300)[1],
        "expired.pem": "".join(certificate(-30, -1)),
        "future.pem": "".join(certificate(2, 300)),
        "soon.pem": "".join(certificate(-1, 3)),
        "wildcard.pem": "".join(certificate(-1, 300, "*.example.com")),
    }
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="ascii")
    return directory
