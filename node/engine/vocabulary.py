# SPDX-License-Identifier: GPL-3.0-or-later
"""How many words that no model has a client may use.

The XML library keeps every name and namespace that it has ever met for the life of the process. Names of the models
are a fixed set; without a limit on the others, whoever may log in could fill the memory for good.
"""

from __future__ import annotations

import re

from .errors import fault
from .message import BASE_1_0, BASE_1_1, NOTIFICATION
from .schema import Schema

_WORDS = re.compile(rb"<([^\s/>!?\"'=<]+)|[\s\"']([^\s=<>\"'/]+)\s*=\s*(?=[\"'])")
_NAMESPACES = re.compile(rb"xmlns[^=<>]{0,99}=\s*[\"']([^\"'<]*)")
_IN_MODELS = re.compile(rb"[A-Za-z_][\w.-]*")
_PROTOCOL = f"""rpc message-id hello capabilities capability session-id config filter type select operation insert key
 value default xmlns xml lang nc {BASE_1_0} {BASE_1_1} {NOTIFICATION} urn:ietf:params:xml:ns:netconf:default:1.0"""
MOST = 4096
"""Octets of unknown words in one message."""
BUDGET = 1_000_000
"""Octets of unknown words in the life of the process."""


class Vocabulary:
    """Knows the words of the models, and those that clients have used beside them."""

    def __init__(self, schema: Schema) -> None:
        self._known = set(_PROTOCOL.encode().split())
        for module in schema.modules:
            self._known.update(_IN_MODELS.findall(schema.source(module.name)))
            self._known.update((module.namespace.encode(), module.prefix.encode()))
        self._left = BUDGET

    def check(self, message: bytes) -> None:
        """
        Raises:
            Fault: ``too-big`` or ``resource-denied``; the message must not be parsed.
        """
        found = {word for words in set(_WORDS.findall(message)) for whole in words for word in _parts(whole)}
        new = found.union(_NAMESPACES.findall(message)) - self._known
        size = sum(map(len, new))
        if size > MOST:
            raise fault("too-big", "The message has too many names that no model knows.", "rpc")
        if size > self._left:
            raise fault("resource-denied", "Clients have used too many names that no model knows.", "rpc")
        self._left -= size
        self._known |= new


def _parts(word: bytes) -> tuple[bytes, ...]:
    """Prefix and name; a namespace stays whole."""
    prefix, colon, name = word.partition(b":")
    if not word:
        return ()
    return (prefix, name) if colon and b":" not in name and b"/" not in name else (word,)
