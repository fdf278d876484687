#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``node_config_info``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_config_info
short_description: What the ledger wants of a front-end node
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Returns the node configuration that a node shall carry, with its revision, and the subnets behind it. Give the
    configuration to M(shadownet.ipam.frontend_config) with O(shadownet.ipam.frontend_config#module:state=overridden),
    and the revision with the outcome to M(shadownet.ipam.node_result).
  - Subnets whose ttl ran out are released first, since expiry happens in whatever transaction meets it.
options:
  node:
    description: Name of the node, as requests name it. A node of which the ledger knows nothing has an empty
      configuration at revision 0.
    type: str
  nodes:
    description: Several nodes; an empty list means every node that the ledger knows.
    type: list
    elements: str
  attachment:
    description: How subnets are attached at these nodes. Each subnet gets an interface of its own. The ledger does not
      keep it, so give the same each time; with another one the interfaces are made anew.
    type: dict
    suboptions:
      type:
        description: Type of the interfaces. V(vlan) takes the VLAN id from the subnet's label C(vlan), V(vxlan) the
          network identifier from its label C(vni).
        type: str
        choices: [bridge, veth, macvlan, vlan, vxlan]
        default: bridge
      parent:
        description: Underlying interface of the node; required for V(macvlan) and V(vlan).
        type: str
      mtu:
        description: MTU in octets.
        type: int
      mode:
        description: Mode of V(macvlan) interfaces.
        type: str
        choices: [bridge, private, vepa, passthru]
      local:
        description: Local end of V(vxlan) tunnels.
        type: str
      remote:
        description: Remote end of V(vxlan) tunnels.
        type: str
      port:
        description: UDP port of V(vxlan) tunnels.
        type: int
      bridge:
        description: A bridge of the node that the interfaces become ports of.
        type: str
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
  - shadownet.ipam.ledger.assume
seealso:
  - module: shadownet.ipam.frontend_config
  - module: shadownet.ipam.node_result
"""

EXAMPLES = r"""
- name: What this node shall carry
  shadownet.ipam.node_config_info:
    node: "{{ inventory_hostname }}"
    attachment: {type: macvlan, parent: eth1}
  register: wanted

- name: Push it
  shadownet.ipam.frontend_config:
    config: "{{ wanted.config }}"
    state: overridden
"""

RETURN = r"""
config:
  description: The desired node configuration.
  returned: when O(node) is given
  type: dict
revision:
  description: Its revision; every change of the ledger that concerns the node makes a new one.
  returned: when O(node) is given
  type: int
applied_revision:
  description: The newest revision that the node confirmed.
  returned: when O(node) is given
  type: int
reason:
  description: Why the last push to the node failed, if it did.
  returned: when O(node) is given
  type: str
ledger_id:
  description: Tells this ledger from any other; give it to M(shadownet.ipam.frontend_config).
  returned: when O(node) is given
  type: str
in_sync:
  description: Whether the two are the same and the last push did not fail.
  returned: when O(node) is given
  type: bool
subnets:
  description: The node's subnets, as M(shadownet.ipam.subnet) returns them, those that are being released included.
  returned: when O(node) is given
  type: list
  elements: dict
nodes:
  description: The same for every node asked for, each with its C(name).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "assume": {
            "type": "dict",
            "options": {
                "security_profiles": {"type": "list", "elements": "dict"},
                "pools": {"type": "list", "elements": "dict"},
                "requests": {"type": "list", "elements": "dict"},
                "released": {"type": "list", "elements": "dict"},
                "ended": {"type": "list", "elements": "str"},
                "reservations": {"type": "list", "elements": "dict"},
                "instances": {"type": "list", "elements": "dict"},
                "deleted": {"type": "list", "elements": "dict"},
                "refused": {"type": "list", "elements": "dict"},
                "confirmed": {"type": "list", "elements": "str"},
            },
        },
        "node": {"type": "str"},
        "nodes": {"type": "list", "elements": "str"},
        "attachment": {
            "type": "dict",
            "options": {
                "type": {"type": "str", "choices": ["bridge", "veth", "macvlan", "vlan", "vxlan"], "default": "bridge"},
                "parent": {"type": "str"},
                "mtu": {"type": "int"},
                "mode": {"type": "str", "choices": ["bridge", "private", "vepa", "passthru"]},
                "local": {"type": "str"},
                "remote": {"type": "str"},
                "port": {"type": "int"},
                "bridge": {"type": "str"},
            },
        },
    },
    "mutually_exclusive": [("node", "nodes")],
    "required_one_of": [("node", "nodes")],
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.node_config_info.")


if __name__ == "__main__":
    main()
