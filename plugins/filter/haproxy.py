# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters with which the role haproxy_l7 makes files of its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import pass_environment

from ..plugin_utils import certificates

if TYPE_CHECKING:
    from collections.abc import Callable

Entry = dict[str, Any]
Given = Sequence[Mapping[str, Any]]

CERTIFICATES = "/etc/haproxy/certificates"
LISTS = "/etc/haproxy/certificate-lists"
AUTHORITIES = "/etc/haproxy/authorities"
# HAProxy reads certificates and keys, at each reload too, before it drops its rights
KEYS = {"owner": "root", "group": "root"}
READABLE = {"owner": "root", "group": "haproxy"}


def certificate_lists(services: Given, entries: Given) -> dict[str, str]:
    """HAProxy's crt-lists by file name: of a line of haproxy.cfg it reads 64 words, which are 30 certificates."""
    named = {
        f"{service['name']}_{listener['port']}": listener["certificates"]
        for service in services
        for listener in service["listeners"]
        if listener["protocol"] == "https"
    }
    if entries:
        named["healthcheck"] = [certificate["name"] for certificate in entries]
    return {
        f"{name}.list": "".join(f"{CERTIFICATES}/{certificate}.pem\n" for certificate in listed)
        for name, listed in named.items()
    }


def authority_files(backends: Given) -> dict[str, str]:
    """Files of the controller with authorities, by the name that they have on the host."""
    found = {f"{backend['name']}.pem": certificates.authority_file(backend) for backend in backends}
    return {name: path for name, path in found.items() if path}


@pass_environment
def haproxy_files(environment: Any, services: Given, backends: Given, entries: Given) -> list[Entry]:
    """Directories and files that haproxy.cfg names, for config_files; entries are the certificates."""
    read = certificates.by_environment(environment)
    keys, lists, authorities = (
        {name: value for name, value in entry.items() if name != "only"}
        for entry in haproxy_directories(services, backends, entries)
    )
    return [
        keys,
        *(
            {
                "path": f"{CERTIFICATES}/{certificate['name']}.pem",
                "secret_content": certificates.text_of(certificate, read),
                "mode": "0600",
                "validate": "openssl x509 -noout -in %s",
                **KEYS,
            }
            for certificate in entries
        ),
        lists,
        *(
            {"path": f"{LISTS}/{name}", "content": content, "mode": "0640", **READABLE}
            for name, content in certificate_lists(services, entries).items()
        ),
        authorities,
        *(
            {"path": f"{AUTHORITIES}/{name}", "content": read(path), "mode": "0640", **READABLE}
            for name, path in authority_files(backends).items()
        ),
    ]


def haproxy_directories(services: Given, backends: Given, entries: Given) -> list[Entry]:
    """The same directories, holding what haproxy.cfg names and nothing else."""
    names = [f"{certificate['name']}.pem" for certificate in entries]
    return [
        {"path": CERTIFICATES, "mode": "0700", "only": names, **KEYS},
        {"path": LISTS, "mode": "0750", "only": list(certificate_lists(services, entries)), **READABLE},
        {"path": AUTHORITIES, "mode": "0750", "only": list(authority_files(backends)), **READABLE},
    ]


class FilterModule:
    """The filters by which the role haproxy_l7 is fed."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"haproxy_directories": haproxy_directories, "haproxy_files": haproxy_files}
