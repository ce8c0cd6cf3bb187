# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a director: which real server new flows to one of its services get.

Prints one JSON object: the server of each flow, by "address port" of its client.
"""

from __future__ import annotations

import argparse
import json

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import ServiceKey, canonical_address
from ansible_collections.multitier.loadbalancer.tests.lab.ipvs.node import flows


def main() -> None:
    """Probe a service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the same on all directors, another one for each probe")
    options = parser.parse_args()
    family, address = canonical_address(options.address)
    key = ServiceKey(family, protocol="tcp", address=address, port=options.port)
    clients = list(dict.fromkeys(flows.sources(family, options.flows, options.seed)))
    with flows.Sender() as sender:
        seen = flows.probe(sender, key, clients)
    print(json.dumps({f"{source} {port}": seen.get((source, port)) for source, port in clients}))


if __name__ == "__main__":
    main()
