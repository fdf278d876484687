# SPDX-License-Identifier: GPL-3.0-or-later
"""XPath as clients write it, with the prefixes of their message, as libyang wants it, with names of modules."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import fault
from .schema import Schema
from .xpath_cost import check_cost

_TOKEN = re.compile(
    r"""(?P<literal>'[^']*'|"[^"]*")|(?P<axis>[A-Za-z_][\w.-]*)::|(?P<name>[A-Za-z_][\w.-]*):(?=[A-Za-z_*])""",
)
_IDENTITY = re.compile(r"(['\"])([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)\1")
_LONGEST = 10_000


def with_module_names(schema: Schema, expression: str, namespaces: Mapping[str | None, str]) -> str:
    """Replaces the prefixes, those of identities in literals too.

    Names without prefix are of the module of the node above, as in YANG's own XPath.

    Raises:
        Fault: a prefix is not declared, or the expression is too long to be honest.
    """
    if len(expression) > _LONGEST:
        raise fault("too-big", "select: the expression is longer than 10,000 characters.", bad_element="filter")

    check_cost(expression)

    def replaced(found: re.Match[str]) -> str:
        prefix = found["name"]
        identity = _IDENTITY.fullmatch(found[0])
        if identity and (owner := schema.by_namespace.get(namespaces.get(identity[2], ""))):
            return f"{identity[1]}{owner.name}:{identity[3]}{identity[1]}"
        if prefix is None:
            return found[0]
        if prefix not in namespaces:
            raise fault(
                "invalid-value",
                f"select: prefix '{prefix}' is not declared.",
                bad_attribute="select",
                bad_element="filter",
            )
        module = schema.by_namespace.get(namespaces[prefix])
        if module is None:
            raise fault(
                "unknown-namespace",
                f"select: no module has the namespace '{namespaces[prefix]}'.",
                bad_element="filter",
                bad_namespace=namespaces[prefix],
            )
        return f"{module.name}:"

    return _TOKEN.sub(replaced, expression)
