# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a director: prints one of its services as JSON, as ipvs_info returns it."""

from __future__ import annotations

import json
import sys

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.kernel import Kernel
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import service_dict


def main() -> None:
    """Print the service at ADDRESS PORT, or one without destinations if there is none."""
    address, port = sys.argv[1], int(sys.argv[2])
    found = Kernel().read(lambda key: (key.address, key.port) == (address, port))
    print(json.dumps(service_dict(found[0], 4093) if found else {"destinations": []}))


if __name__ == "__main__":
    main()
