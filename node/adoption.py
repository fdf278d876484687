# SPDX-License-Identifier: GPL-3.0-or-later
"""``shadownet-node adopt``: the startup configuration of a host as it is, before an agent takes it over.

Of use where ``shadownet.ipam.frontend_config`` has configured the host by netlink so far, and where a startup file was
lost while the kernel still has what it said.
"""

from __future__ import annotations

import json
from pathlib import Path

from _libyang import lib

from ..plugins.module_utils.frontend.netlink.transport import NetlinkTransport
from ..plugins.module_utils.frontend.netlink.wire import NETLINK_ROUTE, Wire
from ..plugins.module_utils.model.errors import Conflict, InvalidInput, ShadownetError
from ..plugins.module_utils.model.node_config import NodeConfig
from .adopt import write_json
from .contract import StartupUnusable
from .engine import tree
from .engine.complaints import checked, fault_of
from .engine.errors import Fault
from .engine.schema import Schema
from .engine.startup import StartupFile, text_of
from .links_state import read_links
from .privileges import CAP_NET_ADMIN, Owner, PrivilegeError, effective
from .say import answer, say
from .settings import Settings


def adopt(settings: Settings, owner: Owner | None, *, write: bool, accept_loss: bool) -> int:
    """Shows the host's configuration as startup, or writes the startup file; gives the exit status.

    Args:
        owner: whom the file shall belong to.
        write: to the startup file, which must not be there or be empty.
        accept_loss: also where not all of it can be said.

    Raises:
        PrivilegeError: access lists cannot be read without CAP_NET_ADMIN.
        ShadownetError: the kernel cannot be read, or the file not be written.
    """
    if CAP_NET_ADMIN not in effective():
        raise PrivilegeError("this process lacks CAP_NET_ADMIN. Start it as root or with that capability.")
    schema = Schema(startup=settings.startup.mode == "explicit")
    text, lost = said(schema)
    for one in lost:
        say(f"not in the startup configuration: {one}")
    if not write:
        answer(f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">\n{text.decode()}</config>\n')
        return 0
    if lost and not accept_loss:
        raise Conflict(
            f"{len(lost)} things would be lost, and the agent would remove them from the kernel.",
            fix="Remove or change them first, or give --accept-loss.",
        )
    _write(settings.startup.file, schema, text, owner)
    say(f"wrote {settings.startup.file}. Start the agent once with --takeover.")
    return 0


def said(schema: Schema, netns: str | None = None) -> tuple[bytes, list[str]]:
    """The content of <config> for this kernel, and what of it no model can say.

    Raises:
        ShadownetError: the kernel cannot be read.
    """
    config, types = _read(netns)
    data, lost = write_json(config, types)
    text = json.dumps(data, ensure_ascii=False).encode()
    try:
        found = tree.parse(schema.context, text, lib.LYD_PARSE_STRICT, lib.LYD_JSON)
        checked(schema, found.validate, found)
    except (Fault, tree.LibyangRefused) as refused:
        words = refused if isinstance(refused, Fault) else fault_of(schema)
        raise ShadownetError(f"what this host has is not what the models allow: {words}") from None
    return text_of(found), lost


def _read(netns: str | None) -> tuple[NodeConfig, dict[str, str]]:
    transport = NetlinkTransport(netns)
    wire = Wire(NETLINK_ROUTE, netns)
    try:
        return transport.read().config, {link.name: link.type for link in read_links(wire)}
    finally:
        wire.close()
        transport.close()


def _write(path: Path, schema: Schema, text: bytes, owner: Owner | None) -> None:
    file = StartupFile(path)
    try:
        full = path.exists() and bool(file.load(schema))
    except StartupUnusable as error:
        raise InvalidInput(str(error), parameter="startup.file") from None
    if full:
        raise InvalidInput(
            f"{path} has a configuration already.", parameter="startup.file", fix="Move it away if it is not wanted."
        )
    try:
        file.prepare(text, owner=owner)
        file.finish()
    except OSError as error:
        raise ShadownetError(f"{path} cannot be written: {error.strerror}.") from None
