# SPDX-License-Identifier: GPL-3.0-or-later
"""libyang's errors as those of RFC 6241 (Appendix A) and RFC 7950 (8.3 and 15)."""

from __future__ import annotations

import re
from collections.abc import Callable

from _libyang import ffi, lib

from . import paths
from .errors import Fault, RpcError
from .schema import Schema
from .tree import LibyangRefused, Tree, path_of

_DATA = re.compile(r'Data location "(.*?)"(?:, |\.$)', re.DOTALL)
_SCHEMA = re.compile(r'Schema location "(.*?)"(?:, |\.$)', re.DOTALL)
_QUOTED = re.compile(r'"([^"]*)"')

# What libyang says -> error-tag and, where section 15 of RFC 7950 has one, error-app-tag.
_TAGS: tuple[tuple[str, str, str | None], ...] = (
    (r"not found as a child of|^Node \".*\" not found", "unknown-element", None),
    (r"No module (with namespace|named)|module .* not (found|implemented)", "unknown-namespace", None),
    (r"missing its key", "missing-element", None),
    (r"^Text value .* inside an inner node", "bad-element", None),
    (r"metadata|attribute", "unknown-attribute", None),
    (r"data state node|state data|config false", "unknown-element", None),
    (r"^Mandatory choice", "data-missing", "missing-choice"),
    (r"^Mandatory node", "data-missing", None),
    (r"leafref|instance-identifier .* required|no target instance", "data-missing", "instance-required"),
    (r"^Unique data leaf", "operation-failed", "data-not-unique"),
    (r"^Too many", "operation-failed", "too-many-elements"),
    (r"^Too few", "operation-failed", "too-few-elements"),
    (r"Data for both cases", "bad-element", None),
    (r"^Duplicate instance", "bad-element", None),
    (r"^When condition", "unknown-element", None),
    (r"^Must condition", "operation-failed", "must-violation"),
)
_COMPILED = [(re.compile(pattern), tag, app_tag) for pattern, tag, app_tag in _TAGS]
_WITH_BAD_ELEMENT = {
    "unknown-element",
    "unknown-namespace",
    "missing-element",
    "bad-element",
    "bad-attribute",
    "unknown-attribute",
}


def stored(schema: Schema) -> list[tuple[str, str | None, str | None, str | None]]:
    """Takes libyang's errors: message, data path, schema path, app-tag of each."""
    found = []
    item = lib.ly_err_first(schema.context.cdata)
    while item:
        if item.level == lib.LY_LLERR:
            place = _text(item.path)
            data, model = _DATA.search(place), _SCHEMA.search(place)
            found.append((_text(item.msg), data and data[1], model and model[1], _text(item.apptag) or None))
        item = item.next
    lib.ly_err_clean(schema.context.cdata, ffi.NULL)
    return found


def fault_of(schema: Schema, tree: Tree | None = None) -> Fault:
    """libyang's errors as a Fault.

    Args:
        tree: the data that was checked, to find the place where something is missing.
    """
    found = stored(schema) or [("The data is not what the models say.", None, None, None)]
    return Fault(*(_error(schema, tree, *item) for item in found))


def checked(schema: Schema, work: Callable[[], object], tree: Tree | None = None) -> None:
    """Do `work`; what libyang refuses becomes a Fault."""
    try:
        work()
    except LibyangRefused:
        raise fault_of(schema, tree) from None


def _error(
    schema: Schema, tree: Tree | None, message: str, data: str | None, model: str | None, app_tag: str | None
) -> RpcError:
    tag, standard = "invalid-value", None
    for pattern, candidate, wanted in _COMPILED:
        if pattern.search(message):
            tag, standard = candidate, wanted
            break
    quoted = _QUOTED.search(message)
    name = quoted[1] if quoted else ""
    info: list[tuple[str, str]] = []
    if model and data is None and message.startswith("Mandatory"):
        data = _where_missing(tree, model, is_choice=standard == "missing-choice")
    if standard == "missing-choice":
        info.append(("missing-choice", name))
    elif tag in _WITH_BAD_ELEMENT:
        if "attribute" in tag:
            info.append(("bad-attribute", name))
            name = paths.last_step(data or "")
        element = name.rpartition(":")[2] if tag != "unknown-namespace" else paths.last_step(data or "")
        if element:
            info.append(("bad-element", element))
        if tag == "unknown-namespace":
            info.append(("bad-namespace", name))
    elif tag == "invalid-value" and data:
        info.append(("bad-element", paths.last_step(data)))
    path, namespaces = paths.to_xml(schema, data) if data else (None, {})
    return RpcError(tag, message, app_tag=standard or app_tag, path=path, namespaces=namespaces, info=info)


def _where_missing(tree: Tree | None, model: str, *, is_choice: bool) -> str | None:
    """The instance that lacks something: libyang names the schema node only.

    For a mandatory leaf the path goes on to the leaf, for a choice it ends at the parent (RFC 7950, 15.6).
    """
    parent, _slash, name = model.rpartition("/")
    if tree is None or not parent:
        return None
    try:
        found = tree.xpath(f"{parent}[not({name})][1]" if not is_choice else parent)
    except LibyangRefused:
        lib.ly_err_clean(tree.context.cdata, ffi.NULL)
        return None
    if not found:
        return None
    if not is_choice:
        return f"{path_of(found[0])}/{name}"
    return path_of(found[0]) if len(found) == 1 else None


def _text(words: object) -> str:
    return ffi.string(words).decode(errors="replace") if words else ""
