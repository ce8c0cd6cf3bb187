# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which the role haproxy_l7 makes files of its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment

from ..plugin_utils import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Entry = dict[str, Any]

CERTIFICATES = "/etc/haproxy/certificates"
AUTHORITIES = "/etc/haproxy/authorities"
# HAProxy reads certificates and keys, at each reload too, before it drops its rights
KEYS = {"owner": "root", "group": "root"}
READABLE = {"owner": "root", "group": "haproxy"}


@pass_environment
def haproxy_files(
    environment: Any, entries: Sequence[Mapping[str, Any]], backends: Sequence[Mapping[str, Any]]
) -> list[Entry]:
    """Directories and files that haproxy.cfg names, for config_files; entries are the certificates."""
    read = certificates.reader(environment)
    files: list[Entry] = [{"path": CERTIFICATES, "mode": "0700", **KEYS}]
    files += [
        {
            "path": f"{CERTIFICATES}/{certificate['name']}.pem",
            "secret_content": certificates.text_of(certificate, read),
            "mode": "0600",
            "validate": "openssl x509 -noout -in %s",
            **KEYS,
        }
        for certificate in entries
    ]
    files.append({"path": AUTHORITIES, "mode": "0750", **READABLE})
    files += [
        {"path": f"{AUTHORITIES}/{backend['name']}.pem", "content": read(path), "mode": "0640", **READABLE}
        for backend in backends
        for path in [certificates.authority_file(backend)]
        if path
    ]
    return files


class FilterModule:
    """The filters by which the role haproxy_l7 is fed."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"haproxy_files": haproxy_files}
