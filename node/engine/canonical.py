# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical form of a value that a client has written (RFC 7950, 9.1): 10.0.0.1/8 and 10.0.0.0/8 are one prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _libyang import ffi, lib
from lxml import etree

from .schema import Schema
from .tree import NULL

BLANK = " \t\r\n"
_IDENTITY = lib.LY_TYPE_IDENT
_GOOD = (lib.LY_SUCCESS, lib.LY_EINCOMPLETE)


def canonical(schema: Schema, element: etree._Element, model: Any) -> str:
    """The text of an element as libyang would keep it; as it is where it is no value of the type.

    Args:
        model: the schema node of a leaf or leaf-list.
    """
    return reader(schema, model)(element).decode()


def reader(schema: Schema, model: Any) -> Callable[[etree._Element], bytes]:
    """The same for many elements of one schema node, as octets: what can be found out once is."""
    if ffi.cast("struct lysc_node_leaf *", model).type.basetype == _IDENTITY:
        return lambda element: _identity(schema, element)
    context, validate, string = schema.context.cdata, lib.lyd_value_validate, ffi.string
    found = ffi.new("const char **")

    def read(element: etree._Element) -> bytes:
        value = (element.text or "").strip(BLANK).encode()
        code = validate(context, model, value, len(value), NULL, NULL, found)
        if code in _GOOD and found[0]:
            return bytes(string(found[0]))
        lib.ly_err_clean(context, NULL)
        return value

    return read


def _identity(schema: Schema, element: etree._Element) -> bytes:
    """In XML an identity has the prefix of its module, in libyang's canonical form its module's name."""
    text = (element.text or "").strip(BLANK)
    prefix, colon, name = text.rpartition(":")
    module = schema.by_namespace.get(element.nsmap.get(prefix if colon else None, ""))
    return (f"{module.name}:{name}" if module else text).encode()
