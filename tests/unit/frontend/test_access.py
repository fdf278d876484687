# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists to nf_tables and back, without a kernel."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink import nft_rules
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.access import compile_table, decode_table
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.names import canonical
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.nft_table import Table, transition
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import (
    ACTIONS,
    TCP_FLAGS,
    AccessEntry,
    AccessList,
    NodeConfig,
)

_FOUR = st.ip_addresses(v=4, network="10.0.0.0/8").flatmap(lambda one: st.integers(0, 32).map(lambda n: _net(one, n)))
_SIX = st.ip_addresses(v=6, network="2001:db8::/32").flatmap(
    lambda one: st.integers(0, 128).map(lambda n: _net(one, n))
)
_PORTS = st.one_of(
    st.none(),
    st.integers(0, 65535).map(str),
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda two: f"{min(two)}-{max(two)}"),
)


def _net(address: Any, length: int) -> str:
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


@st.composite
def entries(draw: st.DrawFn, name: str = "e") -> AccessEntry:
    prefixes = st.one_of(st.none(), draw(st.sampled_from([_FOUR, _SIX])))
    data: dict[str, Any] = {
        "name": name,
        "action": draw(st.sampled_from(ACTIONS)),
        "source": draw(prefixes),
        "destination": draw(prefixes),
        "established": draw(st.booleans()),
        "protocol": draw(st.sampled_from([None, "tcp", "udp", "sctp", "gre", "esp", "0", "6", "089", "255"])),
    }
    if data["protocol"] in ("tcp", "udp", "sctp"):
        data |= {"source_port": draw(_PORTS), "destination_port": draw(_PORTS)}
    if data["protocol"] == "tcp":
        data["tcp_flags"] = draw(st.one_of(st.none(), st.sets(st.sampled_from(TCP_FLAGS), min_size=1).map(",".join)))
    config = NodeConfig.from_dict({"access_lists": [{"name": "l", "entries": [data]}]})
    return canonical(config).access_lists[0].entries[0]


@settings(max_examples=500, deadline=None)
@given(entries())
def test_every_entry_comes_back_through_the_bytes_of_the_kernel(entry: AccessEntry) -> None:
    expressions = nft_rules.compile_entry(entry)
    back = nft_rules.unpack_expressions(nft_rules.pack_expressions(expressions))
    assert back == expressions
    assert nft_rules.read_entry("e", back) == entry


@settings(max_examples=200, deadline=None)
@given(entries(), st.data())
def test_any_expression_lost_or_doubled_is_noticed(entry: AccessEntry, data: st.DataObject) -> None:
    expressions = nft_rules.compile_entry(entry)
    at = data.draw(st.integers(0, len(expressions) - 1))
    for changed in (expressions[:at] + expressions[at + 1 :], [*expressions[: at + 1], *expressions[at:]]):
        read = nft_rules.read_entry("e", changed)
        assert read != entry
        assert read.action.startswith("unknown") or nft_rules.compile_entry(read) == changed


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text("abü -.", min_size=1, max_size=4), st.lists(entries(), max_size=2), max_size=4),
    st.data(),
)
def test_a_table_decodes_to_what_it_was_compiled_from(found: dict[str, list[AccessEntry]], data: st.DataObject) -> None:
    lists = {name: AccessList(name, tuple(items), data.draw(st.sampled_from(ACTIONS))) for name, items in found.items()}
    names = st.lists(st.sampled_from(sorted(lists)), unique=True, min_size=1).map(tuple) if lists else st.nothing()
    places = st.tuples(st.sampled_from(["sn1", "x@y+"]), st.sampled_from(["ingress", "egress"]))
    attached = data.draw(st.dictionaries(places, names)) if lists else {}
    table = compile_table(lists, attached, None)
    assert decode_table(table) == (lists, attached)
    assert transition(table, table) == []


def test_nothing_needs_no_table() -> None:
    assert compile_table({}, {("sn1", "ingress"): ()}, Table()) is None
