# SPDX-License-Identifier: GPL-3.0-or-later
"""Which XPath expressions a client may have evaluated: those whose cost grows with the data, not with its powers.

An expression is evaluated in one go, and other sessions wait for it. ``//*[//*[//*]]`` visits all nodes for each node
for each node; a read-only user could stop the server with it. So a predicate may look only at its own node and below.
"""

from __future__ import annotations

import re

from .errors import fault

_TOKEN = re.compile(
    r"""(?P<literal>'[^']*'|"[^"]*")|(?P<axis>[A-Za-z][a-z-]*)\s*::|(?P<call>[A-Za-z][\w.-]*)\s*\("""
    r"""|(?P<mark>//|\.\.|[][/|])|(?P<name>[\w.][\w.-]*)|(?P<sign>\S)"""
)
_WIDE_AXES = {"following", "following-sibling", "preceding", "preceding-sibling"}
_UP_AXES = {"ancestor", "ancestor-or-self", "parent"}
_DOWN_AXES = {"descendant", "descendant-or-self"}
_FAR_CALLS = {"current", "deref"}
_MOST_DEEP = 8
_MOST_PATHS = 32
_MOST_STEPS = 64


def check_cost(expression: str) -> None:
    """Refuses what could take very long.

    Raises:
        Fault: ``operation-not-supported``, with what is too much.
    """
    depth = deep = paths = steps = 0
    ended = False  # whether the token before ends an operand: then * and names are operators (XPath 1.0, 3.7)
    for token in _TOKEN.finditer(expression):
        mark, axis = token["mark"], token["axis"]
        if mark == "[":
            depth += 1
        elif mark == "]":
            depth -= 1
        if axis in _WIDE_AXES:
            raise _too_much(f"the axis {axis} is not evaluated")
        far = mark in ("//", "..") or axis in _UP_AXES | _DOWN_AXES or token["call"] in _FAR_CALLS
        if depth and (far or (mark == "/" and not ended)):
            raise _too_much(f"'{token[0].strip()}' inside [ ] is not evaluated, only what lies below the node itself")
        deep += mark == "//" or axis in _DOWN_AXES
        paths += mark == "|"
        steps += mark in ("/", "//", "[")
        if token["name"] or token[0] == "*":
            ended = not ended
        else:
            ended = token["literal"] is not None or token[0] in ("]", ")", "..")
    if deep > _MOST_DEEP or paths > _MOST_PATHS or steps > _MOST_STEPS:
        raise _too_much(
            f"more than {_MOST_DEEP} '//', {_MOST_PATHS} '|', or {_MOST_STEPS} steps and predicates are not evaluated"
        )


def _too_much(what: str) -> Exception:
    return fault("operation-not-supported", f"select: {what}.", bad_attribute="select", bad_element="filter")
