# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenConfig's published models, and a server that has them. ``scripts/setup`` takes them from PyPI."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .raw import BASE, Raw
from .server import Netconfd

MODELS = Path(sysconfig.get_path("data")) / "share/yang/modules/openconfig"
MODULES = (
    "openconfig-interfaces",
    "openconfig-if-ip",
    "openconfig-vlan",
    "openconfig-local-routing",
    "openconfig-network-instance",
    "openconfig-acl",
)
# Modules of which others only name identities: a validator must implement them too.
TYPES = ("openconfig-vlan-types", "openconfig-mpls-types", "openconfig-packet-match-types", "openconfig-policy-types")
_IF = "http://openconfig.net/yang/interfaces"
_PROTOCOLS = "bgp", "mpls", "sr", "isis", "aft"
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})"


def why_not() -> str | None:
    """Why the models cannot be used, or None."""
    return None if MODELS.is_dir() else "needs OpenConfig's models, which `scripts/setup dev` downloads"


def repaired(folder: Path) -> Path:
    """Copies the models, without the mistakes of these revisions that make them refuse what they mean to accept.

    Their patterns are POSIX expressions with anchors, but YANG's are those of XML Schema, where ``^`` and ``$`` are
    characters (RFC 7950, 9.4.5). The pattern of port ranges knows no port 61999. The condition for static routes
    names an identity without its prefix, and starts one level too high (RFC 7950, 7.21.5 and 9.10.3).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(MODELS.glob("openconfig-*.yang")):
        text = re.sub(r"'\^|\$'", "'", file.read_text())
        if file.stem == "openconfig-packet-match-types":
            text = _once(r"pattern '\(6\[0-5\]\[0-5\].*?;", f"pattern '{_PORT}\\.\\.{_PORT}';", text)
        elif file.stem == "openconfig-network-instance":
            text = _once(
                r'"\.\./config/identifier = \'STATIC\'"', "\"config/identifier = 'oc-pol-types:STATIC'\"", text
            )
        (folder / file.name).write_text(text)
    return folder


def for_netconfd(folder: Path) -> Path:
    """The same without what ends netconfd: the dynamic routing protocols and layer 2 of network instances."""
    file = repaired(folder) / "openconfig-network-instance.yang"
    text = file.read_text()
    for prefix in _PROTOCOLS:
        text = _once(rf'\n *import [a-z-]+ {{ prefix "oc-{prefix}"; }}', "", text)
        text = _without(rf"uses oc-{prefix}:[a-z-]+", text)
    text = _once(r"\n *include openconfig-network-instance-l2;", "", text)
    file.write_text(_without("uses l2ni-[a-z-]+", text))
    return folder


def _once(pattern: str, text: str, where: str) -> str:
    found, times = re.subn(pattern, lambda _match: text, where, flags=re.DOTALL)
    assert times == 1, f"{pattern} occurs {times} times: these are other models"
    return found


def _without(statement: str, text: str) -> str:
    """The module without a statement, wherever it stands, and what is in its braces."""
    while found := re.search(rf"\n *{statement} *[;{{]", text):
        end, depth = found.end(), found.group().count("{")
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: found.start()] + text[end:]
    return text


@contextmanager
def server(folder: Path) -> Iterator[Netconfd]:
    """netconfd with these models, and the hands of somebody else."""
    made = Netconfd(folder, modules=("iana-if-type", *MODULES, "ietf-netconf-notifications"))
    for_netconfd(folder / "yang")
    with made:
        yield made


def add_interface(raw: Raw, name: str, address: str | None = None) -> None:
    """An interface of somebody else."""
    inside = ""
    if address:
        host, _slash, length = address.partition("/")
        config = f"<config><ip>{host}</ip><prefix-length>{length}</prefix-length></config>"
        addresses = f"<addresses><address><ip>{host}</ip>{config}</address></addresses>"
        inside = f'<ipv4 xmlns="{_IF}/ip">{addresses}</ipv4>'
    kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type>'
    unit = f"<subinterface><index>0</index><config><index>0</index></config>{inside}</subinterface>"
    config = f"<config><name>{name}</name>{kind}<description>theirs</description></config>"
    item = f"<interface><name>{name}</name>{config}<subinterfaces>{unit}</subinterfaces></interface>"
    raw.edit(f'<interfaces xmlns="{_IF}">{item}</interfaces>')


def remove_interface(raw: Raw, name: str) -> None:
    """Removes an interface, whoever made it."""
    gone = f'<interface xmlns:nc="{BASE}" nc:operation="delete"><name>{name}</name></interface>'
    raw.edit(f'<interfaces xmlns="{_IF}">{gone}</interfaces>')


def clear(raw: Raw) -> None:
    """Empties running."""
    raw.check_free()
    tops = (("acl", "acl"), ("network-instances", "network-instance"), ("interfaces", "interfaces"))
    for name, space in tops:
        raw.edit(f'<{name} xmlns="http://openconfig.net/yang/{space}" xmlns:nc="{BASE}" nc:operation="remove"/>')
