# SPDX-License-Identifier: GPL-3.0-or-later
"""XML from strangers can neither grow, nor read files, nor break the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.parse import Reader
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import BadXml, parse

LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><a>&a11;</a>',
        '<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/hostname">]><a>&file;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        "<!DOCTYPE a><a/>",
        "<a>",
        "",
        "<a>\x00</a>",
        "<a>&undefined;</a>",
        "<a/><b/>",
    ],
)
def test_documents_that_are_refused(text: str) -> None:
    with pytest.raises(BadXml):
        parse(text.encode())


def test_a_deep_tree_is_refused() -> None:
    with pytest.raises(BadXml):
        parse(b"<a>" * 100_000 + b"</a>" * 100_000)


def test_utf_16_hides_no_document_type() -> None:
    with pytest.raises(BadXml):
        parse('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16"))


def test_comments_and_instructions_are_no_content() -> None:
    root = parse(b"<a><?php x?>b<!-- c --></a>")
    assert root.text == "b"
    assert len(root) == 0


@pytest.mark.parametrize(
    "inside", ["", "<interface/>", "<interface><name/></interface>", "<interface>text</interface>"]
)
def test_nonsense_from_a_server_is_nothing_of_ours(inside: str) -> None:
    space = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
    text = f'<data><interfaces xmlns="{space}">{inside}</interfaces></data>'
    assert Reader(Dialect()).read(parse(text.encode())).config.to_dict()["interfaces"] == []


def test_a_large_reply_is_read(tmp_path: Path) -> None:
    space = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
    many = "".join(
        f"<interface><name>e{n}</name><description>{'x' * 60}</description></interface>" for n in range(80_000)
    )
    ours = "<interface><name>sn1</name><description>shadownet:ours</description><type>bridge</type></interface>"
    text = f'<data><interfaces xmlns="{space}">{many}{ours}</interfaces></data>'.encode()
    assert len(text) > 9_000_000
    current = Reader(Dialect()).read(parse(text))
    assert [one.name for one in current.config.interfaces] == ["sn1"]
    assert len(current.foreign.interfaces) == 80_000
