# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies: any table that a kernel can be in, and declarations an operator might write."""

from __future__ import annotations

from typing import Any

from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import (
    Destination,
    ServiceKey,
    Settings,
)
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.operations import Operation
from hypothesis import strategies as st

KEYS = (
    ServiceKey("ipv4", protocol="tcp", address="198.51.100.1", port=80),
    ServiceKey("ipv4", protocol="udp", address="198.51.100.1", port=80),
    ServiceKey("ipv6", protocol="tcp", address="2001:db8:100::1", port=443),
    ServiceKey("ipv4", fwmark=7),
    ServiceKey("ipv6", fwmark=7),
)
ADDRESSES = {
    "ipv4": [f"10.0.0.{byte}" for byte in range(1, 7)],
    "ipv6": [f"2001:db8::{byte}" for byte in range(1, 5)],
}
WEIGHTS = st.sampled_from([0, 0, 1, 1, 1, 2, 5, 100])
SCHEDULERS = st.sampled_from(["mh", "mh", "rr", "sh", "wlc"])
FLAGS = {"mh": ["mh-port", "mh-fallback"], "sh": ["sh-port", "sh-fallback"]}


@st.composite
def settings(draw: st.DrawFn, key: ServiceKey) -> Settings:
    scheduler = draw(SCHEDULERS)
    flags = draw(st.sets(st.sampled_from(FLAGS.get(scheduler, ["flag-1", "flag-3"]))))
    return Settings(
        scheduler=scheduler,
        scheduler_flags=frozenset(flags),
        persistence_timeout=draw(st.sampled_from([0, 0, 300])),
        prefix_length=32 if key.family == "ipv4" else 128,
        one_packet=key.protocol == "udp" and draw(st.booleans()),
    )


@st.composite
def destinations(draw: st.DrawFn, key: ServiceKey) -> Destination:
    family = draw(st.sampled_from([key.family, key.family, "ipv4", "ipv6"]))
    forwarding = "tunnel" if family != key.family else draw(st.sampled_from(["dr", "tunnel", "masquerade"]))
    kind = draw(st.sampled_from(["ipip", "gue", "gre"])) if forwarding == "tunnel" else "ipip"
    upper = draw(st.sampled_from([0, 0, 10]))
    return Destination(
        family=family,
        address=draw(st.sampled_from(ADDRESSES[family])),
        port=8080 if forwarding == "masquerade" and draw(st.booleans()) else key.port,
        weight=draw(WEIGHTS),
        forwarding=forwarding,
        tunnel_type=kind,
        tunnel_port=6080 if kind == "gue" else 0,
        tunnel_checksum=draw(st.sampled_from(["none", "checksum"])) if kind != "ipip" else "none",
        upper_threshold=upper,
        lower_threshold=min(upper, draw(st.sampled_from([0, 5]))),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Operations that lead to a table; some are refused, as in life."""
    operations = []
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
        operations.append(Operation("add_service", key, settings=draw(settings(key))))
        for item in draw(st.lists(destinations(key), max_size=8)):
            verbs = ["add_destination"] * 4 + ["edit_destination", "delete_destination"]
            operations.append(Operation(draw(st.sampled_from(verbs)), key, destination=item))
    return operations


def _destination_options(item: Destination, draw: st.DrawFn) -> dict[str, Any]:
    options: dict[str, Any] = {"address": item.address, "port": item.port}
    # Fields that make sense only together come together.
    groups = [["weight"], ["upper_threshold", "lower_threshold"]]
    if item.forwarding == "tunnel":
        groups.append(["tunnel_type", "tunnel_port", "tunnel_checksum"])
    options["forwarding"] = item.forwarding
    for group in groups:
        if draw(st.integers(0, 3)):
            options.update({name: getattr(item, name) for name in group})
    if item.forwarding != "masquerade" and draw(st.booleans()):
        del options["port"]
    if draw(st.integers(0, 3)) == 0:
        options["last_weight"] = draw(WEIGHTS)
    return options


@st.composite
def declarations(draw: st.DrawFn, *, max_services: int = 3) -> list[dict[str, Any]]:
    """The option `services` of the module; rarely one that must be refused."""
    services = []
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=max_services)):
        options: dict[str, Any] = {"protocol": "tcp"}
        if key.fwmark:
            options.update(fwmark=key.fwmark, family=key.family)
        else:
            options.update(address=key.address, port=key.port, protocol=key.protocol)
        chosen = draw(settings(key))
        if draw(st.integers(0, 3)):
            options.update(scheduler=chosen.scheduler, scheduler_flags=sorted(chosen.scheduler_flags))
        if draw(st.booleans()):
            options["persistence_timeout"] = chosen.persistence_timeout
        if draw(st.integers(0, 4)):
            items = draw(st.lists(destinations(key), max_size=7, unique_by=lambda item: item.name))
            options["destinations"] = [_destination_options(item, draw) for item in items]
        services.append(options)
    return services
