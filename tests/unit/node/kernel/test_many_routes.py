# SPDX-License-Identifier: GPL-3.0-or-later
"""A RIB of many routes: entries of a list without keys, all of them shown, and none slower than the one before."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("libyang", reason="needs the extra node")

from lxml import etree

from ansible_collections.shadownet.ipam.node.contract import Part
from ansible_collections.shadownet.ipam.node.engine import reading
from ansible_collections.shadownet.ipam.node.engine.schema import Schema

ROUTING = "urn:ietf:params:xml:ns:yang:ietf-routing"


def subtree(inner: str) -> str:
    return f'<filter type="subtree"><routing xmlns="{ROUTING}">{inner}</routing></filter>'


def xpath(select: str) -> str:
    return f'<filter type="xpath" xmlns:rt="{ROUTING}" select="{select}"/>'


FILTERS = [
    subtree(""),
    subtree("<ribs><rib><routes><route/></routes></rib></ribs>"),
    subtree("<ribs><rib><routes><route><source-protocol/></route></routes></rib></ribs>"),
    xpath("/rt:routing/rt:ribs"),
    xpath("//rt:route[rt:active]"),
]


class Shown:
    """What a kernel side tells: two RIBs of so many routes."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def state(self, _parts: frozenset[Part]) -> dict[str, Any]:
        ribs = [
            {
                "name": f"ipv{family}-master",
                "address-family": f"ietf-ipv{family}-unicast-routing:ipv{family}-unicast",
                "routes": {
                    "route": [
                        {
                            f"ietf-ipv{family}-unicast-routing:destination-prefix": prefix(number),
                            "next-hop": {"special-next-hop": "blackhole"},
                            "source-protocol": "ietf-routing:static",
                            "active": [None],
                        }
                        for number in range(self.count)
                    ]
                },
            }
            for family, prefix in ((4, _four), (6, _six))
        ]
        return {"ietf-routing:routing": {"ribs": {"rib": ribs}}}


def _four(number: int) -> str:
    return f"10.{number >> 8}.{number & 255}.0/24"


def _six(number: int) -> str:
    return f"2001:db8::{number:x}/128" if number else "2001:db8::/128"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema()


@pytest.mark.parametrize("wanted", [None, *FILTERS])
def test_all_of_them_are_shown_in_their_order(schema: Schema, wanted: str | None) -> None:
    count = 1_111  # several chunks, and an uneven last one
    state = asyncio.run(reading.kernel_state(schema, Shown(count), frozenset({Part.ROUTES})))  # type: ignore[arg-type]
    try:
        text = reading.configuration(schema, state, None if wanted is None else etree.fromstring(wanted), 0)
    finally:
        state.free()
    ribs = etree.fromstring(b"<data>" + text + b"</data>").findall(".//{*}rib")
    assert [one.findtext("{*}name") for one in ribs] == ["ipv4-master", "ipv6-master"]
    for rib, first, last in zip(
        ribs, ("10.0.0.0/24", "2001:db8::/128"), ("10.4.86.0/24", "2001:db8::456/128"), strict=True
    ):
        assert len(rib.findall(".//{*}source-protocol")) == count
        prefixes = [one.text for one in rib.findall(".//{*}destination-prefix")]
        assert not prefixes or (prefixes[0], prefixes[-1], len(set(prefixes))) == (first, last, count)


def test_four_times_as_many_take_four_times_as_long(schema: Schema) -> None:
    def seconds(count: int) -> float:
        shown = Shown(count)
        start = time.process_time()
        state = asyncio.run(reading.kernel_state(schema, shown, frozenset({Part.ROUTES})))  # type: ignore[arg-type]
        for one in FILTERS:
            reading.configuration(schema, state, etree.fromstring(one), 0)
        state.free()
        return time.process_time() - start

    seconds(100)
    few = min(seconds(3_000) for _round in range(3))
    many = min(seconds(12_000) for _round in range(2))
    assert many < 9 * few  # with the square of their number it would be 16
