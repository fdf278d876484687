# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations put together at random from words of NETCONF and the models: each is answered, none harms the server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("libyang", reason="needs the extra node")
pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("paramiko", reason="needs the extra netconf")

from ansible_collections.shadownet.ipam.tests.integration.namespaces import namespaces

from .front_node import BASE, FrontNode
from .wire import Wire

pytestmark = [pytest.mark.netns, pytest.mark.slow]

EXAMPLES = int(os.environ.get("SHADOWNET_FUZZ", "300"))
MIB = 2**20
YANG = "urn:ietf:params:xml:ns:yang:"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
# Words of the models, below each namespace.
WORDS = {
    f"{YANG}ietf-interfaces": "interfaces interface name type enabled description interfaces-state",
    f"{YANG}ietf-ip": "ipv4 ipv6 address ip prefix-length mtu",
    f"{YANG}ietf-routing": "routing control-plane-protocols control-plane-protocol type name static-routes ribs rib",
    f"{YANG}ietf-ipv4-unicast-routing": "ipv4 route destination-prefix next-hop special-next-hop outgoing-interface",
    f"{YANG}ietf-access-control-list": "acls acl name type aces ace matches actions forwarding attachment-points "
    "interface interface-id ingress acl-sets acl-set ipv4 protocol",
    f"{YANG}ietf-netconf-monitoring": "netconf-state sessions",
    "urn:nobody": "nothing",
}
TOPS = {
    f"{YANG}{one}": top
    for one, top in (
        ("ietf-interfaces", "interfaces"),
        ("ietf-routing", "routing"),
        ("ietf-access-control-list", "acls"),
    )
}
PARAMETERS = {
    "get": "filter with-defaults",
    "get-config": "source filter with-defaults",
    "edit-config": "target default-operation test-option error-option config",
    "copy-config": "source target",
    "delete-config": "target",
    "lock": "target",
    "unlock": "target",
    "commit": "confirmed confirm-timeout persist persist-id",
    "cancel-commit": "persist-id",
    "discard-changes": "",
    "validate": "source",
    "create-subscription": "stream filter startTime stopTime",
    "get-schema": "identifier version format",
    "kill-session": "session-id",
    "nonsense": "target",
}
OWN_SPACE = {"create-subscription": NOTIFICATION, "get-schema": f"{YANG}ietf-netconf-monitoring"}
TEXTS = (
    "running merge replace none set test-only stop-on-error 0 1 600 -1 99999999999 true static blackhole 10.0.0.0/8 "
    "10.0.0.1 24 eth0 br0 report-all explicit NETCONF 2000-01-01T00:00:00Z ietf-interfaces yang accept"
).split()
OPERATION_VALUES = ("create", "delete", "remove", "replace", "merge", "drop", "")
ATTRIBUTES = {
    "nc:operation": st.sampled_from(OPERATION_VALUES),
    "y:insert": st.sampled_from(["first", "last", "before", "after", "x"]),
    "y:key": st.sampled_from(["[name='a']", "[x:name='a']", "", "["]),
    "y:value": st.sampled_from(["a", ""]),
    "type": st.sampled_from(["subtree", "xpath", "other"]),
    "select": st.sampled_from(["/*", "//*", "/x:y", "a[", "'", "count(/*)", ""]),
}


@st.composite
def elements(draw: st.DrawFn, space: str, name: str | None = None, depth: int = 0) -> str:
    """One element of a model with what is in it, mostly of the same module."""
    if draw(st.integers(0, 7)) == 0:
        space = draw(st.sampled_from(sorted(WORDS)))
    name = name or draw(st.sampled_from(WORDS[space].split()))
    words = f" xmlns={quoteattr(space)}"
    for attribute in draw(st.lists(st.sampled_from(sorted(ATTRIBUTES)), unique=True, max_size=1)):
        words += f" {attribute}={quoteattr(draw(ATTRIBUTES[attribute]))}"
    if depth > 6 or draw(st.integers(0, 3)) == 0:
        inside = escape(draw(st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8", exclude_categories=("C",)))))
    else:
        inside = "".join(draw(st.lists(elements(space, depth=depth + 1), max_size=4)))
    return f"<{name}{words}>{inside}</{name}>"


@st.composite
def trees(draw: st.DrawFn) -> str:
    """What a <config> or a filter may hold."""
    space = draw(st.sampled_from(sorted(TOPS)))
    return draw(elements(space, TOPS[space]))


@st.composite
def parameters(draw: st.DrawFn, name: str) -> str:
    """One parameter of an operation."""
    if name in ("source", "target"):
        inside = f"<{draw(st.sampled_from(['running', 'candidate', 'candidate', 'startup', 'url']))}/>"
    elif name in ("config", "filter"):
        inside = "".join(draw(st.lists(trees(), max_size=2)))
    elif name == "confirmed":
        inside = ""
    else:
        inside = escape(draw(st.sampled_from(TEXTS)))
    words = ""
    if name == "filter" and draw(st.booleans()):
        words = f' type="xpath" select={quoteattr(draw(ATTRIBUTES["select"]))}'
    return f"<{name}{words}>{inside}</{name}>"


@st.composite
def operations(draw: st.DrawFn) -> str:
    """One operation with parameters that it may have, and now and then one that it may not."""
    name = draw(st.sampled_from(sorted(PARAMETERS) + ["edit-config"] * 8 + ["commit"] * 3))
    known = PARAMETERS[name].split()
    chosen = [one for one in known if draw(st.integers(0, 3))]
    if draw(st.integers(0, 9)) == 0:
        chosen.append(draw(st.sampled_from(sorted({one for all_of in PARAMETERS.values() for one in all_of.split()}))))
    inside = "".join(draw(parameters(one)) for one in chosen)
    space = OWN_SPACE.get(name, BASE)
    return f'<{name} xmlns="{space}" xmlns:nc="{BASE}" xmlns:y="{YANG}1">{inside}</{name}>'


@pytest.fixture(scope="module")
def node() -> Iterator[FrontNode]:
    with namespaces("node") as lab:
        made = FrontNode(lab)
        try:
            yield made.start()
        finally:
            made.remove()


def test_strange_operations(node: FrontNode) -> None:
    parent, child = node.processes()
    memory: list[int] = []
    answers: dict[str, int] = {}
    session = Wire(node)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operations())
    def strange(operation: str) -> None:
        nonlocal session
        try:
            reply = session.rpc(operation)
        except (EOFError, OSError):
            session = Wire(node)  # it may have killed itself
            return
        assert b"failed inside" not in reply, node.said()[-3000:]
        for tag in re.findall(rb"<error-tag>([a-z-]+)<", reply) or [b"ok"]:
            answers[tag.decode()] = answers.get(tag.decode(), 0) + 1
        memory.append(node.memory(child))

    strange()
    session.transport.close()
    with Wire(node) as last:
        assert b"<data" in last.rpc("<get-config><source><running/></source></get-config>")
    print(answers, f"memory {memory[0] / MIB:.1f} → {memory[len(memory) // 2] / MIB:.1f} → {memory[-1] / MIB:.1f} MiB")
    assert node.processes() == (parent, child)
    assert "Traceback" not in node.said()
    assert memory[-1] - memory[len(memory) // 2] < 10 * MIB
