# SPDX-License-Identifier: GPL-3.0-or-later
"""A data tree as a node configuration and back: what each says the other must say, or refuse by its path."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

libyang = pytest.importorskip("libyang", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node import adopt, mapping  # noqa: E402
from ansible_collections.shadownet.ipam.node.contract import KernelRefused  # noqa: E402
from ansible_collections.shadownet.ipam.node.kernel import connect  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.needs import etree  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import (  # noqa: E402
    NetconfTransport,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netlink.names import canonical  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError  # noqa: E402
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import (  # noqa: E402
    AccessEntry,
    AccessList,
    Interface,
    NodeConfig,
    Route,
)
from ansible_collections.shadownet.ipam.tests.unit.frontend.netconf.configs import configs  # noqa: E402

from .trees import (  # noqa: E402
    ace,
    acl,
    acls,
    address,
    instance,
    interface,
    interfaces,
    ip,
    point,
    route,
    routing,
    tree,
    via,
)

BLACKHOLE = "<special-next-hop>blackhole</special-next-hop>"


def read(data: str | dict[str, Any]) -> NodeConfig:
    with tree(data) as made:
        return NodeConfig.from_dict(mapping.read_tree(made).config.to_dict())  # as the applier takes it


def refusal(data: str) -> tuple[str, str, str]:
    """Path, tag and message of the only refusal; its path leads to a node that was sent."""
    with tree(data) as made:
        with pytest.raises(KernelRefused) as caught:
            mapping.check_values(mapping.read_tree(made))
        (found,) = caught.value.errors
        assert found.path is not None
        assert made.find_path(found.path) is not None
    return found.path, found.tag, found.message


def test_an_empty_datastore_is_an_empty_configuration() -> None:
    assert mapping.read_tree(None).config == NodeConfig()


def test_interfaces_with_addresses() -> None:
    inner = (
        "<description>shadownet:web</description><enabled>false</enabled>"
        + ip(4, "<mtu>1400</mtu>" + address("10.0.0.1/24"))
        + ip(6, "<mtu>1400</mtu>" + address("2001:db8::1/64"))
    )
    found = read(interfaces(interface("sn1", inner=inner), interface("eth0", "ethernetCsmacd")))
    assert found.interfaces == (
        Interface("sn1", "bridge", False, 1400, "web", addresses=("10.0.0.1/24", "2001:db8::1/64")),
        Interface("eth0"),
    )


def test_a_vlan_says_parent_and_number_by_its_name() -> None:
    found = read(interfaces(interface("eth0.1.5", "l2vlan")))
    assert found.interfaces == (Interface("eth0.1.5", "vlan", parent="eth0.1", vlan_id=5),)


def test_routes_of_several_instances() -> None:
    found = read(
        interfaces(interface("eth0", "ethernetCsmacd"))
        + routing(
            instance("a", v4=route("10.0.0.0/8", via("192.0.2.1")) + route("10.1.0.0/16", BLACKHOLE)),
            instance("b", v6=route("::/0", "<outgoing-interface>eth0</outgoing-interface>" + via("fe80::1"))),
            instance("c", v6=route("2001:db8::/32", via("fe80::2%eth0"))),
        )
    )
    assert found.routes == (
        Route("10.0.0.0/8", next_hop="192.0.2.1"),
        Route("10.1.0.0/16", "blackhole"),
        Route("::/0", next_hop="fe80::1", interface="eth0"),
        Route("2001:db8::/32", next_hop="fe80::2", interface="eth0"),
    )


def entry(matches: str) -> AccessEntry:
    found = read(acls(acl("l", ace("e", matches)))).access_lists[0].entries[0]
    return replace(found, name="", action="")


def net4(end: str, prefix: str) -> str:
    return f"<{end}-ipv4-network>{prefix}</{end}-ipv4-network>"


def ports(inner: str, leaf: str = "destination-port") -> str:
    return f"<{leaf}>{inner}</{leaf}>"


@pytest.mark.parametrize(
    ("matches", "wanted"),
    [
        ("", {}),
        ("<ipv4><protocol>6</protocol></ipv4>", {"protocol": "tcp", "source": "0.0.0.0/0"}),
        ("<ipv6><protocol>6</protocol></ipv6>", {"protocol": "tcp", "source": "::/0"}),
        ("<ipv4><protocol>1</protocol></ipv4>", {"protocol": "icmp"}),
        ("<ipv6><protocol>58</protocol></ipv6>", {"protocol": "icmpv6"}),
        # A protocol of the other family is a number like any other: still of this family only.
        ("<ipv6><protocol>1</protocol></ipv6>", {"protocol": "1", "source": "::/0"}),
        ("<ipv4><protocol>58</protocol></ipv4>", {"protocol": "58", "source": "0.0.0.0/0"}),
        (
            f"<ipv4><protocol>89</protocol>{net4('source', '10.0.0.0/8')}{net4('destination', '10.1.0.0/16')}</ipv4>",
            {"protocol": "89", "source": "10.0.0.0/8", "destination": "10.1.0.0/16"},
        ),
        (
            "<ipv6><destination-ipv6-network>2001:db8::/32</destination-ipv6-network></ipv6>",
            {"destination": "2001:db8::/32"},
        ),
        # RFC 8519: TCP flags know no connections.
        ("<tcp><flags>ack</flags></tcp>", {"protocol": "tcp", "tcp_flags": "ack"}),
        ("<tcp><flags>syn ack</flags></tcp>", {"protocol": "tcp", "tcp_flags": "syn,ack"}),
        (f"<tcp>{ports('<port>80</port>')}</tcp>", {"protocol": "tcp", "destination_port": "80"}),
        (
            f"<udp>{ports('<operator>lte</operator><port>80</port>', 'source-port')}</udp>",
            {"protocol": "udp", "source_port": "0-80"},
        ),
        (
            f"<udp>{ports('<operator>gte</operator><port>80</port>')}</udp>",
            {"protocol": "udp", "destination_port": "80-65535"},
        ),
        (
            f"<tcp>{ports('<lower-port>1</lower-port><upper-port>9</upper-port>')}</tcp>",
            {"protocol": "tcp", "destination_port": "1-9"},
        ),
        (
            f"<ipv4><protocol>6</protocol></ipv4><tcp>{ports('<port>80</port>')}</tcp>",
            {"protocol": "tcp", "source": "0.0.0.0/0", "destination_port": "80"},
        ),
    ],
)
def test_matches_of_an_ace(matches: str, wanted: dict[str, Any]) -> None:
    assert entry(matches) == AccessEntry("", "", **wanted)


def test_a_last_ace_of_its_name_is_the_default_action_unless_another_list_follows() -> None:
    first, last = (
        acl("first", ace("shadownet-default")),
        acl("last", ace("x"), ace("shadownet-default", action="reject")),
    )
    points = point("sn1", ingress=("first", "last"), egress=("last",))
    found = read(interfaces(interface("sn1")) + acls(first, last, points=points))
    assert found.interfaces[0].ingress == ("first", "last")
    assert found.interfaces[0].egress == ("last",)
    assert found.access_lists == (
        AccessList("first", (AccessEntry("shadownet-default", "accept"),)),
        AccessList("last", (AccessEntry("x", "accept"),), "reject"),
    )


V4, V6, BOTH = "ipv4-acl-type", "ipv6-acl-type", "mixed-eth-ipv4-ipv6-acl-type"
PORT_80 = "<tcp><destination-port><port>80</port></destination-port></tcp>"
ONLY = {
    4: AccessList("shadownet-agent-ipv4-only", (AccessEntry("rest", "drop", source="0.0.0.0/0"),), "accept"),
    6: AccessList("shadownet-agent-ipv6-only", (AccessEntry("rest", "drop", source="::/0"),), "accept"),
}


@pytest.mark.parametrize(("kind", "everything"), [(V4, "0.0.0.0/0"), (V6, "::/0"), (BOTH, None)])
def test_a_list_of_one_family_judges_that_family_only(kind: str, everything: str | None) -> None:
    found = read(acls(acl("l", ace("web", PORT_80), ace("all", action="drop"), kind=kind)))
    web, every = found.access_lists[0].entries
    assert (web.source, web.destination_port) == (everything, "80")
    assert every.source == everything


def test_a_list_without_a_type_judges_both() -> None:
    made = read(acls(acl("l", ace("web", PORT_80)).replace(f"<type>{BOTH}</type>", "")))
    assert made.access_lists == (AccessList("l", (AccessEntry("web", "accept", "tcp", destination_port="80"),)),)


@pytest.mark.parametrize(
    ("kinds", "closed"),
    [
        ((V4,), 4),
        ((V6,), 6),
        ((V4, V4), 4),
        ((BOTH,), None),
        ((V4, BOTH), None),
        ((BOTH, V4), None),  # what no list has decided is dropped, in both families
        ((V4, V6), None),
        ((V6, V4), None),
    ],
)
def test_what_no_list_of_its_family_is_asked_about_passes(kinds: tuple[str, ...], closed: int | None) -> None:
    names = tuple(f"l{number}" for number in range(len(kinds)))
    lists = (acl(name, ace("web", PORT_80), kind=kind) for name, kind in zip(names, kinds, strict=True))
    found = read(interfaces(interface("sn1")) + acls(*lists, points=point("sn1", ingress=names, egress=names)))
    more = (ONLY[closed],) if closed is not None else ()
    assert found.interfaces[0].ingress == found.interfaces[0].egress == (*names, *(one.name for one in more))
    assert found.access_lists[len(kinds) :] == more
    assert {one.default_action for one in found.access_lists[: len(kinds)]} == {"drop"}


def test_the_default_of_a_list_of_one_family_is_of_that_family() -> None:
    one = acl("l", ace("shadownet-default", action="reject"), kind=V4)
    found = read(interfaces(interface("sn1")) + acls(one, points=point("sn1", ingress=("l",))))
    assert found.access_lists == (
        AccessList("l", (AccessEntry("shadownet-default", "reject", source="0.0.0.0/0"),)),
        ONLY[4],
    )


def test_a_default_with_a_match_is_an_entry() -> None:
    found = read(acls(acl("l", ace("shadownet-default", "<ipv4><protocol>6</protocol></ipv4>"))))
    assert found.access_lists[0].default_action == "drop"
    assert len(found.access_lists[0].entries) == 1


IF = "/ietf-interfaces:interfaces/interface"
RT = "/ietf-routing:routing/control-plane-protocols/control-plane-protocol"
RIB_ROUTE = (
    "/ietf-routing:routing/control-plane-protocols/control-plane-protocol[type='ietf-routing:static'][name='a']"
    "/static-routes/ietf-ipv{0}-unicast-routing:ipv{0}/route[destination-prefix='{1}']/next-hop/next-hop-address"
)
ACL = "/ietf-access-control-list:acls/acl"
RIB = (
    '<routing xmlns="urn:ietf:params:xml:ns:yang:ietf-routing"><ribs><rib><name>r</name><address-family '
    'xmlns:x="urn:ietf:params:xml:ns:yang:ietf-ipv4-unicast-routing">x:ipv4-unicast</address-family></rib></ribs></routing>'
)


def _static(name: str, family: int, prefix: str, below: str = "") -> str:
    place = (
        f"{RT}[type='ietf-routing:static'][name='{name}']/static-routes/ietf-ipv{family}-unicast-routing:ipv{family}"
    )
    return f"{place}/route[destination-prefix='{prefix}']{below}"


@pytest.mark.parametrize(
    ("data", "path", "tag", "words"),
    [
        (
            interfaces(interface("eth0", "ethernetCsmacd", "<enabled>false</enabled>")),
            f"{IF}[name='eth0']/enabled",
            "operation-not-supported",
            "only an interface that this node made",
        ),
        (
            interfaces(interface("eth0", "ethernetCsmacd", ip(6, "<mtu>1400</mtu>"))),
            f"{IF}[name='eth0']/ietf-ip:ipv6/mtu",
            "operation-not-supported",
            "MTU",
        ),
        (
            interfaces(interface("a", inner=ip(4, "<enabled>false</enabled>"))),
            f"{IF}[name='a']/ietf-ip:ipv4/enabled",
            "operation-not-supported",
            "remove its addresses",
        ),
        (
            interfaces(interface("a", inner=ip(4, "<mtu>1400</mtu>") + ip(6, "<mtu>1500</mtu>"))),
            f"{IF}[name='a']/ietf-ip:ipv6/mtu",
            "operation-not-supported",
            "IPv4 wants 1400",
        ),
        (
            interfaces(interface("a", inner=ip(4, "<mtu>1279</mtu>") + ip(6, address("2001:db8::1/64")))),
            f"{IF}[name='a']/ietf-ip:ipv4/mtu",
            "invalid-value",
            "1280",
        ),
        (interfaces(interface("v5", "l2vlan")), f"{IF}[name='v5']/name", "invalid-value", "like eth0.5"),
        (interfaces(interface("e.4095", "l2vlan")), f"{IF}[name='e.4095']/name", "invalid-value", "like eth0.5"),
        (
            interfaces(interface("a-name-that-is-too-long")),
            f"{IF}[name='a-name-that-is-too-long']/name",
            "invalid-value",
            "no interface name on Linux",
        ),
        (
            interfaces(interface("a", inner=ip(4, address("10.0.0.0/24")))),
            f"{IF}[name='a']/ietf-ip:ipv4/address[ip='10.0.0.0']",
            "invalid-value",
            "address of the network itself",
        ),
        (
            routing(instance("x", kind="direct")),
            f"{RT}[type='ietf-routing:direct'][name='x']",
            "operation-not-supported",
            "only instances of type static",
        ),
        (
            routing(instance("x", v4=route("10.0.0.0/8", "<special-next-hop>prohibit</special-next-hop>"))),
            _static("x", 4, "10.0.0.0/8", "/next-hop/special-next-hop"),
            "operation-not-supported",
            "not prohibit",
        ),
        (
            routing(
                instance("x", v6=route("::/0", BLACKHOLE)),
                instance("y", v6=route("2001:db8::/32", BLACKHOLE) + route("::/0", BLACKHOLE)),
            ),
            _static("y", 6, "::/0"),
            "invalid-value",
            "'x' has a route of this prefix too",
        ),
        (
            acls(acl("l", ace("e", f"<tcp>{ports('<operator>neq</operator><port>8</port>')}</tcp>"))),
            f"{ACL}[name='l']/aces/ace[name='e']/matches/tcp/destination-port/operator",
            "operation-not-supported",
            "two ranges",
        ),
        (
            acls(acl("l", ace("e", "<ipv4><protocol>17</protocol></ipv4><tcp><flags>ack</flags></tcp>"))),
            f"{ACL}[name='l']/aces/ace[name='e']/matches/tcp",
            "invalid-value",
            "the protocol is 17",
        ),
        (
            acls(acl("l", ace("it's", "<ipv4><protocol>17</protocol></ipv4><tcp><flags>ack</flags></tcp>"))),
            f"{ACL}[name='l']/aces/ace[name=\"it's\"]/matches/tcp",
            "invalid-value",
            "the protocol is 17",
        ),
        (
            acls(acl("l", ace("e", "<ipv6><protocol>17</protocol></ipv6>"), kind="ipv4-acl-type"), acl("m")),
            f"{ACL}[name='l']/aces/ace[name='e']/matches/ipv6",
            "invalid-value",
            "a list of type ipv4-acl-type matches IPv4 only",
        ),
        (
            acls(acl("shadownet-agent-ipv4-only")),
            f"{ACL}[name='shadownet-agent-ipv4-only']/name",
            "invalid-value",
            "its own",
        ),
        (
            RIB,
            "/ietf-routing:routing/ribs",
            "operation-not-supported",
            "this node cannot do it",
        ),
    ],
)
def test_what_cannot_be_realised_is_refused_with_its_path(data: str, path: str, tag: str, words: str) -> None:
    found = refusal(data)
    assert found[:2] == (path, tag)
    assert words in found[2]


def test_a_message_names_the_node_and_not_a_part_of_its_key() -> None:
    hop = "<special-next-hop>prohibit</special-next-hop>"
    data = routing(instance("a/b", v4=route("10.0.0.0/8", BLACKHOLE)), instance("c", v4=route("10.0.0.0/8", BLACKHOLE)))
    assert refusal(data)[2].startswith("route: the static instance 'a/b'")
    assert refusal(routing(instance("a", v4=route("10.0.0.0/8", hop))))[2].startswith("special-next-hop: ")
    assert refusal(routing(instance("a/b]", kind="direct")))[2].startswith("control-plane-protocol: ")


@pytest.mark.parametrize(
    ("prefix", "gateway", "words"),
    [
        ("10.0.0.0/8", "0.0.0.0", "no address of another host"),
        ("10.0.0.0/8", "127.0.0.1", "no address of another host"),
        ("10.0.0.0/8", "224.0.0.5", "no address of another host"),
        ("10.0.0.0/8", "255.255.255.255", "no address of another host"),
        ("2001:db8::/32", "::", "no address of another host"),
        ("2001:db8::/32", "::1", "no address of another host"),
        ("2001:db8::/32", "ff02::1", "no address of another host"),
        ("2001:db8::/32", "::ffff:10.0.0.1", "is an IPv4 address"),
        ("2001:db8::/32", "fe80::1", "outgoing-interface is needed"),
    ],
)
def test_gateways_that_no_kernel_takes_are_told_before_it_is_asked(prefix: str, gateway: str, words: str) -> None:
    family = 6 if ":" in prefix else 4
    path, tag, message = refusal(routing(instance("a", **{f"v{family}": route(prefix, via(gateway))})))
    assert (path, tag) == (RIB_ROUTE.format(family, prefix), "invalid-value")
    assert words in message


def test_the_loopback_address_is_of_no_other_interface() -> None:
    path, tag, _message = refusal(interfaces(interface("b", inner=ip(6, address("::1/128")))))
    assert (path, tag) == (f"{IF}[name='b']/ietf-ip:ipv6/address[ip='::1']", "invalid-value")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (
            interfaces(interface("b", inner=ip(4, address("10.0.0.0/24")))),
            f"{IF}[name='b']/ietf-ip:ipv4/address[ip='10.0.0.0']",
        ),
        (interfaces(interface("a/b")), f"{IF}[name='a/b']/name"),
    ],
)
def test_values_are_refused_as_such_at_commit_too(data: str, path: str) -> None:
    """And before anybody with rights is asked: nobody answers here."""

    async def applied(made: Any) -> None:
        ours, theirs = socket.socketpair()
        kernel = await connect(ours)
        try:
            with pytest.raises(KernelRefused) as caught:
                await asyncio.wait_for(kernel.apply(None, made), 10)
        finally:
            kernel.close()
            theirs.close()
        assert [(one.path, one.tag) for one in caught.value.errors] == [(path, "invalid-value")]

    with tree(data) as made:
        asyncio.run(applied(made))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    data = interfaces(interface("eth0", "ethernetCsmacd", "<enabled>false</enabled>"), interface("v", "l2vlan"))
    with tree(data) as made, pytest.raises(KernelRefused) as caught:
        mapping.read_tree(made)
    assert [one.path for one in caught.value.errors] == [f"{IF}[name='eth0']/enabled", f"{IF}[name='v']/name"]


@pytest.mark.parametrize(
    "unknown",
    [
        {"ietf-interfaces:interfaces": {"interface": [{"name": "a", "type": "iana-if-type:bridge", "x:new": 1}]}},
        {"ietf-routing:routing": {"router-id": "1.2.3.4"}},
        {"ietf-access-control-list:acls": {"acl": [{"name": "l", "aces": {}, "x": [1]}]}},
        {
            "ietf-access-control-list:acls": {
                "acl": [
                    {
                        "name": "l",
                        "aces": {
                            "ace": [
                                {
                                    "name": "e",
                                    "matches": {"ipv4": {"ttl": 1}},
                                    "actions": {"forwarding": "ietf-access-control-list:drop"},
                                }
                            ]
                        },
                    }
                ]
            }
        },
    ],
)
def test_a_leaf_that_nobody_has_heard_of_is_never_ignored(unknown: dict[str, Any]) -> None:
    with pytest.raises(KernelRefused) as caught:
        mapping.read_json(unknown)
    assert [one.tag for one in caught.value.errors] == ["operation-not-supported"]


def sayable(data: dict[str, Any]) -> NodeConfig | None:
    """A configuration as the NETCONF transport pushes it; None if Linux cannot carry it."""
    try:
        return canonical(NetconfTransport(dialect=Dialect("ietf")).prepare(NodeConfig.from_dict(data)))
    except ShadownetError:
        return None


def by_flags(config: NodeConfig) -> NodeConfig:
    """``established`` as the transport writes it: TCP with ACK."""
    return replace(
        config,
        access_lists=tuple(
            replace(
                one,
                entries=tuple(
                    replace(entry, established=False, protocol="tcp", tcp_flags="ack") if entry.established else entry
                    for entry in one.entries
                ),
            )
            for one in config.access_lists
        ),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs())
def test_what_our_own_transport_sends_is_what_the_kernel_gets(data: dict[str, Any]) -> None:
    for number, item in enumerate(data["interfaces"]):
        for one in data["routes"]:
            if one.get("interface") == item["name"]:
                one["interface"] = f"sn{number}"
        item["name"] = f"sn{number}"
    wanted = sayable(data)
    if wanted is None:
        return
    dialect = Dialect("ietf")
    sent = dialect.edit(context(transition(NodeConfig(), wanted), NodeConfig(), dialect))
    text = "".join(etree.tostring(one, encoding="unicode") for one in sent)
    assert not transition(canonical(read(text)), by_flags(wanted)), text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs())
def test_adopting_a_configuration_changes_nothing(data: dict[str, Any]) -> None:
    for number, item in enumerate(data["interfaces"]):
        for one in data["routes"]:
            if one.get("interface") == item["name"]:
                one["interface"] = f"sn{number}"
        item["name"] = f"sn{number}"
    wanted = sayable(data)
    if wanted is None:
        return
    wanted = by_flags(wanted)
    written, lost = adopt.write_json(wanted, {})
    assert lost == []
    read_back = canonical(read(written))
    # Of a route by gateway the kernel tells the interface that it resolved; adopting does not ask for it.
    assert not [one for one in transition(wanted, read_back) if one.kind != "route"]
    assert {one.prefix for one in read_back.routes} == {one.prefix for one in wanted.routes}
    assert not transition(read_back, canonical(read(adopt.write_json(read_back, {})[0])))


def test_adopting_names_what_the_models_cannot_say() -> None:
    config = NodeConfig.from_dict(
        {
            "interfaces": [
                {"name": "v", "type": "veth", "peer": "w"},
                {"name": "b", "type": "bridge", "rate_limit": "1Mbit"},
                {"name": "eth0", "addresses": ["10.0.0.1/24"]},
            ],
            "routes": [
                {"prefix": "10.0.0.0/8", "type": "blackhole", "metric": 9},
                {"prefix": "10.0.0.0/8", "next_hop": "10.0.0.2"},
                {"prefix": "10.1.0.0/16", "interface": "v"},
            ],
            "access_lists": [
                {
                    "name": "l",
                    "entries": [{"name": "e", "action": "accept", "established": True}],
                    "default_action": "drop",
                }
            ],
        }
    )
    written, lost = adopt.write_json(config, {"eth0": "iana-if-type:ethernetCsmacd"})
    assert [one.split(":")[0] for one in lost] == [
        "interface v",
        "interface b",
        "route 10.0.0.0/8 metric 9",
        "route 10.1.0.0/16",
        "access list l, entry e",
    ]
    assert [one.name for one in read(written).interfaces] == ["b", "eth0"]
    assert read(written).routes == (Route("10.0.0.0/8", next_hop="10.0.0.2"),)
