# SPDX-License-Identifier: GPL-3.0-or-later
"""<edit-config>: RFC 6241, 7.2, and RFC 7950, 7.5 to 7.9."""

from __future__ import annotations

import pytest

from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import (
    Lab,
    edit,
    interface,
    interfaces,
    route,
    routes,
    values,
)

NAMES = "//if:interface/if:name"
DESCRIPTION = "<type>t:bridge</type><description>one</description>"


async def names(client: object) -> list[str | None]:
    return values(await client.data("<get-config><source><candidate/></source></get-config>"), NAMES)  # type: ignore[attr-defined]


async def found(client: object, path: str) -> list[str | None]:
    return values(await client.data("<get-config><source><candidate/></source></get-config>"), path)  # type: ignore[attr-defined]


async def test_merge_adds_and_changes_and_leaves_the_rest(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", DESCRIPTION), interface("b")))
    await client.edit(interfaces(interface("a", "<enabled>false</enabled>"), interface("c")))
    assert await names(client) == ["a", "b", "c"]
    assert await found(client, "//if:interface[if:name='a']/*") == ["a", "one", "ianaift:bridge", "false"]


async def test_create_of_what_exists_is_data_exists_with_the_path(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", attributes='nc:operation="create"')))
    error = await client.error(edit(interfaces(interface("a", attributes='nc:operation="create"'))))
    assert error["error-tag"] == "data-exists"
    assert error["error-type"] == "application"
    assert error["error-path"] == "/if:interfaces/if:interface[if:name='a']"


async def test_one_error_undoes_the_whole_edit(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a")))
    for option in ("stop-on-error", "continue-on-error", "rollback-on-error"):
        error = await client.error(
            edit(
                interfaces(interface("b"), interface("a", attributes='nc:operation="create"'), interface("c")),
                f"<error-option>{option}</error-option>",
            )
        )
        assert error["error-tag"] == "data-exists"
        assert await names(client) == ["a"]


async def test_delete_and_remove(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", DESCRIPTION), interface("b")))
    await client.edit(interfaces(interface("b", "", 'nc:operation="delete"')))
    error = await client.error(edit(interfaces(interface("b", "", 'nc:operation="delete"'))))
    assert error["error-tag"] == "data-missing"
    assert error["error-path"] == "/if:interfaces/if:interface[if:name='b']"
    await client.edit(interfaces(interface("b", "", 'nc:operation="remove"')))
    assert await names(client) == ["a"]


@pytest.mark.parametrize(
    "leaf", ["<description {}/>", "<description {}>one</description>", "<description {}>another</description>"]
)
async def test_a_leaf_is_deleted_whatever_value_is_given(lab: Lab, leaf: str) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", DESCRIPTION)))
    gone = leaf.format('nc:operation="delete"')
    await client.edit(interfaces(interface("a", gone)))
    assert await found(client, "//if:description") == []
    error = await client.error(edit(interfaces(interface("a", gone))))
    assert error["error-tag"] == "data-missing"
    assert error["error-path"] == "/if:interfaces/if:interface[if:name='a']/if:description"


@pytest.mark.parametrize("value", ["", "false"])
async def test_a_leaf_that_is_no_string_is_deleted_without_a_value_too(lab: Lab, value: str) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", "<type>t:bridge</type><enabled>false</enabled>")))
    await client.edit(interfaces(interface("a", f'<enabled nc:operation="delete">{value}</enabled>')))
    assert await found(client, "//if:enabled") == []
    error = await client.error(edit(interfaces(interface("a", f'<enabled nc:operation="delete">{value}</enabled>'))))
    assert error["error-tag"] == "data-missing"
    await client.edit(interfaces(interface("a", f'<enabled nc:operation="remove">{value}</enabled>')))


async def test_what_is_only_in_effect_by_default_does_not_exist(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a")))
    await client.ok("<commit/>")
    error = await client.error(edit(interfaces(interface("a", '<enabled nc:operation="delete">true</enabled>'))))
    assert error["error-tag"] == "data-missing"
    await client.edit(interfaces(interface("a", '<enabled nc:operation="create">true</enabled>')))
    assert await found(client, "//if:enabled") == ["true"]


async def test_replace_of_an_entry_takes_away_what_it_does_not_name(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", DESCRIPTION), interface("b", DESCRIPTION)))
    await client.edit(interfaces(interface("a", "<type>t:l2vlan</type>", 'nc:operation="replace"')))
    assert await found(client, "//if:interface[if:name='a']/*") == ["a", "ianaift:l2vlan"]
    assert await found(client, "//if:interface[if:name='b']/if:description") == ["one"]
    await client.edit(interfaces(interface("new", attributes='nc:operation="replace"')))
    assert await names(client) == ["a", "b", "new"]


async def test_replace_of_a_container(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a"), interface("b")) + routes(route("10.0.0.0/8")))
    await client.edit(interfaces(interface("c")).replace("<interfaces", '<interfaces nc:operation="replace"'))
    assert await names(client) == ["c"]
    assert await found(client, "//v4:destination-prefix") == ["10.0.0.0/8"]


async def test_default_operation_replace_replaces_the_datastore(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a")) + routes(route("10.0.0.0/8")))
    await client.edit(interfaces(interface("b")), "<default-operation>replace</default-operation>")
    assert await names(client) == ["b"]
    assert await found(client, "//v4:destination-prefix") == []


async def test_default_operation_none(lab: Lab) -> None:
    client = await lab.client()
    none = "<default-operation>none</default-operation>"
    await client.edit(interfaces(interface("a", DESCRIPTION)))
    error = await client.error(edit(interfaces(interface("b", '<enabled nc:operation="merge">false</enabled>')), none))
    assert error["error-tag"] == "data-missing"
    await client.edit(
        interfaces(interface("a", '<description>two</description><enabled nc:operation="merge">false</enabled>')), none
    )
    assert await found(client, "//if:interface/*") == ["a", "one", "ianaift:bridge", "false"]
    await client.edit(interfaces(interface("a", "", 'nc:operation="delete"')), none)
    assert await found(client, "//if:interfaces") == []


async def test_operations_nest(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(interfaces(interface("a", DESCRIPTION)))
    await client.edit(
        interfaces(
            interface("a", '<description nc:operation="remove"/><enabled>false</enabled>', 'nc:operation="merge"')
        )
    )
    assert await found(client, "//if:interface/*") == ["a", "ianaift:bridge", "false"]
    inside = '<type>t:bridge</type><description nc:operation="delete"/>'
    error = await client.error(edit(interfaces(interface("x", inside, 'nc:operation="create"'))))
    assert error["error-tag"] == "data-missing"


async def test_the_other_case_of_a_choice_goes(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(routes(route("10.0.0.0/8"), route("11.0.0.0/8")))
    await client.edit(routes(route("10.0.0.0/8", "<next-hop-address>192.0.2.1</next-hop-address>")))
    assert await found(client, "//v4:route[1]/v4:next-hop/*") == ["192.0.2.1"]
    await client.edit(routes(route("10.0.0.0/8")))
    assert await found(client, "//v4:next-hop/*") == ["blackhole", "blackhole"]
    await client.ok("<validate><source><candidate/></source></validate>")


async def test_two_cases_in_one_edit_are_a_bad_element(lab: Lab) -> None:
    client = await lab.client()
    both = "<next-hop-address>192.0.2.1</next-hop-address><special-next-hop>blackhole</special-next-hop>"
    await client.edit(routes(route("10.0.0.0/8")))
    error = await client.error(edit(routes(route("10.0.0.0/8", both))))
    assert error["error-tag"] == "bad-element"
    swapped = both.replace("<special-next-hop>", '<special-next-hop nc:operation="remove">')
    await client.edit(routes(route("10.0.0.0/8", swapped)))
    assert await found(client, "//v4:next-hop/*") == ["192.0.2.1"]


async def test_two_cases_in_what_is_all_new_are_found_by_validation(lab: Lab) -> None:
    client = await lab.client()
    both = "<next-hop-address>192.0.2.1</next-hop-address><special-next-hop>blackhole</special-next-hop>"
    await client.edit(routes(route("10.0.0.0/8", both)))
    for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
        assert (await client.error(operation))["error-tag"] == "bad-element"


async def test_values_are_canonical(lab: Lab) -> None:
    client = await lab.client()
    await client.edit(routes(route("10.1.2.3/8")))
    assert await found(client, "//v4:destination-prefix") == ["10.0.0.0/8"]
    error = await client.error(edit(routes(route("10.9.9.9/8", attributes='nc:operation="create"'))))
    assert error["error-tag"] == "data-exists"


async def test_the_same_node_twice_in_one_edit_is_a_bad_element(lab: Lab) -> None:
    client = await lab.client()
    error = await client.error(edit(interfaces(interface("a"), interface("a"))))
    assert error["error-tag"] == "bad-element"
    assert await names(client) == []


async def test_test_option(lab: Lab) -> None:
    client = await lab.client()
    incomplete = interfaces("<interface><name>a</name></interface>")
    for option in ("test-then-set", "test-only"):
        error = await client.error(edit(incomplete, f"<test-option>{option}</test-option>"))
        assert error["error-tag"] == "data-missing"
        assert error["error-path"] == "/if:interfaces/if:interface[if:name='a']/if:type"
    await client.edit(interfaces(interface("b")), "<test-option>test-only</test-option>")
    assert await names(client) == []
    await client.edit(incomplete, "<test-option>set</test-option>")
    await client.edit(interfaces("<interface><name>c</name></interface>"))
    assert await names(client) == ["a", "c"]
    assert (await client.error("<commit/>"))["error-tag"] == "data-missing"
    await client.edit(interfaces(interface("a"), interface("c")), "<test-option>test-then-set</test-option>")
    await client.ok("<commit/>")


@pytest.mark.parametrize(
    ("config", "tag", "bad"),
    [
        (interfaces("<interface><name>a</name><bogus/></interface>"), "unknown-element", "bogus"),
        (interfaces("<interface><name>a</name><x:m xmlns:x='urn:x'/></interface>"), "unknown-namespace", "m"),
        ("<top xmlns='urn:y'/>", "unknown-namespace", "top"),
        (interfaces("<interface><type>t:bridge</type></interface>"), "missing-element", "name"),
        (interfaces(interface("a", "<enabled>maybe</enabled>")), "invalid-value", "enabled"),
        (interfaces(interface("a", "<type>t:nope</type>")), "invalid-value", "type"),
        (interfaces(interface("a", "<oper-status>up</oper-status>")), "unknown-element", "oper-status"),
        (interfaces(interface("a", attributes='nc:operation="burn"')), "bad-attribute", "interface"),
        (interfaces(interface("a", attributes='colour="red"')), "unknown-attribute", "interface"),
        (interfaces(interface("a", '<bogus nc:operation="delete"/>')), "unknown-element", "bogus"),
        (interfaces("<interface nc:operation='delete'/>"), "missing-element", "name"),
        (interfaces(interface("a", "<ip:ipv4><ip:mtu>5</ip:mtu></ip:ipv4>")), "invalid-value", "mtu"),
        (interfaces(interface("a", '<name nc:operation="delete">a</name>')), "bad-attribute", "name"),
        ("words", "bad-element", "config"),
    ],
)
async def test_what_the_models_do_not_know(lab: Lab, config: str, tag: str, bad: str) -> None:
    client = await lab.client()
    if "<name nc:" in config:
        config = config.replace("<name>a</name>", "")
    error = await client.error(edit(config))
    assert (error["error-tag"], error.get("bad-element")) == (tag, bad)
    assert await client.candidate() == ""


async def test_a_config_without_a_namespace_is_read(lab: Lab) -> None:
    client = await lab.client()
    config = f'<config xmlns="">{interfaces(interface("a"))}</config>'
    await client.ok(f"<edit-config><target><candidate/></target>{config}</edit-config>")
    assert "<name>a</name>" in await client.candidate()
    await client.ok("<discard-changes/>")
    await client.ok(f"<copy-config><target><candidate/></target><source>{config}</source></copy-config>")
    assert "<name>a</name>" in await client.candidate()
    error = await client.error('<edit-config><target xmlns=""><candidate/></target><config/></edit-config>')
    assert error["error-tag"] == "unknown-namespace"


async def test_parameters_are_checked(lab: Lab) -> None:
    client = await lab.client()
    config = "<config/>"
    target = "<target><candidate/></target>"
    cases = {
        f"<edit-config>{config}</edit-config>": ("missing-element", "target"),
        f"<edit-config>{target}</edit-config>": ("missing-element", "config"),
        f"<edit-config>{target}{target}{config}</edit-config>": ("bad-element", "target"),
        f"<edit-config><target/>{config}</edit-config>": ("missing-element", "target"),
        f"<edit-config><target><running/></target>{config}</edit-config>": ("unknown-element", "running"),
        f"<edit-config><target><startup/></target>{config}</edit-config>": ("unknown-element", "startup"),
        f"<edit-config><target><nowhere/></target>{config}</edit-config>": ("unknown-element", "nowhere"),
        f"<edit-config>{target}<url>file:///x</url>{config}</edit-config>": ("unknown-element", "url"),
        f"<edit-config>{target}<bogus/>{config}</edit-config>": ("unknown-element", "bogus"),
        f"<edit-config>{target}<default-operation>x</default-operation>{config}</edit-config>": (
            "invalid-value",
            "default-operation",
        ),
        f"<edit-config>{target}<test-option>x</test-option>{config}</edit-config>": ("invalid-value", "test-option"),
        f"<edit-config>{target}<error-option>x</error-option>{config}</edit-config>": ("invalid-value", "error-option"),
    }
    for operation, (tag, bad) in cases.items():
        error = await client.error(operation)
        assert (error["error-tag"], error["bad-element"]) == (tag, bad), operation
