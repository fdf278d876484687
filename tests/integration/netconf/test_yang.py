# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads of the dialect ``ietf`` against the YANG modules of the RFCs, by a validator that is not ours."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig
from ansible_collections.shadownet.ipam.tests.unit.frontend.netconf.configs import configs

YANG = Path(sysconfig.get_path("data")) / "share/yang/modules"
MODULES = (
    "ietf/ietf-interfaces.yang",
    "ietf/ietf-ip.yang",
    "ietf/ietf-routing.yang",
    "ietf/ietf-ipv4-unicast-routing.yang",
    "ietf/ietf-ipv6-unicast-routing.yang",
    "ietf/ietf-access-control-list.yang",
    "iana/iana-if-type.yang",
)
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
    ],
    "routes": [
        {"prefix": "10.9.0.0/16", "type": "blackhole"},
        {"prefix": "10.9.1.0/24", "next_hop": "10.1.0.9", "interface": "sn1"},
        {"prefix": "2001:db8:9::/48", "interface": "sn1"},
    ],
    "access_lists": [
        {
            "name": "shadownet-a",
            "entries": [
                {"name": "old", "action": "accept", "established": True, "destination": "10.1.0.0/24"},
                {"name": "web", "action": "accept", "protocol": "tcp", "destination_port": "80-90"},
                {"name": "ping", "action": "reject", "protocol": "icmp"},
            ],
        },
        {
            "name": "shadownet-b",
            "entries": [{"name": "dns", "action": "drop", "protocol": "udp", "source": "::/0", "source_port": 53}],
        },
    ],
}


def lint(text: str, folder: Path, kind: str) -> str:
    """What yanglint has against the data; empty when it is valid."""
    data = folder / "data.xml"
    # yanglint wants the data without the envelope, and one tree after the other.
    data.write_text(text)
    modules = [str(YANG / one) for one in MODULES]
    features = [
        word for name in ("ietf-access-control-list", "ietf-interfaces", "ietf-ip") for word in ("-F", f"{name}:*")
    ]
    command = ["yanglint", "-f", "xml", "-t", kind, "-p", str(YANG / "ietf"), "-p", str(YANG / "iana"), *features]
    done = subprocess.run([*command, *modules, str(data)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def payload(data: dict[str, Any]) -> str:
    transport = NetconfTransport()
    wanted = transport.prepare(NodeConfig.from_dict(data))
    lines = transport.render(transition(NodeConfig(), wanted))
    return "\n".join(lines[1:-1]).replace(' nc:operation="replace"', "")


def test_everything_is_valid(tmp_path: Path) -> None:
    assert lint(payload(EVERYTHING), tmp_path, "config") == ""


def test_the_check_itself_finds_what_is_wrong(tmp_path: Path) -> None:
    text = payload(EVERYTHING)
    for right, wrong in (("static", "dynamic"), ("10.1.0.9<", "10.1.0.999<"), ("ianaift:bridge", "bridge")):
        assert right in text
        assert lint(text.replace(right, wrong), tmp_path, "config") != ""


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=configs())
def test_any_configuration_is_valid(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    text = payload(data)
    if text.strip():
        assert lint(text, tmp_path_factory.mktemp("yang"), "config") == ""
