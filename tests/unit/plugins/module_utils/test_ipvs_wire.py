# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink messages, the connection table and diffs: what comes out is what went in."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs import codec, host, netlink, render
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.model import (
    Service,
    ServiceKey,
    Settings,
    service_dict,
)
from ansible_collections.multitier.loadbalancer.tests.unit.support import ipvs_strategies
from hypothesis import given
from hypothesis import strategies as st

KEY = ServiceKey("ipv4", protocol="tcp", address="198.51.100.1", port=80)
KEYS = st.sampled_from(ipvs_strategies.KEYS)


@given(KEYS.flatmap(lambda key: st.tuples(st.just(key), ipvs_strategies.settings(key))))
def test_services_survive_the_wire(pair: tuple[ServiceKey, Settings]) -> None:
    key, settings = pair
    decoded = codec.decode_service(netlink.attributes(codec.encode_service(key, settings)))
    assert (decoded.key, decoded.settings) == (key, settings)


@given(KEYS.flatmap(lambda key: st.tuples(st.just(key), ipvs_strategies.destinations(key))))
def test_destinations_survive_the_wire(pair: tuple[ServiceKey, Any]) -> None:
    key, destination = pair
    encoded = netlink.attributes(codec.encode_destination(destination))
    assert codec.decode_destination(encoded, key.family) == destination


def test_a_message_is_what_the_kernel_documents() -> None:
    """Byte by byte once, since encoder and decoder could share a mistake (little-endian)."""
    assert codec.encode_key(KEY).hex() == (
        "30000100" + "0600010002000000" + "0600020006000000" + "14000300c6336401" + "00" * 12 + "0600040000500000"
    )


def test_statistics() -> None:
    inner = b"".join(netlink.attribute(kind, struct.pack("=Q", kind * 2**40)) for kind in range(1, 11))
    nested = codec.encode_service(KEY, Settings())[4:] + netlink.attribute(12, inner)
    counters = codec.decode_service({1: nested}).counters
    assert counters
    assert counters["statistics"]["connections"] == 2**40
    assert counters["statistics"]["bytes_out_per_second"] == 10 * 2**40


def test_attributes_of_a_truncated_message() -> None:
    assert netlink.attributes(b"\x00\x00\x01\x00rest") == {}
    assert netlink.attributes(b"\x05") == {}


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="Linux only")
def test_an_unknown_family_is_told() -> None:
    with pytest.raises((netlink.FamilyMissingError, OSError)):
        netlink.GenericNetlink("NO-SUCH-FAMILY", 1)


CONNECTIONS = """\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP CB007109 9C40 C6336401 0050 0A00001F 0050 ESTABLISHED     899
UDP 2001:0db8:0000:0000:0000:0000:0000:0009 C350 2001:0db8:0000:0000:0000:0000:0000:0001 0035 \
2001:0db8:0000:0000:0000:0000:0000:0021 0035 UDP             300
TCP CB007109 9C41 C6336401 0050 2001:0db8:0000:0000:0000:0000:0000:0021 0050 SYN_RECV         60
"""


def test_connection_table() -> None:
    found, more = host.parse_connections(CONNECTIONS.splitlines(), 10)
    assert not more
    assert found[0] == {
        "protocol": "tcp",
        "client": {"address": "203.0.113.9", "port": 40000},
        "virtual": {"address": "198.51.100.1", "port": 80},
        "destination": {"address": "10.0.0.31", "port": 80},
        "destination_name": "10.0.0.31:80",
        "state": "ESTABLISHED",
        "expires": 899,
    }
    assert found[1]["destination_name"] == "[2001:db8::21]:53"
    assert found[2]["destination_name"] == "[2001:db8::21]:80"
    assert host.parse_connections(CONNECTIONS.splitlines(), 3) == (found, False)
    assert host.parse_connections(CONNECTIONS.splitlines(), 2) == (found[:2], True)
    assert host.parse_connections([], 0) == ([], False)


@given(KEYS.flatmap(lambda key: st.tuples(st.just(key), ipvs_strategies.settings(key), st.lists(
    ipvs_strategies.destinations(key), max_size=3))))  # fmt: skip
def test_what_the_modules_return(parts: tuple[ServiceKey, Settings, list[Any]]) -> None:
    key, settings, destinations = parts
    service = Service(key, settings, tuple(destinations))
    described = service_dict(service, 4093)
    assert described["name"] == str(key)
    assert (described["maglev_table_size"] == 4093) == (settings.scheduler == "mh")
    assert [item["name"] for item in described["destinations"]] == [item.name for item in destinations]
    lines = render.table([service]).splitlines()
    assert len(lines) == 1 + len(destinations)
    assert lines[0].startswith("-A ")


def test_lines_are_ipvsadms() -> None:
    settings = Settings("sh", frozenset({"sh-port"}), 300, 24, "sip", one_packet=True)
    assert render.lines(Service(KEY, settings)) == ["-A -t 198.51.100.1:80 -s sh -b sh-port -p 300 -M 24 --pe sip -o"]
