# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations: what each takes, what it needs to be allowed, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

from lxml import etree

from ..contract import Part
from . import edit, filters, reading
from .confirmed import Request, Who
from .errors import BASE, fault
from .locks import denied
from .message import NOTIFICATION, OK, data, qualified
from .notify import STREAM
from .params import Params, unsupported
from .startup import parse_config

DefaultOperation = Literal["merge", "replace", "none"]

if TYPE_CHECKING:
    from .engine import Engine
    from .session import EngineSession

Handler = Callable[["Engine", "EngineSession", etree._Element], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Operation:
    """
    Attributes:
        writes: only for users that may read and write.
        alone: runs while no other such operation does.
        changes: belongs into the audit log.
    """

    run: Handler
    writes: bool = True
    alone: bool = True
    changes: bool = True


def _named(engine: Engine, params: Params, parameter: str, allowed: tuple[str, ...]) -> str:
    name = qualified(params.one_of(parameter))[1]
    if name not in allowed or (name == "startup" and not engine.datastores.explicit_startup):
        raise unsupported(name, parameter)
    return name


def _config(params: Params, parameter: str) -> etree._Element | None:
    """The <config> in a <source>."""
    element = params.one_of(parameter)
    return element if qualified(element)[1] == "config" else None


async def get_config(engine: Engine, _session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.1."""
    params = Params(operation, ("source", "filter", "with-defaults"))
    source = _named(engine, params, "source", ("running", "candidate", "startup"))
    wanted = params.filter()
    return data(reading.configuration(engine.schema, engine.datastores.read(source), wanted, params.defaults()))


async def get(engine: Engine, _session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.7: running and the state of kernel and server."""
    params = Params(operation, ("filter", "with-defaults"))
    wanted, defaults = params.filter(), params.defaults()
    asked = reading.Asked(engine.schema, wanted)
    parts = asked.parts()
    async with engine.long_reads if Part.ROUTES in parts else nullcontext():
        state = await reading.kernel_state(engine.schema, engine.kernel, parts)
        # From here until all is chosen nothing waits, so that running does not change in between.
        everything = reading.part_of(engine.schema, engine.datastores.running, asked.modules)
        everything.swallow(state)
        everything.swallow(engine.monitored(asked.modules))
        try:
            return data(await reading.given_up(engine.schema, everything, wanted, defaults))
        finally:
            everything.free()


async def get_schema(engine: Engine, _session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6022, 3.1."""
    return data(reading.schema_text(engine.schema, operation), namespace=reading.MONITORING)


async def edit_config(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.2. Whatever error-option says, an edit is made as a whole or not at all."""
    params = Params(operation, ("target", "default-operation", "test-option", "error-option", "config", "url"))
    _named(engine, params, "target", ("candidate",))
    default = params.choice("default-operation", ("merge", "replace", "none"), "merge")
    test = params.choice("test-option", ("test-then-set", "set", "test-only"), "test-then-set")
    params.choice("error-option", ("stop-on-error", "continue-on-error", "rollback-on-error"), "stop-on-error")
    if params.get("url") is not None:
        raise unsupported("url", "source")
    config = params.need("config")
    engine.locks.check("candidate", session.session_id)
    content = engine.datastores.read("candidate").copy()
    edit.apply(engine.schema, content, config, cast("DefaultOperation", default))
    # Constraints of a candidate wait for <commit> or <validate> (RFC 7950, 8.3.3): a candidate may be made piece by
    # piece. Who asks for the test by name gets it.
    if test != "set" and params.get("test-option") is not None:
        tested = content.copy()
        engine.datastores.check(tested)
        await engine.datastores.possible(tested)
    if test != "test-only":
        engine.datastores.set_candidate(content, session.session_id)
    return OK


async def copy_config(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.3."""
    params = Params(operation, ("target", "source", "with-defaults"))
    params.defaults()
    target = _named(engine, params, "target", ("candidate", "startup"))
    inline = _config(params, "source")
    stores = engine.datastores
    if inline is not None:
        content = parse_config(engine.schema, inline)
    else:
        source = _named(engine, params, "source", ("running", "candidate", "startup"))
        if source == target:
            raise fault("invalid-value", "<source> and <target> are the same.", bad_element="target")
        content = stores.read(source).copy()
    engine.locks.check(target, session.session_id)
    if target == "startup":
        stores.check(content)
        stores.set_startup(content)
        session.changed("startup")
    else:
        stores.set_candidate(content, session.session_id)
    return OK


async def delete_config(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.4."""
    params = Params(operation, ("target",))
    _named(engine, params, "target", ("startup",))
    engine.locks.check("startup", session.session_id)
    engine.datastores.delete_startup()
    session.changed("startup")
    return OK


async def validate(engine: Engine, _session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 8.6."""
    params = Params(operation, ("source",))
    inline = _config(params, "source")
    if inline is not None:
        content = parse_config(engine.schema, inline)
        engine.datastores.check(content)
    else:
        content = engine.datastores.validated(_named(engine, params, "source", ("running", "candidate", "startup")))
    await engine.datastores.possible(content)
    content.free()
    return OK


async def lock(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.5."""
    params = Params(operation, ("target",))
    target = _named(engine, params, "target", ("running", "candidate", "startup"))
    if target not in engine.locks.held:
        if target == "candidate" and engine.datastores.modified:
            raise denied(target, engine.living(engine.datastores.modified_by), "has changes that are not committed")
        pending = engine.commits.pending_of
        if target == "running" and pending is not None and pending != session.session_id:
            raise denied(target, engine.living(pending), "has a confirmed commit pending")
    engine.locks.take(target, session.session_id, datetime.now(UTC))
    return OK


async def unlock(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.6; changes of candidate go with its lock (8.3.5.2)."""
    params = Params(operation, ("target",))
    target = _named(engine, params, "target", ("running", "candidate", "startup"))
    engine.locks.release(target, session.session_id)
    if target == "candidate":
        engine.datastores.discard()
    return OK


async def commit(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 8.3.4 and 8.4.5."""
    params = Params(operation, ("confirmed", "confirm-timeout", "persist", "persist-id"))
    request = Request(
        confirmed=params.get("confirmed") is not None,
        timeout=params.number("confirm-timeout", engine.settings.confirm_timeout),
        persist=params.text("persist"),
        persist_id=params.text("persist-id"),
    )
    if not request.confirmed and (request.persist is not None or params.get("confirm-timeout") is not None):
        # Without this check who forgets <confirmed/> would get what cannot be taken back.
        raise fault("missing-element", "confirm-timeout and persist need <confirmed/>.", bad_element="confirmed")
    engine.locks.check("running", session.session_id)
    engine.locks.check("candidate", session.session_id)
    session.remark = await engine.commits.commit(Who(session.session_id, session.words), request)
    return OK


async def cancel_commit(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 8.4.4.1."""
    params = Params(operation, ("persist-id",))
    engine.locks.check("running", session.session_id)
    await engine.commits.cancel(Who(session.session_id, session.words), params.text("persist-id"))
    return OK


async def discard_changes(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 8.3.4.2."""
    Params(operation, ())
    engine.locks.check("candidate", session.session_id)
    engine.datastores.discard()
    return OK


async def close_session(_engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.8."""
    Params(operation, ())
    await session.finish("closed")
    return OK


async def kill_session(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 6241, 7.9."""
    params = Params(operation, ("session-id",))
    params.need("session-id")
    number = params.number("session-id", 0)
    if number == session.session_id:
        raise fault("invalid-value", "A session cannot kill itself: use <close-session>.", bad_element="session-id")
    victim = engine.sessions.get(number)
    if victim is None:
        raise fault("invalid-value", f"There is no session {number}.", bad_element="session-id")
    await victim.finish("killed", killed_by=session.session_id)
    victim.end(f"killed by session {session.session_id}")
    return OK


async def create_subscription(engine: Engine, session: EngineSession, operation: etree._Element) -> bytes:
    """RFC 5277, 2.1.1."""
    params = Params(operation, ("stream", "filter", "startTime", "stopTime"), NOTIFICATION)
    stream = params.text("stream")
    if stream is not None and stream != STREAM:
        raise fault("invalid-value", f"There is no stream '{stream}'.", bad_element="stream")
    start, stop = _time(params, "startTime"), _time(params, "stopTime")
    now = datetime.now(UTC)
    if stop is not None and start is None:
        raise fault("missing-element", "<stopTime> needs <startTime>.", bad_element="startTime")
    if start is not None and start > now:
        raise fault("bad-element", "<startTime> is in the future.", bad_element="startTime")
    if start is not None and stop is not None and stop < start:
        raise fault("bad-element", "<stopTime> is before <startTime>.", bad_element="stopTime")
    if engine.notifications.subscribed(session.session_id):
        raise fault("in-use", "This session has a subscription already.")
    wanted = params.filter()
    if wanted is not None:
        filters.kind(wanted)
        engine.notifications.check_filter(wanted)
    session.after_reply(lambda: engine.notifications.subscribe(session.session_id, session.notify, wanted, start, stop))
    return OK


def _time(params: Params, name: str) -> datetime | None:
    text = params.text(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise fault("invalid-value", f"<{name}> is no date and time with zone.", bad_element=name)
    return found


OPERATIONS: dict[tuple[str, str], Operation] = {
    (BASE, "get-config"): Operation(get_config, writes=False, alone=False, changes=False),
    (BASE, "get"): Operation(get, writes=False, alone=False, changes=False),
    (reading.MONITORING, "get-schema"): Operation(get_schema, writes=False, alone=False, changes=False),
    (BASE, "validate"): Operation(validate, writes=False, changes=False),
    (BASE, "close-session"): Operation(close_session, writes=False, alone=False, changes=False),
    (NOTIFICATION, "create-subscription"): Operation(create_subscription, writes=False, alone=False, changes=False),
    (BASE, "edit-config"): Operation(edit_config),
    (BASE, "copy-config"): Operation(copy_config),
    (BASE, "delete-config"): Operation(delete_config),
    (BASE, "lock"): Operation(lock),
    (BASE, "unlock"): Operation(unlock),
    (BASE, "commit"): Operation(commit),
    (BASE, "cancel-commit"): Operation(cancel_commit),
    (BASE, "discard-changes"): Operation(discard_changes),
    (BASE, "kill-session"): Operation(kill_session, alone=False),
}
