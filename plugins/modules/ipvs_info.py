#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: read the kernel's IPVS state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs_info
short_description: Read the IPVS state of a host from its kernel
version_added: 0.1.0
description:
  - Returns the virtual services with their real servers B(in the kernel's own order), weights, connection counts,
    rates and byte counters, the timeouts, the sync daemons and the sizes of the kernel's tables.
  - You can pass a service from the result to the filters P(multitier.loadbalancer.maglev_table#filter),
    P(multitier.loadbalancer.maglev_lookup#filter), P(multitier.loadbalancer.maglev_digest#filter) and
    P(multitier.loadbalancer.maglev_diff#filter).
  - Speaks generic netlink, with nothing but Python on the host. C(ipvsadm) is not needed.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes.info
options:
  services:
    description:
      - Only services that match one of these. An entry matches if each of its fields does; one left out matches all.
      - By default all services.
    type: list
    elements: dict
    suboptions:
      address:
        description: Address of the service.
        type: str
      port:
        description: Port of the service, V(0) for any.
        type: int
      protocol:
        description: Protocol of the service.
        type: str
        choices: [tcp, udp, sctp]
      fwmark:
        description: Firewall mark of the service.
        type: int
      family:
        description: Family of the service's address or of its clients.
        type: str
        choices: [ipv4, ipv6]
  include:
    description:
      - What to return in addition. V(connections) is the connection table, in RV(connections).
    type: list
    elements: str
    choices: [connections]
    default: []
  connections_limit:
    description:
      - Return at most this many connections. A director may have millions.
    type: int
    default: 1000
requirements:
  - Linux 3.18 or newer with the module C(ip_vs); root or C(CAP_NET_ADMIN).
seealso:
  - module: multitier.loadbalancer.ipvs
  - module: multitier.loadbalancer.ipvs_timeouts
  - module: multitier.loadbalancer.ipvs_sync
"""

EXAMPLES = r"""
- name: Read the services of one VIP
  multitier.loadbalancer.ipvs_info:
    services:
      - {address: 198.51.100.1}
  register: ipvs

- name: Real servers in the kernel's order, which decides the Maglev table
  ansible.builtin.debug:
    msg: "{{ ipvs.services[0].destinations | map(attribute='name') }}"

- name: A fingerprint of the table that must be the same on all directors
  ansible.builtin.debug:
    msg: "{{ ipvs.services[0] | multitier.loadbalancer.maglev_digest }}"
"""

RETURN = r"""
services:
  description: Virtual services, sorted by family, fwmark, protocol, address and port.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Names the service in messages.
      type: str
      sample: tcp 198.51.100.1:443
    family:
      description: V(ipv4) or V(ipv6).
      type: str
    protocol:
      description: V(tcp), V(udp) or V(sctp), V(none) for a fwmark service.
      type: str
    address:
      description: Address, V(none) for a fwmark service.
      type: str
    port:
      description: Port, V(0) for any, V(none) for a fwmark service.
      type: int
    fwmark:
      description: Firewall mark, V(none) for a service of an address.
      type: int
    scheduler:
      description: Name of the scheduler.
      type: str
      sample: mh
    scheduler_flags:
      description: Flags of the scheduler, sorted.
      type: list
      elements: str
      sample: [mh-fallback, mh-port]
    persistence_timeout:
      description: Seconds that a client stays with its real server, V(0) without persistence.
      type: int
    prefix_length:
      description: Prefix length of client addresses that persistence treats as one client.
      type: int
      sample: 32
    persistence_engine:
      description: Name of the persistence engine, V(none) if there is none.
      type: str
    one_packet:
      description: Whether each datagram is scheduled separately.
      type: bool
    maglev_table_size:
      description: Slots in the table of the scheduler C(mh), V(none) for other schedulers.
      type: int
      sample: 4093
    statistics:
      description: Counters since the service was added or they were reset, and rates of the last seconds.
      type: dict
      contains: &statistics
        connections:
          description: Connections scheduled.
          type: int
        packets_in:
          description: Packets from clients.
          type: int
        packets_out:
          description: Packets to clients that went through this host (none with direct return).
          type: int
        bytes_in:
          description: Bytes from clients.
          type: int
        bytes_out:
          description: Bytes to clients that went through this host.
          type: int
        connections_per_second:
          description: Rate of connections.
          type: int
        packets_in_per_second:
          description: Rate of packets from clients.
          type: int
        packets_out_per_second:
          description: Rate of packets to clients.
          type: int
        bytes_in_per_second:
          description: Rate of bytes from clients.
          type: int
        bytes_out_per_second:
          description: Rate of bytes to clients.
          type: int
    destinations:
      description: Real servers in the kernel's order, which is B(the newest first).
      type: list
      elements: dict
      contains:
        name:
          description: Address and port, with brackets round an IPv6 address.
          type: str
          sample: 10.0.0.31:443
        family:
          description: V(ipv4) or V(ipv6).
          type: str
        address:
          description: Address.
          type: str
        port:
          description: Port.
          type: int
        weight:
          description: Weight; at V(0) it takes no new flows.
          type: int
        forwarding:
          description: V(dr), V(tunnel), V(masquerade), V(local) or V(bypass).
          type: str
        tunnel_type:
          description: V(ipip), V(gue) or V(gre), V(none) without a tunnel.
          type: str
        tunnel_port:
          description: UDP port of a GUE tunnel, else V(none).
          type: int
        tunnel_checksum:
          description: V(none), V(checksum) or V(remote) for GUE and GRE, else V(none).
          type: str
        upper_threshold:
          description: Number of connections at which it stops taking new ones, V(0) for no limit.
          type: int
        lower_threshold:
          description: Number of connections below which it takes new ones again.
          type: int
        active_connections:
          description: Connections that are established.
          type: int
        inactive_connections:
          description: Connections in any other state.
          type: int
        persistent_connections:
          description: Persistence entries.
          type: int
        statistics:
          description: Counters and rates, as for the service.
          type: dict
          contains: *statistics
timeouts:
  description: Seconds that an idle connection is kept.
  returned: success
  type: dict
  contains:
    tcp:
      description: TCP, established.
      type: int
    tcp_fin:
      description: TCP, after a FIN.
      type: int
    udp:
      description: UDP.
      type: int
  sample: {tcp: 900, tcp_fin: 120, udp: 300}
sync_daemons:
  description: Connection synchronisation daemons that run here.
  returned: success
  type: list
  elements: dict
  contains:
    state:
      description: V(master) sends, V(backup) receives.
      type: str
    interface:
      description: Interface of the multicast.
      type: str
    sync_id:
      description: Number that distinguishes groups of directors.
      type: int
    max_length:
      description: Largest payload in bytes.
      type: int
    group:
      description: Multicast group.
      type: str
    port:
      description: UDP port.
      type: int
    ttl:
      description: TTL of the multicast.
      type: int
version:
  description: Version of IPVS.
  returned: success
  type: str
  sample: 1.2.1
connection_table_size:
  description: Buckets of the connection table, set by the parameter C(conn_tab_bits) of the kernel module C(ip_vs).
  returned: success
  type: int
  sample: 4096
maglev_table_size:
  description: Slots in each table of the scheduler C(mh).
  returned: success
  type: int
  sample: 4093
maglev_table_size_source:
  description: File that gave the table size; V(default) if there is none, which is right for nearly all kernels.
  returned: success
  type: str
  sample: /boot/config-6.1.0-40-amd64
connections:
  description: Connections, in no particular order. Read under load, the kernel's listing can miss some.
  returned: if O(include) has V(connections)
  type: list
  elements: dict
  contains:
    protocol:
      description: Protocol.
      type: str
    client:
      description: C(address) and C(port) of the client.
      type: dict
    virtual:
      description: C(address) and C(port) that the client speaks to.
      type: dict
    destination:
      description: C(address) and C(port) of the real server.
      type: dict
    destination_name:
      description: The same as one string.
      type: str
    state:
      description: State as the kernel names it.
      type: str
      sample: ESTABLISHED
    expires:
      description: Seconds until it is forgotten if no packet comes.
      type: int
connections_truncated:
  description: Whether there are more than O(connections_limit).
  returned: if O(include) has V(connections)
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ipvs import host
from ..module_utils.ipvs.kernel import IpvsUnavailableError, Kernel
from ..module_utils.ipvs.model import ServiceKey, canonical_address, service_dict
from ..module_utils.ipvs.report import fail


def matches(key: ServiceKey, entries: list[dict[str, Any]] | None) -> bool:
    """Whether a service is asked for; without entries all are."""
    if entries is None:
        return True
    return any(
        all(getattr(key, name) == value for name, value in entry.items() if value is not None) for entry in entries
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "services": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "address": {"type": "str"},
                    "port": {"type": "int"},
                    "protocol": {"type": "str", "choices": ["tcp", "udp", "sctp"]},
                    "fwmark": {"type": "int"},
                    "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
                },
            },
            "include": {"type": "list", "elements": "str", "choices": ["connections"], "default": []},
            "connections_limit": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    wanted = module.params["services"]
    for place, entry in enumerate(wanted or [], start=1):
        try:
            if entry["address"] is not None:
                entry["address"] = canonical_address(entry["address"])[1]
        except ValueError as error:
            fail(module, "invalid", f"services entry {place}: {error}", entry=place)
    if module.params["connections_limit"] < 0:
        fail(module, "invalid", "connections_limit must not be negative")
    size, source = host.maglev_table_size()
    result: dict[str, Any] = {"maglev_table_size": size, "maglev_table_size_source": source}
    try:
        kernel = Kernel()
        result.update(kernel.info())
        services = kernel.read(lambda key: matches(key, wanted), counters=True)
        result["services"] = [service_dict(service, size) for service in services]
        result["timeouts"] = kernel.timeouts()
        result["sync_daemons"] = kernel.daemons()
    except IpvsUnavailableError as error:
        fail(module, error.kind, str(error))
    except OSError as error:
        fail(module, "kernel", f"The kernel refused to report its IPVS state: {error.strerror}.", errno=error.errno)
    if "connections" in module.params["include"]:
        result["connections"], result["connections_truncated"] = host.connections(module.params["connections_limit"])
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
