# SPDX-License-Identifier: GPL-3.0-or-later
"""netconf-state and get-schema (RFC 6022), yang-library (RFC 8525), streams (RFC 5277)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NAMESPACES,
    READ_ONLY,
    Client,
    Lab,
    edit,
    interface,
    interfaces,
    values,
)

SCHEMA = "<get-schema xmlns='{ncm}'>{{}}</get-schema>".format(**NAMESPACES)


async def state(client: Client, part: str) -> object:
    return await client.data(f"<get><filter><ncm:netconf-state><ncm:{part}/></ncm:netconf-state></filter></get>")


async def test_capabilities_are_those_of_hello(lab: Lab) -> None:
    client = await lab.client()
    told = values(await state(client, "capabilities"), "//ncm:capability")  # type: ignore[arg-type]
    assert told == lab.engine.capabilities
    for uri in told:
        assert (uri or "").replace("&", "&amp;").encode() in client.session.hello
    for name in ("candidate:1.0", "confirmed-commit:1.1", "validate:1.1", "rollback-on-error:1.0", "xpath:1.0",
                 "notification:1.0", "interleave:1.0"):  # fmt: skip
        assert f"urn:ietf:params:netconf:capability:{name}" in told


async def test_sessions_and_statistics(lab: Lab) -> None:
    one, other = await lab.client(), await lab.client(READ_ONLY)
    await other.error(edit(interfaces()))
    await other.session.receive(b"<rpc")
    data = await state(one, "sessions")
    base = f"//ncm:session[ncm:session-id='{other.session.session_id}']/ncm:"
    for leaf, value in {
        "username": "viewer",
        "source-host": "192.0.2.7",
        "transport": "ncm:netconf-ssh",
        "in-rpcs": "1",
        "in-bad-rpcs": "1",
        "out-rpc-errors": "2",
        "out-notifications": "0",
    }.items():
        assert values(data, base + leaf) == [value], leaf  # type: ignore[arg-type]
    await other.session.closed()
    data = await state(one, "statistics")
    for leaf, value in {"in-sessions": "2", "dropped-sessions": "1", "in-bad-rpcs": "1", "in-bad-hellos": "0"}.items():
        assert values(data, f"//ncm:{leaf}") == [value], leaf  # type: ignore[arg-type]


async def test_every_schema_that_is_listed_can_be_had(lab: Lab, tmp_path: Path) -> None:
    client = await lab.client()
    data = await state(client, "schemas")
    names = values(data, "//ncm:schema/ncm:identifier")  # type: ignore[arg-type]
    versions = values(data, "//ncm:schema/ncm:version")  # type: ignore[arg-type]
    assert {"ietf-interfaces", "ietf-inet-types", "shadownet-node-deviations", "notifications"} <= set(names)
    for name, version in zip(names, versions, strict=True):
        answer = await client.data(SCHEMA.format(f"<identifier>{name}</identifier><version>{version}</version>"))
        (tmp_path / f"{name}.yang").write_text(answer.text or "")
    # What clients get is enough for them to compile, deviations included.
    wanted = [str(tmp_path / f"{name}.yang") for name in ("ietf-ip", "shadownet-node-deviations", "nc-notifications")]
    command = [str(Path(sys.executable).with_name("pyang")), "-p", str(tmp_path), *wanted]
    check = subprocess.run(command, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


async def test_get_schema_refuses_what_it_has_not(lab: Lab) -> None:
    client = await lab.client()
    for more in (
        "<identifier>nope</identifier>",
        "<identifier>ietf-ip</identifier><version>1999-01-01</version>",
        "<identifier>ietf-ip</identifier><format>xsd</format>",
    ):
        assert (await client.error(SCHEMA.format(more)))["error-tag"] == "invalid-value"
    assert (await client.error(SCHEMA.format("")))["error-tag"] == "missing-element"
    yin = await client.data(SCHEMA.format("<identifier>ietf-ip</identifier><format>yin</format>"))
    assert "<module name=" in (yin.text or "")


async def test_yang_library_tells_modules_features_deviations_and_datastores(lab: Lab) -> None:
    client = await lab.client()
    data = await client.data("<get><filter><yl:yang-library/><yl:modules-state/></filter></get>")
    implemented = values(data, "//yl:yang-library//yl:module/yl:name")
    assert {"ietf-interfaces", "ietf-routing", "ietf-access-control-list", "ietf-netconf"} <= set(implemented)
    # What libyang has inside for itself is not what this server speaks.
    assert not {"yang", "ietf-yang-schema-mount"} & set(implemented)
    assert values(data, "//yl:yang-library//yl:module[yl:name='ietf-netconf']/yl:feature") == [
        "candidate",
        "confirmed-commit",
        "rollback-on-error",
        "validate",
        "xpath",
    ]
    interfaces_module = "//yl:yang-library//yl:module[yl:name='ietf-interfaces']"
    assert values(data, f"{interfaces_module}/yl:deviation") == ["shadownet-node-deviations"]
    stores = values(data, "//yl:yang-library/yl:datastore/yl:name")
    assert [name.rpartition(":")[2] for name in stores if name] == ["running", "candidate", "operational"]
    content = values(data, "//yl:content-id")
    assert f"content-id={content[0]}".encode() in client.session.hello
    older = values(data, "//yl:modules-state/yl:module[yl:conformance-type='implement']/yl:name")
    assert set(older) == set(implemented)


async def test_streams(lab: Lab) -> None:
    client = await lab.client()
    data = await client.data("<get><filter><me:netconf/></filter></get>")
    assert values(data, "//me:stream/me:name") == ["NETCONF"]
    assert values(data, "//me:stream/me:replaySupport") == ["true"]


async def test_state_is_not_in_get_config(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a")))
    await client.ok("<commit/>")
    assert "netconf-state" not in await client.running()


@pytest.mark.parametrize("leaf", ["ncm:netconf-state", "yl:yang-library", "me:netconf"])
async def test_state_cannot_be_set(lab: Lab, leaf: str) -> None:
    client = await lab.client()
    assert (await client.error(edit(f"<{leaf}/>")))["error-tag"] == "unknown-element"
