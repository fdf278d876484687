# SPDX-License-Identifier: GPL-3.0-or-later
"""<get>, <get-config> and <get-schema>: what is asked for, and only that, is put together and printed."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from _libyang import ffi, lib
from lxml import etree

from ..contract import Kernel, KernelRefused, Part
from . import filters, keyless, tree
from .complaints import fault_of
from .edit_text import tagged
from .errors import Fault, RpcError, fault
from .filters import Filter
from .message import qualified
from .params import Params
from .schema import Schema
from .tree import LibyangRefused, Tree
from .xpath import with_module_names

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_PARTS = {
    Part.INTERFACES: ("ietf-interfaces", None),
    Part.ROUTES: ("ietf-routing", "ribs"),
    Part.ACCESS_LISTS: ("ietf-access-control-list", None),
}
_MODULE = re.compile(r"([A-Za-z_][\w.-]*):(?!:)")
# A path that begins with // or with a name without a module.
_OPEN = re.compile(r"(?:^|[|(\[\s,])/(?:/|\s*$|[A-Za-z_][\w.-]*(?![\w.:-]))")


class Asked:
    """Which modules and parts a filter can select at all, so that the rest need not be put together."""

    def __init__(self, schema: Schema, wanted: Filter) -> None:
        """
        Raises:
            Fault: the filter is none.
        """
        self.all = False
        self.modules: set[str] = set()
        self._inside: dict[str, set[str] | None] = {}
        everything = {module.name for module in schema.modules if module.implemented}
        if wanted is None:
            self.all = True
        elif filters.kind(wanted) == "xpath":
            self._xpath(with_module_names(schema, filters.expression_of(wanted) or "", wanted.nsmap), everything)
        else:
            self._subtree(schema, wanted)
        if self.all:
            self.modules = everything

    def _xpath(self, expression: str, everything: set[str]) -> None:
        # A step that may lead anywhere asks for everything: better slow than wrong.
        self.modules = {found[1] for found in _MODULE.finditer(expression)} & everything
        self.all = (
            not self.modules
            or not expression.lstrip().startswith("/")
            or any(word in expression for word in ("*", "..", "::", "node("))
            or _OPEN.search(expression) is not None
        )
        if "ietf-routing" in self.modules and "ribs" not in expression and "control-plane-protocol" in expression:
            self._inside["ietf-routing"] = {"control-plane-protocols"}

    def _subtree(self, schema: Schema, wanted: etree._Element) -> None:
        for element in wanted:
            namespace, _name = qualified(element)
            if not namespace:
                self.all = True
                return
            module = schema.by_namespace.get(namespace)
            if module is None:
                continue
            self.modules.add(module.name)
            names = {qualified(child)[1] for child in element} or None
            known = self._inside.get(module.name, set())
            self._inside[module.name] = None if names is None or known is None else known | names

    def parts(self) -> frozenset[Part]:
        """The parts of the kernel's state."""
        found = set()
        for part, (module, below) in _PARTS.items():
            inside = self._inside.get(module)
            if module in self.modules and (self.all or below is None or inside is None or below in inside):
                found.add(part)
        return frozenset(found)


def configuration(schema: Schema, source: Tree, wanted: Filter, defaults: int) -> bytes:
    """What a filter selects of a datastore, as text."""
    if wanted is None:
        return _printed(source, defaults)
    chosen = filters.select(schema, source, wanted)
    try:
        return _printed(chosen, defaults)
    finally:
        chosen.free()


async def given_up(schema: Schema, source: Tree, wanted: Filter, defaults: int) -> bytes:
    """What a filter selects of a tree that nobody needs any more, as text.

    Only the choice is made here. A thread prints: 100,000 routes take a second, in which others have their turn.
    """
    chosen = source if wanted is None else filters.select(schema, source, wanted)
    source = Tree(schema.context, chosen.take())
    # From here on the thread owns it, and frees it even when nobody waits for the text any more.
    return await asyncio.to_thread(_printed_and_freed, source, defaults)


def _printed_and_freed(content: Tree, defaults: int) -> bytes:
    try:
        return _printed(content, defaults)
    finally:
        content.free()


def _printed(content: Tree, defaults: int) -> bytes:
    text = content.print(defaults)
    return tagged(text) if defaults == lib.LYD_PRINT_WD_ALL_TAG else text


def part_of(schema: Schema, source: Tree, modules: set[str]) -> Tree:
    """A copy of the top-level nodes of some modules."""
    made = Tree(schema.context)
    place = ffi.new("struct lyd_node **")
    for node in tree.siblings(source.first):
        if tree.name_of(node.schema.module) in modules:
            if lib.lyd_dup_single(node, ffi.NULL, lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS, place):
                raise LibyangRefused
            made.first = tree.put_beside(made.first, place[0])
    return made


async def kernel_state(schema: Schema, kernel: Kernel, parts: frozenset[Part]) -> Tree:
    """The kernel's state as a tree.

    Raises:
        Fault: the kernel cannot be read, or the kernel side told what the models do not know.
    """
    if not parts:
        return Tree(schema.context)
    try:
        told: dict[str, Any] = await kernel.state(parts)
    except KernelRefused as refused:
        raise Fault(*(RpcError(e.tag, e.message, path=e.path) for e in refused.errors)) from None
    try:
        return await keyless.parse_state(schema.context, told, lib.LYD_PARSE_STRICT)
    except LibyangRefused:
        found = fault_of(schema)
        raise Fault(*(RpcError("operation-failed", f"State: {e.message}", path=e.path) for e in found.errors)) from None


def schema_text(schema: Schema, operation: etree._Element) -> bytes:
    """<get-schema> (RFC 6022, 3.1): the escaped text.

    Raises:
        Fault: ``invalid-value``: no such module, revision or format.
    """
    params = Params(operation, ("identifier", "version", "format"), MONITORING)
    params.need("identifier")
    name = params.text("identifier") or ""
    version = params.text("version")
    form = (params.text("format") or "yang").rpartition(":")[2]
    found = schema.by_name.get(name)
    if found is None or (version is not None and version != found.revision) or form not in ("yang", "yin"):
        said = f"There is no schema '{name}'" + (f" of version '{version}'" if version is not None else "")
        raise fault("invalid-value", f"{said} in the format {form}.", "application", bad_element="identifier")
    text = schema.source(name, yin=form == "yin").decode()
    holder = etree.Element("x")
    holder.text = text
    return bytes(etree.tostring(holder))[len("<x>") : -len("</x>")]
