# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical form of a value that a client has written (RFC 7950, 9.1): 10.0.0.1/8 and 10.0.0.0/8 are one prefix."""

from __future__ import annotations

from typing import Any

from _libyang import ffi, lib
from lxml import etree

from .schema import Schema
from .tree import NULL

BLANK = " \t\r\n"
_IDENTITY = lib.LY_TYPE_IDENT


def canonical(schema: Schema, element: etree._Element, model: Any) -> str:
    """The text of an element as libyang would keep it; as it is where it is no value of the type.

    Args:
        model: the schema node of a leaf or leaf-list.
    """
    text = str(element.text or "").strip(BLANK)
    kind_of = ffi.cast("struct lysc_node_leaf *", model).type.basetype
    if kind_of == _IDENTITY:
        # In XML an identity has the prefix of its module, in libyang's canonical form its module's name.
        prefix, colon, name = text.rpartition(":")
        module = schema.by_namespace.get(element.nsmap.get(prefix if colon else None, ""))
        return f"{module.name}:{name}" if module else text
    found = ffi.new("const char **")
    value = text.encode()
    code = lib.lyd_value_validate(schema.context.cdata, model, value, len(value), NULL, ffi.NULL, found)
    if code in (lib.LY_SUCCESS, lib.LY_EINCOMPLETE) and found[0]:
        return str(ffi.string(found[0]).decode())
    lib.ly_err_clean(schema.context.cdata, NULL)
    return text
