# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on the controller: read as Ansible reads files, and judged before a host gets them.

Key material never is in a message. Private to this collection.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID
except ImportError:  # ansible-core brings it; ansible-test, which only imports this, has none
    pass

Entry = Mapping[str, Any]
Reader = Callable[[str], str]

KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]+ )?PRIVATE KEY-----.+?-----END ([A-Z0-9 ]+ )?PRIVATE KEY-----", re.DOTALL)
RSA_BITS = 2048  # OpenSSL, as Debian sets it, loads no shorter key
FEW_DAYS = 14
VAULTED = (
    "it is encrypted with ansible-vault, and no vault password that was given opens it: give the right one, by "
    "--vault-password-file or --ask-vault-pass"
)


class UnreadableError(Exception):
    """A file that cannot be had, with why."""


def reader(environment: Any) -> Reader:
    """What reads a file of the controller as the roles do, vault or not; environment is the Jinja environment."""

    @functools.cache
    def read(path: str) -> str:
        if not Path(path).is_file():
            raise UnreadableError("not found")
        try:
            return str(environment.globals["lookup"]("ansible.builtin.file", path, rstrip=False))
        except AnsibleError as error:
            raise UnreadableError(VAULTED if is_encrypted(path) else str(error)) from error

    return read


def is_encrypted(path: str) -> bool:
    """Whether a file is one of ansible-vault's."""
    try:
        with Path(path).open("rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError:
        return False


def text_of(certificate: Entry, read: Reader) -> str:
    """Certificate and key, from wherever the inventory has them."""
    return str(certificate.get("pem") or read(str(certificate["file"])))


def is_given_once(certificate: Entry) -> bool:
    """Whether it says where it is, and says it once; else service_checks tells."""
    path = certificate.get("file")
    return bool(path) != bool(certificate.get("pem")) and (not path or Path(str(path)).is_absolute())


@functools.cache
def leaf(text: str) -> x509.Certificate:
    """The certificate that is served; ValueError, with why, when OpenSSL would not load it with its key."""
    try:
        certificate = x509.load_pem_x509_certificates(text.encode())[0]
    except ValueError:
        raise ValueError("no certificate that can be read is in it") from None
    found = KEY.search(text)
    if not found:
        raise ValueError("no key is in it")
    try:
        key = serialization.load_pem_private_key(found[0].encode(), None)
    except TypeError:
        raise ValueError("the key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the key cannot be read") from None
    if public(key.public_key()) != public(certificate.public_key()):
        raise ValueError("the key is another certificate's")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS:
        raise ValueError(f"the key has {key.key_size} bits, OpenSSL wants {RSA_BITS}")
    return certificate


def public(key: Any) -> bytes:
    """A public key in a form that can be compared."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))


def valid_from(certificate: x509.Certificate) -> datetime.datetime:
    """Beginning of its time, which older versions of cryptography have without a time zone."""
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=datetime.UTC)


def valid_until(certificate: x509.Certificate) -> datetime.datetime:
    """End of its time."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=datetime.UTC)


def names(certificate: x509.Certificate) -> list[str]:
    """DNS names that it is for: those of the extension, or the subject's where there is none."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return [str(part.value).lower() for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def is_for(domain: str, served: Sequence[str]) -> bool:
    """Whether a certificate for the names served is one for domain; a wildcard is one label."""
    wanted = domain.lower()
    return wanted in served or (not wanted.startswith("*") and f"*.{wanted.partition('.')[2]}" in served)


def certificate_problems(where: str, certificate: Entry, read: Reader, now: datetime.datetime) -> list[str]:
    """One line when a certificate cannot be had, loaded with its key, or is over."""
    if not is_given_once(certificate):
        return []
    path = certificate.get("file")
    shown = f"{where}.file is {path!r}" if path else f"{where}.pem is '***'"
    try:
        end = valid_until(leaf(text_of(certificate, read)))
    except UnreadableError as error:
        return [f"{shown}, must be a PEM file on the controller, with certificate and key: {error}"]
    except ValueError as error:
        return [f"{shown}, must hold a certificate and its unencrypted key: {error}"]
    return [] if end > now else [f"{shown}, must hold a certificate that is valid: it expired on {end:%Y-%m-%d}"]


def certificate_warnings(where: str, certificate: Entry, read: Reader, now: datetime.datetime) -> list[str]:
    """What will be wrong with a certificate that has no problem, or is wrong for some clients."""
    found = leaf(text_of(certificate, read))
    begin, end, served = valid_from(found), valid_until(found), names(found)
    lines = []
    if begin > now:
        lines.append(f"{where} is not valid before {begin:%Y-%m-%d %H:%M} UTC")
    if end - now < datetime.timedelta(days=FEW_DAYS):
        lines.append(f"{where} expires on {end:%Y-%m-%d}, in {(end - now).days} days")
    lines += [
        f"{where}.domains has {domain!r}, but the certificate is for {', '.join(served) or 'no name'}"
        for domain in certificate.get("domains") or []
        if not is_for(str(domain), served)
    ]
    return lines


def authority_file(backend: Entry) -> str:
    """The file with the authorities that a pool of backends trusts; '' where these are the system's."""
    return str((backend.get("tls") or {}).get("ca") or "")


def authority_problems(where: str, path: str, read: Reader) -> list[str]:
    """One line when a file has no authorities in it."""
    if not Path(path).is_absolute():
        return []  # service_checks tells
    try:
        x509.load_pem_x509_certificates(read(path).encode())
    except UnreadableError as error:
        why = str(error)
    except ValueError:
        why = "no certificate that can be read is in it"
    else:
        return []
    return [f"{where} is {path!r}, must be a PEM file on the controller, with the authorities' certificates: {why}"]


def findings(
    prefix: str, certificates: Iterable[Entry], backends: Iterable[Entry], read: Reader, now: datetime.datetime
) -> tuple[list[str], list[str]]:
    """Problems and warnings of what PREFIX_certificates and PREFIX_backends have, whose structure is right."""
    problems: list[str] = []
    warnings: list[str] = []
    for certificate in certificates:
        where = f"{prefix}_certificates ({certificate['name']})"
        found = certificate_problems(where, certificate, read, now)
        problems += found
        if not found and is_given_once(certificate):
            warnings += certificate_warnings(where, certificate, read, now)
    for backend in backends:
        if authority_file(backend):
            where = f"{prefix}_backends ({backend['name']}).tls.ca"
            problems += authority_problems(where, authority_file(backend), read)
    return problems, warnings
