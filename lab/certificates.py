# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for a rehearsal: a self-signed one where the inventory names a file that is not there."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lab import machine
from lab.errors import LabError
from lab.inventory import Host
from lab.state import write_file

DAYS = 3650


def missing(hosts: Iterable[Host], inventory: Path) -> dict[Path, list[str]]:
    """The certificate files to make, with their domains; LabError when one lies neither in nor beside the inventory."""
    root = (inventory if inventory.is_dir() else inventory.parent).resolve()
    found: dict[Path, list[str]] = {}
    for host in hosts:
        for certificate in host.variables.get("loadbalancer_certificates") or []:
            if not isinstance(certificate, dict) or not certificate.get("file"):
                continue
            # by its name: a directory of the inventory may be a link
            path = Path(os.path.normpath(root / str(certificate["file"])))
            if path.exists() or path in found:
                continue
            if not path.is_relative_to(root.parent):
                raise LabError(
                    f"host {host.name}: the certificate {path} does not exist; "
                    f"the lab makes those below {root.parent}, and no others"
                )
            found[path] = [str(domain) for domain in certificate.get("domains") or [certificate.get("name", "lab")]]
    return found


def make(path: Path, domains: list[str]) -> None:
    """Write a self-signed certificate for these domains with its key into one PEM file, readable by its owner only."""
    machine.require({"openssl": "openssl"})
    names = ",".join(f"DNS:{domain}" for domain in domains)
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = Path(directory) / "key", Path(directory) / "certificate"
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", str(DAYS), "-subj", f"/CN={domains[0][:64]}", "-addext", f"subjectAltName={names}",
            "-keyout", str(key), "-out", str(certificate),
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LabError(f"openssl could not make the certificate {path}: {result.stderr.strip()}")
        write_file(path, certificate.read_text() + key.read_text())


def make_missing(hosts: Iterable[Host], inventory: Path, say: Callable[[str], None]) -> None:
    """Make what the inventory names and nobody has made."""
    for path, domains in missing(hosts, inventory).items():
        make(path, domains)
        say(f"made a self-signed certificate for {', '.join(domains)}: {path}")
