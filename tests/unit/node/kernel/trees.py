# SPDX-License-Identifier: GPL-3.0-or-later
"""Data trees by the node's own schema, from short XML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import libyang

from ansible_collections.shadownet.ipam.node.engine.schema import Schema


@cache
def context() -> libyang.Context:
    return Schema().context


@contextmanager
def tree(data: str | dict[str, Any]) -> Iterator[libyang.DNode | None]:
    """A validated tree of XML or of JSON values; None for nothing."""
    form = "xml" if isinstance(data, str) else "json"
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)  # libyang knows no surrogates
    made = context().parse_data_mem(text, form, validate_present=True, no_state=True, strict=True)
    try:
        yield made
    finally:
        if made is not None:
            made.free()


def interface(name: str, kind: str = "bridge", inner: str = "") -> str:
    return f"<interface><name>{name}</name><type>ianaift:{kind}</type>{inner}</interface>"


def interfaces(*inner: str) -> str:
    return (
        '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces" '
        f'xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">{"".join(inner)}</interfaces>'
    )


def ip(family: int, inner: str) -> str:
    return f'<ipv{family} xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">{inner}</ipv{family}>'


def address(text: str) -> str:
    host, _slash, length = text.partition("/")
    return f"<address><ip>{host}</ip><prefix-length>{length}</prefix-length></address>"


def route(prefix: str, hop: str) -> str:
    return f"<route><destination-prefix>{prefix}</destination-prefix><next-hop>{hop}</next-hop></route>"


def via(address_text: str) -> str:
    return f"<next-hop-address>{address_text}</next-hop-address>"


def instance(name: str, *, v4: str = "", v6: str = "", kind: str = "static") -> str:
    families = "".join(
        f'<ipv{family} xmlns="urn:ietf:params:xml:ns:yang:ietf-ipv{family}-unicast-routing">{inner}</ipv{family}>'
        for family, inner in ((4, v4), (6, v6))
        if inner
    )
    routes = f"<static-routes>{families}</static-routes>" if families else ""
    return (
        '<control-plane-protocol xmlns:rt="urn:ietf:params:xml:ns:yang:ietf-routing">'
        f"<type>rt:{kind}</type><name>{name}</name>{routes}</control-plane-protocol>"
    )


def routing(*inner: str) -> str:
    return (
        '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing"><control-plane-protocols>'
        f"{''.join(inner)}</control-plane-protocols></routing>"
    )


def ace(name: str, matches: str = "", action: str = "accept") -> str:
    actions = f"<actions><forwarding>{action}</forwarding></actions>"
    return f"<ace><name>{name}</name><matches>{matches}</matches>{actions}</ace>"


def acl(name: str, *aces: str, kind: str = "mixed-eth-ipv4-ipv6-acl-type") -> str:
    return f"<acl><name>{name}</name><type>{kind}</type><aces>{''.join(aces)}</aces></acl>"


def acls(*inner: str, points: str = "") -> str:
    places = f"<attachment-points>{points}</attachment-points>" if points else ""
    return f'<acls xmlns="urn:ietf:params:xml:ns:yang:ietf-access-control-list">{"".join(inner)}{places}</acls>'


def point(name: str, *, ingress: tuple[str, ...] = (), egress: tuple[str, ...] = ()) -> str:
    sides = "".join(
        f"<{side}><acl-sets>{''.join(f'<acl-set><name>{one}</name></acl-set>' for one in names)}</acl-sets></{side}>"
        for side, names in (("ingress", ingress), ("egress", egress))
        if names
    )
    return f"<interface><interface-id>{name}</interface-id>{sides}</interface>"
