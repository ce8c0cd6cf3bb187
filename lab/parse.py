# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's topology from an inventory's host variables, with complaints that name host, variable and value."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.errors import LabError
from lab.model import (
    DEFAULT_MEMORY,
    DEFAULT_MTU,
    MANAGEMENT_LINK,
    Application,
    Nic,
    Node,
    Route,
    Topology,
)
from lab.systems import DEFAULT, systems


class _Fields:
    """Reads fields of one mapping from the inventory; every complaint names the host and the variable."""

    def __init__(self, host: str, where: str, value: object, known: Sequence[str] | None) -> None:
        if not isinstance(value, Mapping):
            raise LabError(f"host {host}: {where} must be a mapping, not {value!r}")
        self.host, self.where, self.value = host, where, value
        unknown = sorted(set(value) - set(known)) if known is not None else []
        if unknown:
            raise LabError(
                f"host {host}: {where} has unknown keys {', '.join(unknown)}; known: {', '.join(known or ())}"
            )

    def get(self, key: str, check: Callable[[Any], Any], default: Any = ..., what: str = "value") -> Any:
        """The field, passed through `check`, whose ValueError or TypeError becomes a LabError."""
        if key not in self.value:
            if default is ...:
                raise LabError(f"host {self.host}: {self._name(key)} is missing")
            return default
        try:
            return check(self.value[key])
        except (ValueError, TypeError) as error:
            raise LabError(
                f"host {self.host}: {self._name(key)}: {self.value[key]!r} is not a valid {what} ({error})"
            ) from None

    def each(self, key: str, check: Callable[[Any], Any], what: str) -> tuple[Any, ...]:
        """A list field with every element checked; empty when it is missing."""
        value = self.value.get(key, [])
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise LabError(f"host {self.host}: {self._name(key)} must be a list, not {value!r}")
        items = []
        for item in value:
            try:
                items.append(check(item))
            except (ValueError, TypeError) as error:
                raise LabError(
                    f"host {self.host}: {self._name(key)}: {item!r} is not a valid {what} ({error})"
                ) from None
        return tuple(items)

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def _match(pattern: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"must match {pattern}")
        return str(value)

    return check


def _interface(value: Any) -> str:
    if "/" not in str(value):
        raise ValueError("the prefix length is missing")
    return str(ipaddress.ip_interface(str(value)))


def _address(value: Any) -> str:
    return str(ipaddress.ip_address(str(value)))


def _network(value: Any) -> str:
    return str(ipaddress.ip_network(str(value)))


def _between(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"must be {low} to {high}")
        return number

    return check


def _system(value: Any) -> str:
    if value not in systems():
        raise ValueError(f"there are: {', '.join(sorted(systems()))}")
    return str(value)


_NAME = _match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NIC_NAME = _match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_INTERFACE_KEYS = ("name", "link", "addresses", "gateways", "routes", "mtu")


def _nic(host: str, index: int, value: object) -> Nic:
    where = f"loadbalancer_interfaces[{index}]"
    fields = _Fields(host, where, value, _INTERFACE_KEYS)
    routes = []
    for number, item in enumerate(fields.each("routes", lambda route: route, "route")):
        route = _Fields(host, f"{where}.routes[{number}]", item, ("destination", "gateways"))
        gateways = route.each("gateways", _address, "address")
        routes.append(Route(route.get("destination", _network, what="network"), gateways))
        if not gateways:
            raise LabError(f"host {host}: {where}.routes[{number}].gateways is missing")
    nic = Nic(
        name=fields.get("name", _NIC_NAME, what="interface name"),
        link=fields.get("link", _NAME, what="link name"),
        addresses=fields.each("addresses", _interface, "address with prefix length"),
        gateways=fields.each("gateways", _address, "address"),
        routes=tuple(routes),
        mtu=fields.get("mtu", _between(1280, 65000), DEFAULT_MTU, "MTU"),
    )
    networks = [ipaddress.ip_interface(address).network for address in nic.addresses]
    for gateway in (*nic.gateways, *(gateway for route in nic.routes for gateway in route.gateways)):
        address = ipaddress.ip_address(gateway)
        if not address.is_link_local and not any(address in network for network in networks):
            raise LabError(f"host {host}: {where}: the gateway {gateway} is in no network of this interface")
    return nic


def node_from_variables(host: str, variables: Mapping[str, Any]) -> Node:
    """The node that an inventory host describes by its (templated) variables; LabError says what is wrong."""
    fields = _Fields(host, "", variables, None)
    if not variables.get("loadbalancer_interfaces"):
        raise LabError(f"host {host}: loadbalancer_interfaces is missing: the lab wires its nodes by it")
    interfaces = fields.each("loadbalancer_interfaces", lambda item: item, "interface")
    applications = []
    for number, item in enumerate(fields.each("lab_applications", lambda item: item, "application")):
        one = _Fields(host, f"lab_applications[{number}]", item, ("name", "port", "proxy_protocol"))
        name = one.get("name", _NAME, what="name")
        applications.append(Application(name, one.get("port", _between(1, 65535), what="port"),
                                        one.get("proxy_protocol", bool, False)))  # fmt: skip
    node = Node(
        name=_Fields(host, "", {"inventory_hostname": host}, None).get("inventory_hostname", _NAME, what="node name"),
        address=fields.get("ansible_host", _address, what="literal address"),
        nics=tuple(_nic(host, index, item) for index, item in enumerate(interfaces)),
        user=fields.get("ansible_user", _match(r"[a-z_][a-z0-9_-]{0,31}"), "root", "user name"),
        port=fields.get("ansible_port", _between(1, 65535), 22, "port"),
        os=fields.get("lab_os", _system, DEFAULT, "lab operating system"),
        memory=fields.get("lab_memory", _match(r"[1-9][0-9]*[KMGkmg]"), DEFAULT_MEMORY, "size such as 256M"),
        applications=tuple(applications),
    )
    if node.memory_bytes < 96 << 20:
        raise LabError(f"host {host}: lab_memory: {node.memory} is too little to boot; at least 96M")
    names = [nic.name for nic in node.nics]
    if len(set(names)) < len(names):
        raise LabError(f"host {host}: loadbalancer_interfaces has an interface name twice: {', '.join(names)}")
    return node


def check_topology(topology: Topology) -> None:
    """Refuse what cannot work: an address twice on a link, or a management address that is nowhere."""
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for node in topology.nodes:
        for nic in node.nics:
            for address in nic.addresses:
                key = (nic.link, address.split("/")[0])
                if key in owners:
                    raise LabError(
                        f"host {node.name}: {nic.name} has the address {key[1]}, "
                        f"which {':'.join(owners[key])} has too, on the same link {nic.link}"
                    )
                owners[key] = (node.name, nic.name)
    for node in topology.nodes:
        owner = owners.get((MANAGEMENT_LINK, node.address))
        if owner is None or owner[0] != node.name:
            raise LabError(
                f"host {node.name}: ansible_host {node.address} is not an address of one of its own interfaces "
                f"on the link {MANAGEMENT_LINK}"
            )
