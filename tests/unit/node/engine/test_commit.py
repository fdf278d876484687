# SPDX-License-Identifier: GPL-3.0-or-later
"""commit, validate, discard-changes, copy-config, delete-config and the startup file."""

from __future__ import annotations

import asyncio
import resource

import pytest

from ansible_collections.shadownet.ipam.node.contract import (
    Applied,
    Done,
    EngineSettings,
    KernelRefused,
    Refusal,
    StartupUnusable,
)
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    NC,
    Engine,
    Lab,
    MemoryKernel,
    edit,
    interface,
    interfaces,
    route,
    routes,
    started,
    values,
)

ONE = interfaces(interface("a"))
TWO = interfaces(interface("b"))
UNREACHABLE = Refusal(
    "RTNETLINK answers: Network is unreachable",
    "/ietf-routing:routing/control-plane-protocols/control-plane-protocol[type='ietf-routing:static'][name='shadownet']"
    "/static-routes/ietf-ipv4-unicast-routing:ipv4/route[destination-prefix='10.0.0.0/8']",
    app_tag="kernel",
)


def copy(target: str, source: str) -> str:
    return f"<copy-config><target><{target}/></target><source>{source}</source></copy-config>"


async def test_commit_reaches_kernel_and_file(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    await client.edit(ONE)
    assert await client.running() == ""
    assert not lab.kernel.holds
    assert not settings.startup_file.exists()
    await client.ok("<commit/>")
    assert "<name>a</name>" in await client.running()
    assert lab.kernel.holds["ietf-interfaces:interfaces"]["interface"][0]["name"] == "a"
    assert b"<name>a</name>" in settings.startup_file.read_bytes()
    assert settings.startup_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.startup_file.parent.iterdir()] == ["startup.xml"]


async def test_a_commit_without_changes_repairs_the_kernel_and_is_remarked_on(lab: Lab, done: list[Done]) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await client.ok("<commit/>")
    assert done[-1].message is None
    held, reconciled = lab.kernel.holds, lab.kernel.reconciled
    lab.kernel.drifted = Applied(7, ("route 10.0.0.0/8", "address 192.0.2.1/24"))
    await client.ok("<commit/>")
    assert (done[-1].operation, done[-1].outcome) == ("commit", "ok")
    assert done[-1].message == (
        "the kernel did not hold running; repaired 7: route 10.0.0.0/8, address 192.0.2.1/24, ..."
    )
    assert (lab.kernel.holds, lab.kernel.reconciled) == (held, reconciled)
    await client.ok("<get-config><source><running/></source></get-config>".replace("get-config", "validate"))
    assert done[-1].message is None


async def test_a_repair_that_the_kernel_refuses_fails_the_empty_commit(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    lab.kernel.refuse = [UNREACHABLE]
    error = await client.error("<commit/>")
    assert error["error-message"] == UNREACHABLE.message
    assert "<name>a</name>" in await client.running()


async def test_confirming_asks_no_kernel(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit><confirmed/></commit>")
    lab.kernel.refuse = [UNREACHABLE]
    await client.ok("<commit><confirmed/></commit>")
    await client.ok("<commit/>")


async def test_the_kernels_refusal_fails_the_commit_and_changes_nothing(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    held, file = lab.kernel.holds, settings.startup_file.read_bytes()
    await client.edit(TWO)
    lab.kernel.refuse = [UNREACHABLE, Refusal("no", tag="operation-not-supported")]
    first, second = await client.errors("<commit/>")
    assert first["error-tag"] == "operation-failed"
    assert first["error-app-tag"] == "kernel"
    assert first["error-message"] == "RTNETLINK answers: Network is unreachable"
    assert first["error-path"].startswith(
        "/rt:routing/rt:control-plane-protocols/rt:control-plane-protocol[rt:type='rt:static']"
    )
    assert first["error-path"].endswith("/v4ur:ipv4/v4ur:route[v4ur:destination-prefix='10.0.0.0/8']")
    assert second["error-tag"] == "operation-not-supported"
    assert "<name>b</name>" not in await client.running()
    assert "<name>b</name>" in await client.candidate()
    assert (lab.kernel.holds, settings.startup_file.read_bytes()) == (held, file)
    assert len(list(settings.startup_file.parent.iterdir())) == 1
    lab.kernel.refuse = []
    await client.ok("<commit/>")
    assert "<name>b</name>" in await client.running()


async def test_what_is_not_valid_never_reaches_the_kernel(lab: Lab) -> None:
    client = await lab.client()
    before = lab.kernel.applied
    await client.edit(routes(route("10.0.0.0/8", "<outgoing-interface>gone</outgoing-interface>")))
    for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
        error = await client.error(operation)
        assert (error["error-tag"], error["error-app-tag"]) == ("data-missing", "instance-required")
        assert error["error-path"].endswith("/v4ur:next-hop/v4ur:outgoing-interface")
    assert lab.kernel.applied == before
    await client.edit(interfaces(interface("gone", "<type>t:bridge</type><ip:ipv4/>")))
    await client.ok("<validate><source><candidate/></source></validate>")
    await client.ok("<commit/>")
    # What is referred to cannot go.
    await client.edit(interfaces(interface("gone", "", 'nc:operation="delete"')))
    assert (await client.error("<commit/>"))["error-app-tag"] == "instance-required"


@pytest.mark.parametrize(
    ("more", "tag", "app_tag", "path"),
    [
        ("", "data-missing", None, "/if:interfaces/if:interface[if:name='a']/if:type"),
        (
            "<type>t:bridge</type><ip:ipv4><ip:address><ip:ip>192.0.2.1</ip:ip></ip:address></ip:ipv4>",
            "data-missing",
            "missing-choice",
            "/if:interfaces/if:interface[if:name='a']/ip:ipv4/ip:address[ip:ip='192.0.2.1']",
        ),
    ],
)
async def test_what_is_mandatory(lab: Lab, more: str, tag: str, app_tag: str | None, path: str) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", more), interface("fine")))
    error = await client.error("<commit/>")
    assert (error["error-tag"], error.get("error-app-tag"), error["error-path"]) == (tag, app_tag, path)


async def test_validate_asks_the_kernel_side(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    lab.kernel.refuse = [Refusal("no such type here", tag="operation-not-supported")]
    error = await client.error("<validate><source><candidate/></source></validate>")
    assert error["error-tag"] == "operation-not-supported"
    inline = f"<validate><source><config>{ONE}</config></source></validate>"
    assert (await client.error(inline))["error-tag"] == "operation-not-supported"
    lab.kernel.refuse = []
    await client.ok(inline)
    bad = (
        f"<validate><source><config>{interfaces('<interface><name>a</name></interface>')}</config></source></validate>"
    )
    assert (await client.error(bad))["error-tag"] == "data-missing"


async def test_discard_changes(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<discard-changes/>")
    assert await client.candidate() == ""


async def test_copy_config_to_candidate(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await client.ok(copy("candidate", f"<config>{TWO}</config>"))
    assert "<name>b</name>" in await client.candidate()
    assert "<name>a</name>" not in await client.candidate()
    await client.ok(copy("candidate", "<running/>"))
    assert await client.candidate() == await client.running()
    same = await client.error(copy("candidate", "<candidate/>"))
    assert same["error-tag"] == "invalid-value"
    for operation in (copy("running", "<candidate/>"), copy("startup", "<running/>")):
        assert (await client.error(operation))["error-tag"] == "unknown-element"
    bad = await client.error(copy("candidate", f"<config>{interfaces('<bogus/>')}</config>"))
    assert (bad["error-tag"], bad["bad-element"]) == ("unknown-element", "bogus")


async def test_explicit_startup(explicit_lab: Lab, settings: EngineSettings) -> None:
    client = await explicit_lab.client()
    assert b"capability:startup:1.0" in client.session.hello
    await client.edit(ONE)
    await client.ok("<commit/>")
    assert not settings.startup_file.exists()
    await client.ok(copy("startup", "<running/>"))
    assert b"<name>a</name>" in settings.startup_file.read_bytes()
    await client.edit(TWO)
    await client.ok("<commit/>")
    assert b"<name>b</name>" not in settings.startup_file.read_bytes()
    data = await client.data("<get-config><source><startup/></source></get-config>")
    assert values(data, "//if:name") == ["a"]
    incomplete = interfaces("<interface><name>z</name></interface>")
    assert (await client.error(copy("startup", f"<config>{incomplete}</config>")))["error-tag"] == "data-missing"
    await client.ok("<lock><target><startup/></target></lock>")
    other = await explicit_lab.client()
    assert (await other.error(copy("startup", "<running/>")))["error-tag"] == "in-use"
    assert (await other.error("<delete-config><target><startup/></target></delete-config>"))["error-tag"] == "in-use"
    await client.ok("<delete-config><target><startup/></target></delete-config>")
    assert b"<name>" not in settings.startup_file.read_bytes()
    assert (await client.error("<delete-config><target><running/></target></delete-config>"))["error-tag"] == (
        "unknown-element"
    )


async def test_without_startup_it_is_unknown(lab: Lab) -> None:
    client = await lab.client()
    assert b"startup:1.0" not in client.session.hello
    for operation in (
        "<get-config><source><startup/></source></get-config>",
        "<lock><target><startup/></target></lock>",
        "<delete-config><target><startup/></target></delete-config>",
    ):
        error = await client.error(operation)
        assert (error["error-tag"], error["bad-element"]) == ("unknown-element", "startup")


async def test_a_restart_brings_startup_to_the_kernel(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    words = "<type>t:bridge</type><description>a &lt;b&gt; &amp; \u00fc</description>"
    await client.edit(interfaces(interface("a", words)) + routes(route("10.0.0.0/8")))
    await client.ok("<commit/>")
    kernel = MemoryKernel()
    again = await started(kernel, settings)
    assert kernel.reconciled == 1
    assert kernel.holds == lab.kernel.holds
    assert await (await again.client()).running() == await client.running()
    await again.engine.stop()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<config", "not XML"),
        ("<x/>", "first element"),
        (f'<config xmlns="{NC}"><bogus xmlns="urn:x"/></config>', "urn:x"),
        (f'<config xmlns="{NC}">{interfaces("<interface><name>a</name></interface>")}</config>', "type"),
        (f'<!DOCTYPE x [<!ENTITY e "v">]><config xmlns="{NC}">&e;</config>', "document type"),
    ],
)
async def test_a_startup_file_that_cannot_be_used(settings: EngineSettings, content: str, said: str) -> None:
    settings.startup_file.write_text(content)
    engine = Engine(MemoryKernel(), settings)
    with pytest.raises(StartupUnusable, match=said) as found:
        await engine.start()
    assert str(settings.startup_file) in str(found.value)


async def test_the_kernel_may_refuse_startup(settings: EngineSettings) -> None:
    settings.startup_file.write_text(f'<config xmlns="{NC}"/>')
    kernel = MemoryKernel()
    kernel.refuse = [UNREACHABLE]
    with pytest.raises(KernelRefused):
        await Engine(kernel, settings).start()


async def test_a_left_over_temporary_file_is_not_in_force(settings: EngineSettings, kernel: MemoryKernel) -> None:
    left = settings.startup_file.with_name(".startup.xml.new")
    left.write_text(f'<config xmlns="{NC}">{ONE}</config>')
    lab = await started(kernel, settings)
    assert not kernel.holds
    assert not left.exists()
    await lab.engine.stop()


async def test_a_file_that_cannot_grow_fails_the_commit_before_the_kernel_is_touched(
    lab: Lab, settings: EngineSettings
) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    applied, file = lab.kernel.applied, settings.startup_file.read_bytes()
    await client.edit(TWO)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(file), hard))
    try:
        error = await client.error("<commit/>")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error["error-tag"] == "resource-denied"
    assert "File too large" in error["error-message"]
    assert (lab.kernel.applied, settings.startup_file.read_bytes()) == (applied, file)
    assert len(list(settings.startup_file.parent.iterdir())) == 1
    assert "<name>b</name>" not in await client.running()
    await client.ok("<commit/>")


async def test_a_startup_file_that_cannot_be_renamed_takes_the_kernel_back(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    held = lab.kernel.holds
    await client.edit(ONE)
    # A folder with something in it stands where the file shall be.
    (settings.startup_file / "x").mkdir(parents=True)
    error = await client.error("<commit/>")
    assert error["error-tag"] == "operation-failed"
    assert lab.kernel.holds == held
    assert await client.running() == ""


async def test_a_kernel_that_will_not_go_back_is_reconciled(lab: Lab, settings: EngineSettings) -> None:
    client = await lab.client()
    await client.edit(ONE)
    (settings.startup_file / "x").mkdir(parents=True)
    reconciled, applied = lab.kernel.reconciled, lab.kernel.applied

    async def refuse_the_way_back() -> None:
        lab.kernel.refuse = [UNREACHABLE] if lab.kernel.applied == applied + 1 and not calls else []
        calls.extend([1] if lab.kernel.refuse else [])

    calls: list[int] = []
    lab.kernel.pause = refuse_the_way_back
    assert (await client.error("<commit/>"))["error-tag"] == "operation-failed"
    assert lab.kernel.reconciled == reconciled + 1
    assert "ietf-interfaces:interfaces" not in lab.kernel.holds


async def test_a_commit_goes_on_when_its_session_is_cut(lab: Lab) -> None:
    client, other = await lab.client(), await lab.client()
    await client.edit(ONE)
    gate = asyncio.Event()
    lab.kernel.pause = gate.wait  # type: ignore[assignment]
    commit = asyncio.ensure_future(client.rpc("<commit/>"))
    await asyncio.sleep(0.01)
    commit.cancel()
    closing = asyncio.ensure_future(client.session.closed())
    waiting = asyncio.ensure_future(other.rpc(edit(TWO)))
    await asyncio.sleep(0.01)
    assert not waiting.done(), "changes wait for the commit at work"
    assert await other.running() == ""
    gate.set()
    await asyncio.gather(closing, waiting)
    assert "<name>a</name>" in await other.running()
    assert "<name>b</name>" in await other.candidate()
