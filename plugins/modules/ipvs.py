#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the IPVS table of a host, declared."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvs
short_description: Declare the virtual services of IPVS and their real servers
version_added: 0.1.0
description:
  - Brings the IPVS table of the running kernel to the declared state with as few changes as possible, editing where
    an edit is enough, so that connections survive. A change of a weight never deletes a real server.
  - Everything is checked before anything is changed. If the kernel still refuses a change, the module stops
    there and reports what was done and what was not.
  - The scheduler C(mh) builds its table from the B(order) of the real servers. The module always adds new ones in the
    declared order, reports a service whose order differs, and corrects it with O(reorder=true).
  - Speaks generic netlink, with nothing but Python on the host. C(ipvsadm) is not needed.
  - Nothing survives a reboot. On services that keepalived manages on the same host, use it only to correct the order,
    without weights, as the role P(multitier.loadbalancer.ipvs_maglev#role) does.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
options:
  services:
    description:
      - Virtual services. An empty list with O(state=overridden) clears the table.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description:
          - Address of the service, IPv4 or IPv6. Either this or O(services[].fwmark) is needed.
        type: str
      port:
        description:
          - Port of the service. V(0) is any port, and needs O(services[].persistence_timeout).
        type: int
      protocol:
        description:
          - Protocol of the service at O(services[].address).
        type: str
        choices: [tcp, udp, sctp]
        default: tcp
      fwmark:
        description:
          - Firewall mark of the packets that the service takes, 1 to 4294967295.
        type: int
      family:
        description:
          - Family of the clients of a O(services[].fwmark) service, by default V(ipv4).
          - A service with an address has the family of that address.
        type: str
        choices: [ipv4, ipv6]
      scheduler:
        description:
          - Scheduler, for example V(mh), V(rr), V(wlc). By default V(mh).
        type: str
      scheduler_flags:
        description:
          - Flags of the scheduler. V(mh) knows V(mh-port) (the client's port decides too) and V(mh-fallback) (flows
            of a real server at weight 0 go to another one), V(sh) knows V(sh-port) and V(sh-fallback), others
            V(flag-1) to V(flag-3).
          - By default none.
        type: list
        elements: str
      persistence_timeout:
        description:
          - Seconds that a client stays with its real server, at most 2678400. By default V(0), no persistence.
        type: int
      prefix_length:
        description:
          - Prefix length of client addresses that persistence treats as one client. By default V(32) or V(128).
        type: int
      persistence_engine:
        description:
          - Name of a persistence engine, for example V(sip). By default none. V("") removes it.
        type: str
      one_packet:
        description:
          - Schedule each datagram separately. For UDP. By default V(false).
        type: bool
      destinations:
        description:
          - Real servers, in the order in which they are added unless O(order) says otherwise. Append new ones at the
            end.
          - With O(state=absent) only these are removed. If the list is left out, O(state=absent) removes the whole
            service, O(state=present) leaves the real servers alone, and O(state=replaced) and O(state=overridden)
            remove them.
        type: list
        elements: dict
        suboptions:
          address:
            description:
              - Address of the real server. Its family may differ from that of the service with
                O(services[].destinations[].forwarding=tunnel).
            type: str
            required: true
          port:
            description:
              - Port of the real server, by default the service's, V(0) for a O(services[].fwmark) service.
              - It can differ only with O(services[].destinations[].forwarding=masquerade).
            type: int
          weight:
            description:
              - Weight, 0 to 65535. At V(0) it takes no new flows. By default V(1).
            type: int
          last_weight:
            description:
              - The weight whose slots a real server that is B(added) at weight 0 keeps in the table of the scheduler
                C(mh), so that the table is the same as on a director that saw it fail. It is added with this weight
                and immediately set to 0.
              - By default the most common weight of the service's other real servers. V(0) adds it without any slots.
            type: int
          forwarding:
            description:
              - How packets reach the real server. V(dr) is direct return, over the same link layer.
              - By default V(dr).
            type: str
            choices: [dr, tunnel, masquerade]
          tunnel_type:
            description:
              - Type of tunnel with O(services[].destinations[].forwarding=tunnel). By default V(ipip).
            type: str
            choices: [ipip, gue, gre]
          tunnel_port:
            description:
              - UDP port that a V(gue) tunnel goes to.
            type: int
          tunnel_checksum:
            description:
              - Checksum of a V(gue) or V(gre) tunnel; V(remote) is remote checksum offload, for V(gue).
              - By default V(none).
            type: str
            choices: [none, checksum, remote]
          upper_threshold:
            description:
              - Number of connections at which the real server stops taking new ones. By default V(0), no limit.
            type: int
          lower_threshold:
            description:
              - Number of connections below which it takes new ones again. By default V(0), which means three quarters
                of O(services[].destinations[].upper_threshold).
            type: int
  state:
    description:
      - V(present) adds and corrects what is named and leaves the rest alone. An option that is left out keeps the value
        that it has in the kernel.
      - V(replaced) makes each named service exactly as declared; an option that is left out gets its default.
      - V(overridden) does the same and removes all other services.
      - V(absent) removes the named services, or the named destinations of them.
    type: str
    choices: [present, replaced, overridden, absent]
    default: present
  order:
    description:
      - What the order of O(services[].destinations) means. V(added) is the order of adding, oldest first, as in the
        file of keepalived or a sequence of C(ipvsadm) commands. V(kernel) is the kernel's own, newest first, as
        M(multitier.loadbalancer.ipvs_info) returns it.
    type: str
    choices: [added, kernel]
    default: added
  reorder:
    description:
      - Put destinations into the declared order, by deleting and re-adding as few of them as possible. Each is absent
        for a few microseconds; its connections survive, because C(net.ipv4.vs.expire_nodest_conn) is 0 meanwhile.
      - When V(false) the order is only reported, in RV(out_of_order) and as a warning.
    type: bool
    default: false
requirements:
  - Linux 3.18 or newer with the module C(ip_vs) and the scheduler's; root or C(CAP_NET_ADMIN).
notes:
  - In check mode nothing is changed, and the result is what it would be.
  - The kernel does not report the last weight of a destination at weight 0. If one that something else added at weight
    0 must be added again, O(services[].destinations[].last_weight) applies.
seealso:
  - module: multitier.loadbalancer.ipvs_info
  - module: multitier.loadbalancer.ipvs_timeouts
  - module: multitier.loadbalancer.ipvs_sync
  - plugin: multitier.loadbalancer.maglev_diff
    plugin_type: filter
"""

EXAMPLES = r"""
- name: One service with three proxies behind it, and nothing else
  multitier.loadbalancer.ipvs:
    state: overridden
    reorder: true
    services:
      - address: 198.51.100.1
        port: 443
        scheduler: mh
        scheduler_flags: [mh-port, mh-fallback]
        destinations:
          - address: 10.0.0.31
          - address: 10.0.0.32
          - address: 10.0.0.33
            weight: 0

- name: Drain one proxy, leave all else
  multitier.loadbalancer.ipvs:
    services:
      - address: 198.51.100.1
        port: 443
        destinations:
          - {address: 10.0.0.32, weight: 0}

- name: Remove it
  multitier.loadbalancer.ipvs:
    state: absent
    services:
      - address: 198.51.100.1
        port: 443
        destinations:
          - {address: 10.0.0.32}

- name: IPv6 clients, tunnels to IPv4 proxies in another rack
  multitier.loadbalancer.ipvs:
    state: replaced
    services:
      - address: 2001:db8:100::1
        port: 443
        destinations:
          - {address: 10.1.0.31, forwarding: tunnel, tunnel_type: gue, tunnel_port: 6080}
          - {address: 10.1.0.32, forwarding: tunnel, tunnel_type: gue, tunnel_port: 6080}
"""

RETURN = r"""
services:
  description:
    - The affected services as they are now, or would be in check mode; all of them with O(state=overridden).
    - The keys are those of RV(multitier.loadbalancer.ipvs_info#module:services), without counters. Destinations are
      in the kernel's order.
  returned: success
  type: list
  elements: dict
operations:
  description: What was done, or would be in check mode, one line an operation, in their order.
  returned: success
  type: list
  elements: str
  sample:
    - edit destination 10.0.0.32:443 (weight 0) of tcp 198.51.100.1:443
out_of_order:
  description: Services whose destinations are in a different order than declared, if O(reorder) is V(false).
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: Name of the service.
      type: str
    current:
      description: Names of the destinations in the kernel's order.
      type: list
      elements: str
    declared:
      description: The same in the declared order, newest first.
      type: list
      elements: str
failure:
  description: What went wrong, for programs; C(msg) is the same for people.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - V(invalid) if the declaration is bad; V(no_module) and V(no_privilege) if IPVS cannot be used. Nothing was
          changed then.
        - V(kernel) if the kernel refused an operation.
      type: str
    entry:
      description: What the message is about.
      returned: for V(invalid)
      type: str
    operation:
      description: The operation that was refused.
      returned: for V(kernel)
      type: str
    error:
      description: Name of the error.
      returned: for V(kernel)
      type: str
      sample: EINVAL
    done:
      description: Operations that were done before.
      returned: for V(kernel)
      type: list
      elements: str
    not_done:
      description: Operations that were not tried.
      returned: for V(kernel)
      type: list
      elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ipvs import host, render
from ..module_utils.ipvs.apply import RefusedError, carry_out
from ..module_utils.ipvs.declaration import DeclarationError, declare
from ..module_utils.ipvs.kernel import IpvsUnavailableError, Kernel
from ..module_utils.ipvs.model import PROTOCOLS, TUNNEL_CHECKSUMS, TUNNEL_TYPES, Service, service_dict
from ..module_utils.ipvs.operations import texts
from ..module_utils.ipvs.plan import Plan, make_plan
from ..module_utils.ipvs.report import fail
from ..module_utils.ipvs.rules import alike

DESTINATION_SPEC: dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "weight": {"type": "int"},
    "last_weight": {"type": "int"},
    "forwarding": {"type": "str", "choices": ["dr", "tunnel", "masquerade"]},
    "tunnel_type": {"type": "str", "choices": list(TUNNEL_TYPES)},
    "tunnel_port": {"type": "int"},
    "tunnel_checksum": {"type": "str", "choices": list(TUNNEL_CHECKSUMS)},
    "upper_threshold": {"type": "int"},
    "lower_threshold": {"type": "int"},
}
SERVICE_SPEC: dict[str, Any] = {
    "address": {"type": "str"},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
    "fwmark": {"type": "int"},
    "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
    "scheduler": {"type": "str"},
    "scheduler_flags": {"type": "list", "elements": "str"},
    "persistence_timeout": {"type": "int"},
    "prefix_length": {"type": "int"},
    "persistence_engine": {"type": "str"},
    "one_packet": {"type": "bool"},
    "destinations": {"type": "list", "elements": "dict", "options": DESTINATION_SPEC},
}


def require_kernel_modules(module: AnsibleModule, plan: Plan) -> None:
    """Refuse a scheduler or a persistence engine that the kernel cannot load, while nothing is changed yet."""
    modprobe = module.get_bin_path("modprobe")
    for operation in plan.operations:
        if operation.settings is None or modprobe is None:
            continue
        needed = {f"ip_vs_{operation.settings.scheduler}": f"scheduler {operation.settings.scheduler}"}
        engine = operation.settings.persistence_engine
        if engine:
            needed[f"ip_vs_pe_{engine}"] = f"persistence engine {engine}"
        for name, what in needed.items():
            if Path("/sys/module", name).exists():
                continue
            if module.run_command([modprobe, "--quiet", "--dry-run", name])[0] != 0:
                entry = f"service {operation.service}"
                message = f"{entry}: the kernel has no {what} (module {name}). Nothing was changed."
                fail(module, "invalid", message, entry=entry)


def warn(module: AnsibleModule, plan: Plan) -> None:
    """Warn about what is not wrong enough to refuse."""
    for entry in plan.out_of_order:
        place = next(i for i, name in enumerate(entry.current) if name != entry.declared[i])
        module.warn(
            f"service {entry.service}: destinations are in a different order than declared: place {place + 1} of the "
            f"kernel's list is {entry.current[place]}, declared is {entry.declared[place]}. Directors that differ "
            "send some flows to different servers. reorder: true corrects this."
        )
    for service in plan.after:
        for first, second in alike(service):
            module.warn(
                f"service {service.key}: {first} and {second} have the same place in the Maglev table, so the "
                "failure of one moves many flows of the others. (The hash adds address and port, and takes only "
                "the first 32 bits of an IPv6 server of an IPv4 service.)"
            )


def changed_services(kernel: Kernel, plan: Plan) -> list[Service]:
    """The concerned services as the kernel has them after the change."""
    concerned = {service.key for service in (*plan.before, *plan.after)}
    return kernel.read(lambda key: key in concerned)


def run(module: AnsibleModule) -> None:
    """Read, plan, check, change, read again."""
    params = module.params
    table_size, _source = host.maglev_table_size()
    declared = declare(params["services"], newest_first=params["order"] == "kernel")
    kernel = Kernel()
    plan = make_plan(
        kernel.read(), declared, params["state"], params["reorder"], table_size, sync_runs=bool(kernel.daemons())
    )
    require_kernel_modules(module, plan)
    warn(module, plan)
    after = plan.after
    if plan.batches and not module.check_mode:
        carry_out(plan, kernel)
        after = changed_services(kernel, plan)
        if after != plan.after:
            module.warn("The table is not as declared: does something else, such as keepalived, change it as well?")
    result: dict[str, Any] = {
        "changed": bool(plan.batches),
        "operations": texts(plan.operations),
        "services": [service_dict(service, table_size) for service in after],
        "out_of_order": [
            {"service": str(entry.service), "current": entry.current, "declared": entry.declared}
            for entry in plan.out_of_order
        ],
    }
    if module._diff:
        result["diff"] = {"before": render.table(plan.before), "after": render.table(after)}
    module.exit_json(**result)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE_SPEC},
            "state": {
                "type": "str",
                "choices": ["present", "replaced", "overridden", "absent"],
                "default": "present",
            },
            "order": {"type": "str", "choices": ["added", "kernel"], "default": "added"},
            "reorder": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except DeclarationError as error:
        fail(module, "invalid", f"{error}. Nothing was changed.", entry=error.entry)
    except IpvsUnavailableError as error:
        fail(module, error.kind, str(error))
    except RefusedError as error:
        module.fail_json(msg=str(error), failure=error.failure)
    except OSError as error:
        fail(module, "kernel", f"The kernel refused: {error}.", errno=error.errno)


if __name__ == "__main__":
    main()
