# SPDX-License-Identifier: GPL-3.0-or-later
"""What other servers do, done to the messages of a real one: ``sshd`` runs this file between the client and netconfd.

A habit is a function of this file whose name ends in ``_habit``. It takes a message's kind (``hello`` of the server,
``greeting`` of the client, ``request``, ``reply``), its text and the text of the request that it belongs to, and
returns the text that goes on; for a request also None and the answer, which then the server never sees. The file
``habits`` beside the server's socket names those of the next sessions.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

END = b"]]>]]>"
BASE11 = "urn:ietf:params:netconf:base:1.1"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
Result = str | tuple[None, str]
Habit = Callable[[str, str, str], Result]


# Talking


class Stream:
    """One side of a session, message by message."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self.chunked = False

    def _more(self) -> None:
        data = os.read(self._reader.fileno(), 1 << 20)
        if not data:
            raise EOFError
        self._buffer += data

    def _upto(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        found, _mark, self._buffer = self._buffer.partition(mark)
        return found

    def read(self) -> str:
        if not self.chunked:
            return self._upto(END).decode()
        parts = []
        while True:
            self._upto(b"\n#")
            size = self._upto(b"\n")
            if size == b"#":
                return b"".join(parts).decode()
            while len(self._buffer) < int(size):
                self._more()
            parts.append(self._buffer[: int(size)])
            self._buffer = self._buffer[int(size) :]

    def write(self, text: str) -> None:
        data = text.encode()
        self._writer.write(b"\n#%d\n%s\n##\n" % (len(data), data) if self.chunked else data + END)
        self._writer.flush()


def main(folder: Path, command: list[str]) -> None:
    """One session."""
    names = (folder / "habits").read_text().split()
    habits: list[Habit] = [globals()[f"{name.replace('-', '_')}_habit"] for name in names]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    below = Stream(server.stdout, server.stdin)
    above = Stream(sys.stdin.buffer, sys.stdout.buffer)
    try:
        hello = _through(habits, "hello", below.read(), "")
        above.write(str(hello))
        greeting = _through(habits, "greeting", above.read(), "")
        below.write(str(greeting))
        time.sleep(0.05)  # netconfd overlooks an rpc that it reads in one piece with the hello
        above.chunked = below.chunked = BASE11 in str(hello) and BASE11 in str(greeting)
        while True:
            _serve(habits, above, below)
    except EOFError:
        server.stdin.close()
        server.wait(5)


def _serve(habits: list[Habit], above: Stream, below: Stream) -> None:
    request = above.read()
    found = _through(habits, "request", request, request)
    if isinstance(found, tuple):
        reply = _reply(request, found[1])
    else:
        below.write(found)
        reply = below.read()
    # What a server says before its answer, and after it, comes with it: parted by this mark.
    for message in str(_through(habits, "reply", reply, request)).split(END.decode()):
        if message:
            above.write(message)


def _through(habits: list[Habit], kind: str, text: str, request: str) -> Result:
    for habit in habits:
        found = habit(kind, text, request)
        if isinstance(found, tuple):
            return found
        text = found
    return text


def _reply(request: str, inside: str) -> str:
    number = re.search(r'message-id="([^"]*)"', request)
    return f'<rpc-reply xmlns="{BASE}" message-id="{number[1] if number else ""}">{inside}</rpc-reply>'


def _error(tag: str, message: str, kind: str = "protocol", info: str = "") -> str:
    words = f"<error-type>{kind}</error-type><error-tag>{tag}</error-tag><error-severity>error</error-severity>"
    return f"<rpc-error>{words}<error-message>{message}</error-message>{info}</rpc-error>"


# Locks and commits


def grants_locks_habit(kind: str, text: str, request: str) -> Result:
    """The lock of running is granted while a commit is pending whose session is gone."""
    if kind == "reply" and ("<lock" in request or "<unlock" in request) and "rpc-error" in text:
        return _reply(request, "<ok/>") if "confirmed-commit pending" in text or "<unlock" in request else text
    return text


def says_invalid_habit(kind: str, text: str, request: str) -> Result:
    """A commit while another one is pending is refused by the tag of RFC 6241 (8.4.5.1) and without further words."""
    if kind == "reply" and "<commit" in request and "rpc-error" in text:
        return _reply(request, _error("invalid-value", "invalid value"))
    return text


def follows_habit(kind: str, text: str, request: str) -> Result:
    """A confirmed commit of revision 8 follows the one of revision 7 that is pending, and the id stays that of 7."""
    if kind == "request" and "<confirmed/>" in text:
        seven = "shadownet-fe1-7"
        persist = f"<persist>{seven}</persist><persist-id>{seven}</persist-id>"
        return text.replace("<persist>shadownet-fe1-8</persist>", persist)
    return text


def no_cancel_habit(kind: str, text: str, request: str) -> Result:
    """There is no way to cancel a confirmed commit but its time."""
    if kind == "request" and "<cancel-commit" in text:
        return None, _error("operation-not-supported", "not supported")
    return text


def no_locks_habit(kind: str, text: str, request: str) -> Result:
    """There are no locks."""
    if kind == "request" and "lock>" in text:
        return None, _error("operation-not-supported", "not supported")
    return text


def may_not_lock_habit(kind: str, text: str, request: str) -> Result:
    """The user may do everything but lock."""
    if kind == "request" and "<lock>" in text:
        return None, _error("access-denied", "access denied")
    return text


def silent_habit(kind: str, text: str, request: str) -> Result:
    """The first rpc of the first session is lost: the server still looked for the framing of the hello."""
    told = Path(os.environ["HABITS"]) / "was-silent"
    if kind == "request" and not told.exists():
        told.touch()
        raise_on_eof()
    return text


def raise_on_eof() -> None:
    """Answers nothing until the client is gone."""
    while os.read(0, 1 << 16):
        pass
    raise EOFError


# The mark


def refuses_mark_habit(kind: str, text: str, request: str) -> Result:
    """The description of a routing protocol instance is not supported."""
    if kind == "request" and "<edit-config" in text and "<description>ledger " in text:
        return None, _error("operation-not-supported", "no description", "application")
    return text


def forgets_mark_habit(kind: str, text: str, request: str) -> Result:
    """The description of a routing protocol instance is taken and forgotten."""
    return re.sub("<description>ledger [^<]*</description>", "", text) if kind == "request" else text


# Edits and filters


def no_options_habit(kind: str, text: str, request: str) -> Result:
    """edit-config has no options, though they are announced."""
    if kind == "request" and ("<test-option>" in text or "<error-option>" in text):
        info = "<error-info><bad-element>test-option</bad-element></error-info>"
        return None, _error("unknown-element", "test-option", info=info)
    return text


def strict_filter_habit(kind: str, text: str, request: str) -> Result:
    """A filter must not name what the server does not have. Its YANG library is out of order: netconfd's crashes."""
    if kind == "request" and "ietf-yang-library" in text:
        return None, _error("operation-failed", "no library", "application")
    if kind == "request" and "<get-config" in text and "access-control-list" in text:
        return None, _error("unknown-namespace", "unknown namespace", "application")
    return text


def nameless_habit(kind: str, text: str, request: str) -> Result:
    """The hello names no modules. The YANG library is out of order: netconfd's crashes after edits of routes."""
    if kind == "request" and "ietf-yang-library" in text:
        return None, _error("operation-failed", "no library", "application")
    if kind == "hello":
        return re.sub(r"<capability>[^<]*module=[^<]*</capability>", "", text)
    return text


def few_names_habit(kind: str, text: str, request: str) -> Result:
    """The hello names few modules, and no library; the list of schemas (RFC 6022) has them."""
    if kind == "hello":
        text = re.sub(r"<capability>[^<]*module=ietf-(interfaces|ip|routing)\b[^<]*</capability>", "", text)
        text = re.sub(r"<capability>[^<]*yang-library[^<]*</capability>", "", text)
    if kind == "request" and "ietf-yang-library" in text:
        return None, _error("unknown-namespace", "unknown namespace", "application")
    return text


def library_only_habit(kind: str, text: str, request: str) -> Result:
    """The hello names no modules, but the YANG library, which has no access lists."""
    if kind == "hello":
        text = re.sub(r"<capability>[^<]*module=[^<]*</capability>", "", text)
        assert "capability:yang-library:" in text
    return text


def read_only_habit(kind: str, text: str, request: str) -> Result:
    """Nothing can be edited."""
    if kind == "hello":
        return re.sub(
            r"<capability>[^<]*:capability:(candidate|writable-running|confirmed)[^<]*</capability>", "", text
        )
    return text


# Values


def report_all_habit(kind: str, text: str, request: str) -> Result:
    """Defaults are part of what is read (RFC 6243, 3.1)."""
    return _with_defaults(kind, text, "report-all")


def tagged_habit(kind: str, text: str, request: str) -> Result:
    """Defaults are part of what is read, and tagged (RFC 6243, 3.4)."""
    return _with_defaults(kind, text, "report-all-tagged")


def trim_habit(kind: str, text: str, request: str) -> Result:
    """What has its default is no part of what is read, though it was written (RFC 6243, 3.2)."""
    return _with_defaults(kind, text, "trim")


def _with_defaults(kind: str, text: str, mode: str) -> str:
    if kind != "request":
        return text
    asked = f'<with-defaults xmlns="{DEFAULTS}">{mode}</with-defaults>'
    return text.replace("</get-config>", f"{asked}</get-config>")


def other_forms_habit(kind: str, text: str, request: str) -> Result:
    """Other spellings of the same values: IPv6 in capitals with its zeros, netmasks, other prefixes."""
    if kind != "reply":
        return text
    text = re.sub("2001:db8:([0-9a-f]+)::([0-9a-f]+)<", r"2001:0DB8:000\1:0:0:0:0:\2<", text)
    text = re.sub(
        "(>10[.][^<]*</ip>\\s*)<prefix-length>24</prefix-length>", r"\1<netmask>255.255.255.0</netmask>", text
    )
    return text.replace("xmlns:ianaift=", "xmlns:other=").replace(">ianaift:", ">other:")


def link_local_habit(kind: str, text: str, request: str) -> Result:
    """Interfaces with IPv6 have a link-local address of the system's in running."""
    if kind != "reply" or "<get-config" not in request:
        return text
    own = "<address><ip>fe80::200:ff:fe00:1</ip><prefix-length>64</prefix-length></address>"
    return re.sub(r"(<ipv6[^>]*>)", rf"\1{own}", text)


# Messages


def base10_habit(kind: str, text: str, request: str) -> Result:
    """NETCONF 1.0 and its framing."""
    if kind in ("hello", "greeting"):
        return re.sub(rf"<[a-z:]*capability>{BASE11}</[a-z:]*capability>", "", text)
    return text


def blanks_habit(kind: str, text: str, request: str) -> Result:
    """A hello with blanks around its values, comments and instructions."""
    if kind == "hello":
        text = re.sub("<capability>([^<]*)</capability>", r"<!-- one --><capability>\n    \1\n  </capability>", text)
        text = re.sub("<session-id>([^<]*)</session-id>", r"<?which?><session-id> \1 </session-id>", text)
    return text


def prefixes_habit(kind: str, text: str, request: str) -> Result:
    """No namespace is the default one, and there are comments, instructions and CDATA."""
    if kind not in ("hello", "reply"):
        return text
    from lxml import etree  # costs a session some time, so only here

    root = etree.fromstring(text.strip().encode())
    if kind == "reply":
        for leaf in root.iter("{*}description"):
            leaf.text = etree.CDATA(leaf.text or "")
        root.append(etree.Comment(" the end "))
        root.insert(0, etree.ProcessingInstruction("begin", "here"))
    return str(etree.tostring(_prefixed(etree, root), encoding="unicode"))


def _prefixed(etree: Any, old: Any) -> Any:
    """The same tree, with a prefix for the namespace that was the default one."""
    spaces = {prefix or f"p{number}": uri for number, (prefix, uri) in enumerate(old.nsmap.items())}
    new = etree.Element(old.tag, dict(old.attrib), nsmap=spaces)
    new.text, new.tail = old.text, old.tail
    for child in old:
        new.append(_prefixed(etree, child) if isinstance(child.tag, str) else child)
    return new


def warnings_habit(kind: str, text: str, request: str) -> Result:
    """Every answer has a warning, beside ok and beside data."""
    if kind != "reply":
        return text
    warning = _error("operation-failed", "a warning").replace(">error<", ">warning<")
    return re.sub(r"(<rpc-reply[^>]*>)", rf"\1{warning}", text)


def notifications_habit(kind: str, text: str, request: str) -> Result:
    """Notifications come before every answer and after it."""
    if kind != "reply":
        return text
    space = "urn:ietf:params:xml:ns:netconf:notification:1.0"
    told = f'<notification xmlns="{space}"><eventTime>2026-01-01T00:00:00Z</eventTime><x xmlns="urn:x"/></notification>'
    return END.decode().join((told, text, told))


if __name__ == "__main__":
    main(Path(os.environ["HABITS"]), sys.argv[1:])
