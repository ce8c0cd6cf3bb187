# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of roles that turn a role's variables into what a module takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment

from ..plugin_utils import certificates, ipvs_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@pass_environment
def certificate_files(environment: Any, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The directory of HAProxy's certificates and the files in it, for config_files."""
    read = certificates.by_environment(environment)
    directory = "/etc/haproxy/certificates"
    files: list[dict[str, Any]] = [{"path": directory, "group": "haproxy", "mode": "0750"}]
    files += [
        {
            "path": f"{directory}/{certificate['name']}.pem",
            "secret_content": certificates.text_of(certificate, read),
            "group": "haproxy",
            "mode": "0640",
            "validate": "openssl x509 -noout -in %s",
        }
        for certificate in entries
    ]
    return files


class FilterModule:
    """The filters of roles."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "canonical_tables": ipvs_tables.canonical_tables,
            "certificate_files": certificate_files,
            "missing_real_servers": ipvs_tables.missing_real_servers,
        }
