# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads against the published YANG modules of their dialect, by a validator that is not ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.edit import context
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import NC, parse, pretty
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.unit.frontend.netconf.configs import configs

from . import openconfig

YANG = Path(sysconfig.get_path("data")) / "share/yang/modules"
pytestmark = pytest.mark.skipif(
    shutil.which("yanglint") is None or not YANG.is_dir(),
    reason="needs yanglint (Debian package libyang2-tools) and the modules that PyPI pyang ships",
)
EVERYTHING: dict[str, Any] = {
    "interfaces": [
        {
            "name": "sn1",
            "type": "bridge",
            "mtu": 1400,
            "description": "a <b> & \"c\" 'd' ü",
            "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"],
            "ingress": ["shadownet-a"],
            "egress": ["shadownet-b"],
        },
        {"name": "eth0.5", "type": "vlan", "parent": "eth0", "vlan_id": 5, "enabled": False},
        {"name": "eth0.6", "type": "vlan", "parent": "eth0", "vlan_id": 6, "addresses": ["10.6.0.1/24"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
        {"prefix": "10.9.6.0/24", "next_hop": "10.6.0.9", "interface": "eth0.6"},
        {"prefix": "2001:db8:9::/48", "interface": "sn1"},
    ],
    "access_lists": [
        {
            "name": "shadownet-a",
            "entries": [
                {"name": "old", "action": "accept", "established": True, "destination": "10.1.0.0/24"},
                {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-61999"},
                {"name": "ping", "action": "reject", "protocol": "icmp"},
            ],
        },
        {
            "name": "shadownet-b",
            "entries": [{"name": "dns", "action": "drop", "protocol": "udp", "source": "::/0", "source_port": 53}],
        },
    ],
}
CHANGED: dict[str, Any] = {
    "interfaces": [
        {
            **EVERYTHING["interfaces"][0],
            "mtu": 1500,
            "description": "other",
            "addresses": ["10.1.0.1/25", "2001:db8:1::2/64"],
            "egress": ["shadownet-a"],
        },
        {**EVERYTHING["interfaces"][1], "enabled": True, "addresses": ["10.5.0.1/24"]},
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "next_hop": "10.1.0.8"},
        {"prefix": "10.9.5.0/24", "next_hop": "10.5.0.9", "interface": "eth0.5"},
    ],
    "access_lists": [{"name": "shadownet-a", "default_action": "accept"}],
}


class Models:
    """The YANG modules of one dialect."""

    def __init__(self, dialect: str, folders: list[Path], modules: list[str], features: tuple[str, ...] = ()) -> None:
        self.dialect = dialect
        self._command = ["yanglint", "-f", "xml"]
        for folder in folders:
            self._command += ["-p", str(folder)]
        for feature in features:
            self._command += ["-F", f"{feature}:*"]
        self._modules = [str(next(folder / one for folder in folders if (folder / one).is_file())) for one in modules]

    def against(self, text: str, folder: Path, kind: str = "config") -> str:
        """What yanglint has against the data; empty when it is valid."""
        data = folder / "data.xml"
        data.write_text(text)
        command = [*self._command, "-t", kind, *self._modules, str(data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines() if "libyang warn" not in line]
        return "" if done.returncode == 0 else "\n".join(errors)

    def edit(self, before: dict[str, Any], after: dict[str, Any]) -> Any:
        """The payload that leads from one configuration to the other."""
        transport = NetconfTransport(dialect=Dialect(self.dialect))
        have, want = (transport.prepare(NodeConfig.from_dict(one)) for one in (before, after))
        dialect = Dialect(self.dialect)
        return dialect.edit(context(transition(have, want), have, dialect))

    def configuration(self, data: dict[str, Any]) -> str:
        """What an empty device holds after the payload, one tree after the other as yanglint wants it."""
        root = self.edit({}, data)
        for item in root.iterfind(".//{*}interfaces/{*}interface"):
            if self.dialect == "openconfig" and item.find("{*}id") is None and item.find("{*}config") is None:
                # An interface that the device has: only a unit of it is ours.
                item.insert(1, parse(DEVICE_CONFIG.format(name=item.findtext("{*}name")).encode()))
        for item in root.iter():
            assert item.attrib.pop(f"{{{NC['nc']}}}operation", "replace") == "replace"
        return "".join(pretty(tree) for tree in root)


DEVICE_CONFIG = (
    '<config xmlns="http://openconfig.net/yang/interfaces"><name>{name}</name>'
    '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type></config>'
)


@pytest.fixture(scope="session", params=["ietf", "openconfig"])
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    folders = [YANG / "ietf", YANG / "iana"]
    common = ["ietf-netconf.yang", "iana-if-type.yang"]
    if request.param == "openconfig":
        if reason := openconfig.why_not():
            pytest.skip(reason)
        folders.insert(0, openconfig.repaired(tmp_path_factory.mktemp("openconfig")))
        return Models(
            "openconfig", folders, [*common, *(f"{one}.yang" for one in openconfig.TYPES + openconfig.MODULES)]
        )
    names = ("interfaces", "ip", "routing", "ipv4-unicast-routing", "ipv6-unicast-routing", "access-control-list")
    features = tuple(f"ietf-{one}" for one in ("access-control-list", "interfaces", "ip"))
    return Models("ietf", folders, [*common, *(f"ietf-{name}.yang" for name in names)], features)


WRONG = {
    "ietf": (("static", "dynamic"), ("10.1.0.9<", "10.1.0.999<"), ("ianaift:bridge", "bridge")),
    "openconfig": (
        ("oc-pol-types:STATIC", "oc-pol-types:BGP"),
        ("10.1.0.9<", "10.1.0.999<"),
        ("ianaift:bridge", "bridge"),
        ("80..61999", "80-61999"),
        ("<index>5</index>", "<index>55</index>"),
        ("<interface>sn1<", "<interface>sn2<"),
        ("<set-name>shadownet-a<", "<set-name>shadownet-c<"),
        ("TCP_ACK", "TCP_ESTABLISHED"),
        ("10.1.0.0/24", "10.1.0.0"),
    ),
}


def test_everything_is_valid(models: Models, tmp_path: Path) -> None:
    assert models.against(models.configuration(EVERYTHING), tmp_path) == ""


def test_the_check_itself_finds_what_is_wrong(models: Models, tmp_path: Path) -> None:
    text = models.configuration(EVERYTHING)
    for right, wrong in WRONG[models.dialect]:
        assert right in text
        assert models.against(text.replace(right, wrong, 1), tmp_path) != "", wrong


@pytest.mark.parametrize("step", [(EVERYTHING, CHANGED), (CHANGED, EVERYTHING), (EVERYTHING, {}), (CHANGED, {})])
def test_changes_and_removals_are_valid_edits(
    models: Models, step: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    root = models.edit(*step)
    assert models.against("".join(pretty(tree) for tree in root), tmp_path, "edit") == ""
    assert f"{{{NC['nc']}}}operation" in {key for item in root.iter() for key in item.attrib}
    next(root.iter("{*}name")).tag = f"{{{NC['nc']}}}nom"
    assert models.against("".join(pretty(tree) for tree in root), tmp_path, "edit") != ""


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs())
def test_any_configuration_is_valid(
    models: Models, data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # OpenConfig has units where a name ends like that.
    assume(not any(re.search(r"\.\d+$", item["name"]) for item in data["interfaces"]))
    text = models.configuration(data)
    if text.strip():
        assert models.against(text, tmp_path_factory.mktemp("yang")) == ""
