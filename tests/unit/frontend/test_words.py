# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read: commands and YAML."""

from __future__ import annotations

import yaml

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import diff
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.registry import open_transport
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.yaml_text import yaml_text
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

CONFIG = NodeConfig.from_dict(
    {
        "interfaces": [
            {"name": "sn1", "type": "veth", "peer": "p", "addresses": ["10.0.0.1/24"], "rate_limit": "10Mbit"},
            {"name": "mv0", "type": "macvlan", "parent": "sn1", "description": "yes: no", "ingress": ["web"]},
            {"name": "vx0", "type": "vxlan", "vni": 5, "parent": "sn1", "remote": "10.0.0.2", "enabled": False},
            {"name": "vl0", "type": "vlan", "vlan_id": 5, "parent": "sn1", "mtu": 1400},
        ],
        "routes": [{"prefix": "10.1.0.0/16", "type": "blackhole", "metric": 5}],
        "access_lists": [
            {
                "name": "web",
                "entries": [
                    {"name": "w", "action": "accept", "protocol": "tcp", "destination_port": 80, "source": "::/0"},
                    {"name": "f", "action": "drop", "protocol": "tcp", "tcp_flags": "ack, syn"},
                    {"name": "k", "action": "accept", "established": True},
                ],
            }
        ],
    }
)


def test_words_that_an_engineer_knows() -> None:
    transport = open_transport("netlink")
    words = transport.render(diff(NodeConfig(), CONFIG, "merged"))
    for line in (
        "ip link add name sn1 type veth peer name p",
        "ip link add link sn1 name mv0 type macvlan mode bridge",
        "ip link add name vx0 type vxlan id 5 dstport 4789 dev sn1 remote 10.0.0.2",
        "ip link add link sn1 name vl0 type vlan id 5",
        "ip link set dev vl0 mtu 1400",
        "ip address add 10.0.0.1/24 dev sn1 proto 201",
        "tc qdisc replace dev sn1 root handle 5ad0: tbf rate 10Mbit",
        "ip route add blackhole 10.1.0.0/16 metric 5 proto 201",
        'nft add rule inet shadownet acl-web ip6 saddr ::/0 tcp dport 80 counter accept comment "w"',
        'nft add rule inet shadownet acl-web tcp flags & (syn|ack) == syn|ack counter drop comment "f"',
        'nft add element inet shadownet ingress { "mv0" : jump in-mv0 }',
    ):
        assert line in words
    assert "ip link set dev vx0 up" not in words
    back = transport.render(diff(CONFIG, NodeConfig(), "deleted"))
    assert "ip link delete dev sn1" in back
    assert "ip route delete blackhole 10.1.0.0/16 metric 5 proto 201" in back


def test_yaml_text_is_yaml() -> None:
    assert yaml.safe_load(yaml_text(CONFIG.to_dict())) == CONFIG.to_dict()
    assert yaml.safe_load(yaml_text(NodeConfig().to_dict())) == NodeConfig().to_dict()
