# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of hosts that a lab can have. Each module here describes one, or its releases, in its SYSTEMS.

`lab_os` of the inventory names an entry; a new kind is a new module, and nothing else has to know of it.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model import Node

Files = dict[str, tuple[str, int]]  # path -> (content, mode)
DEFAULT = "debian"


def _no_files(_node: Node) -> Files:
    return {}


@dataclasses.dataclass(frozen=True)
class System:
    """A kind of host: what its image is made of, and the files that make it what it is."""

    # what the roles install, from a store in the image: a rehearsal measures installing and configuring, not downloads
    role_packages: tuple[str, ...]
    packages: tuple[str, ...]
    # the Debian release of the image; None is the machine's own
    release: str | None = None
    # in addition to the image, laid out at the first boot
    files: Callable[[Node], Files] = _no_files


@functools.cache
def systems() -> Mapping[str, System]:
    """All kinds of hosts by name."""
    found: dict[str, System] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= importlib.import_module(f"{__name__}.{module.name}").SYSTEMS
    return found
