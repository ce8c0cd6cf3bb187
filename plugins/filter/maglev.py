# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on Maglev tables; each is documented in the YAML file of its name."""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils import maglev
from ..module_utils.maglev_diff import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A play asks for many lookups in the same few tables.
_build = functools.lru_cache(maxsize=64)(lambda pool: tuple(maglev.build(pool)))


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a ValueError into a filter's error that names the filter."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise AnsibleFilterError(f"{function.__name__}: {error}") from error

    return wrapper


@_named
def maglev_table(service: Mapping[str, Any], table_size: int | None = None) -> list[str | None]:
    """The name of the real server in each slot."""
    return maglev.names(_build(maglev.pool_of(service, table_size)))


@_named
def maglev_lookup(
    service: Mapping[str, Any], source_address: str, source_port: int = 0, table_size: int | None = None
) -> str | None:
    """The real server of a new flow."""
    pool = maglev.pool_of(service, table_size)
    source = ipaddress.ip_address(str(source_address))
    if (source.version == 6) != pool.ipv6:
        raise ValueError(f"the client {source} is not of the service's family")
    if not 0 <= int(source_port) <= 65535:
        raise ValueError(f"source port {source_port} is not in 0-65535")
    server = maglev.lookup(pool, _build(pool), source, int(source_port))
    return server.name if server else None


@_named
def maglev_digest(service: Mapping[str, Any], table_size: int | None = None) -> str:
    """SHA-256 of table and flags."""
    pool = maglev.pool_of(service, table_size)
    return maglev.digest(maglev.names(_build(pool)), pool.flags)


@_named
def maglev_diff(before: Mapping[str, Any], after: Mapping[str, Any], table_size: int | None = None) -> dict[str, Any]:
    """What changes from one state of a service to another."""
    return compare(maglev.pool_of(before, table_size), maglev.pool_of(after, table_size))


class FilterModule:
    """The collection's filters on Maglev tables."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {
            "maglev_table": maglev_table,
            "maglev_lookup": maglev_lookup,
            "maglev_digest": maglev_digest,
            "maglev_diff": maglev_diff,
        }
