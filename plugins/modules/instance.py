#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``instance``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance
short_description: Give a new instance its address, and take it back when the instance is deleted
version_added: "0.2.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - The ledger's step when a virtual machine or container appears or goes. The playbooks
    C(shadownet.ipam.instance_created) and C(shadownet.ipam.instance_deleted) push to the nodes, too.
  - A created instance gets the prefix that is reserved for its name, else one that is reserved for its workload, else
    one from the provider pools. The last is a miss; the audit trail keeps it as C(unexpected_scaling) with its reason.
  - A deleted instance's prefix rests in quarantine as soon as its node has given up the route, and then goes back to
    its reservation.
  - An option that is null or empty text, such as an empty template makes it, is not given.
options:
  name:
    description: The instance's name, its key. Give either this and the options below, or O(instances).
    type: str
  workload:
    description: What it is an instance of. Required with O(state=present).
    type: str
  node:
    description: The front-end node that reaches the instance.
    type: str
  interface:
    description:
      - The node's interface at which the instance is. Without it and O(next_hop) no route is made. The node's
        loopback is refused.
    type: str
  next_hop:
    description: Address at which the node reaches the instance. An address of the node itself is refused.
    type: str
  assign:
    description:
      - How the instance comes by its address. V(none) leaves that to the caller; V(netlink) sets it from outside, on
        O(instance_interface); V(dhcp) leases it to O(mac), for the instance to obtain it.
      - The ledger keeps it. The playbooks and the active route manager act on it.
    type: str
    choices: [none, netlink, dhcp]
  mac:
    description: The instance's MAC address, of one station. Required for DHCP.
    type: str
  gateway:
    description: Address of the instance's default router, as it sees it.
    type: str
  netns:
    description: Network namespace of the instance, by name or path, for O(assign=netlink).
    type: str
  instance_interface:
    description: The instance's own interface, for O(assign=netlink).
    type: str
  location:
    description:
      - Where it is. It gets an address of a pool at that location, reserved or not, and no other. When not given, it
        may have any, and is where that address is.
    type: str
  security_profile:
    description: Its profile; reservations of another one are not for it.
    type: str
  family:
    description: Address family; IPv4 when not given.
    type: str
    choices: [ipv4, ipv6]
  prefix_length:
    description: Of a prefix that is not reserved; one address when not given. A reserved prefix has its own length.
    type: int
  pools:
    description: Provider pools for a prefix that is not reserved, in this order.
    type: list
    elements: str
  fallback:
    description:
      - Where a prefix comes from that is not reserved. V(ledger) takes one of the provider pools, V(none) refuses.
      - V(dhcp) takes one of the provider pools too, and has it leased to O(mac) whatever O(assign) says.
    type: str
    choices: [ledger, dhcp, none]
  former_name:
    description:
      - Name under which the ledger has the instance so far, such as C(10.200.0.9) after M(shadownet.ipam.ledger)
        adopted its route. It is renamed to O(name), gets O(workload) if it was V(unknown), and keeps its address.
      - Where there is an instance O(name) and none of this name, the option changes nothing.
    type: str
  instances:
    description: Several instances, in one transaction; each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      workload:
        description: See O(workload).
        type: str
      node:
        description: See O(node).
        type: str
      interface:
        description: See O(interface).
        type: str
      next_hop:
        description: See O(next_hop).
        type: str
      assign:
        description: See O(assign).
        type: str
        choices: [none, netlink, dhcp]
      mac:
        description: See O(mac).
        type: str
      gateway:
        description: See O(gateway).
        type: str
      netns:
        description: See O(netns).
        type: str
      instance_interface:
        description: See O(instance_interface).
        type: str
      location:
        description: See O(location).
        type: str
      security_profile:
        description: See O(security_profile).
        type: str
      family:
        description: See O(family).
        type: str
        choices: [ipv4, ipv6]
      prefix_length:
        description: See O(prefix_length).
        type: int
      pools:
        description: See O(pools).
        type: list
        elements: str
      fallback:
        description: See O(fallback).
        type: str
        choices: [ledger, dhcp, none]
      former_name:
        description: See O(former_name).
        type: str
  state:
    description: V(present) for a created instance, V(absent) for a deleted one.
    type: str
    choices: [present, absent]
    default: present
  taken:
    description:
      - Instances as RV(former) of this task in check mode returned them, whose addresses have been taken back there
        since.
      - Where an instance has its address in another place by now, because somebody else created or moved it meanwhile,
        the task fails and changes nothing. Not looked at when not given.
    type: list
    elements: dict
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
  - shadownet.ipam.ledger.assume
seealso:
  - module: shadownet.ipam.reservation
  - module: shadownet.ipam.node_config_info
"""

EXAMPLES = r"""
- name: A virtual machine was started
  shadownet.ipam.instance:
    name: web-17
    workload: web
    node: fe1
    interface: tap17
  register: created

- name: It was stopped
  shadownet.ipam.instance:
    name: web-17
    state: absent
"""

RETURN = r"""
instances:
  description: The instances as they are now; those that are gone have status V(gone).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The key.
      type: str
    gateway:
      description: Its default router, null where none was named.
      type: str
    leaving:
      description: The node that it moved away from and that has not confirmed that yet.
      type: str
    reason:
      description: The node's words, where it refused.
      type: str
    source:
      description: V(shadow) for a reserved prefix, V(dynamic) for another.
      type: str
    missed:
      description: Why no reservation served it; null where one did.
      type: str
    cidr:
      description: Its prefix.
      type: str
    address:
      description: Its own address, the first of its prefix that a host can have.
      type: str
    status:
      description: V(pending), V(active), V(releasing), V(error) or V(gone).
      type: str
names:
  description: The names of all that was asked for, in that order, as the ledger writes them.
  returned: success
  type: list
  elements: str
before:
  description: The instances as they were before, those that were there.
  returned: success
  type: list
  elements: dict
former:
  description:
    - Instances as they were before, where with this task they lose their address by O(assign), or have it by another
      way or in another place. Take it back there before the ledger forgets that place, which only check mode of this
      task tells in time.
  returned: success
  type: list
  elements: dict
  contains:
    way_shared:
      description:
        - Whether another instance has its address at the same interface and needs the routes to the same gateway.
          Then take back the address alone.
      type: bool
retried:
  description: Names of instances that their node had refused and shall try again, and of which nothing else changed.
  returned: success
  type: list
  elements: str
changed_instances:
  description: Names of the instances that this task changed.
  returned: success
  type: list
  elements: str
leaving:
  description: Nodes that instances moved away from. Push to these before RV(nodes), which wait for them.
  returned: success
  type: list
  elements: str
nodes:
  description: Front-end nodes to push to.
  returned: success
  type: list
  elements: str
ledger_id:
  description: Id of the ledger.
  returned: success
  type: str
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
        "name": {"type": "str"},
        "workload": {"type": "str"},
        "node": {"type": "str"},
        "interface": {"type": "str"},
        "next_hop": {"type": "str"},
        "assign": {"type": "str", "choices": ["none", "netlink", "dhcp"]},
        "mac": {"type": "str"},
        "gateway": {"type": "str"},
        "netns": {"type": "str"},
        "instance_interface": {"type": "str"},
        "location": {"type": "str"},
        "security_profile": {"type": "str"},
        "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
        "prefix_length": {"type": "int"},
        "pools": {"type": "list", "elements": "str"},
        "fallback": {"type": "str", "choices": ["ledger", "dhcp", "none"]},
        "former_name": {"type": "str"},
        "instances": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "workload": {"type": "str"},
                "node": {"type": "str"},
                "interface": {"type": "str"},
                "next_hop": {"type": "str"},
                "assign": {"type": "str", "choices": ["none", "netlink", "dhcp"]},
                "mac": {"type": "str"},
                "gateway": {"type": "str"},
                "netns": {"type": "str"},
                "instance_interface": {"type": "str"},
                "location": {"type": "str"},
                "security_profile": {"type": "str"},
                "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
                "prefix_length": {"type": "int"},
                "pools": {"type": "list", "elements": "str"},
                "fallback": {"type": "str", "choices": ["ledger", "dhcp", "none"]},
                "former_name": {"type": "str"},
            },
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "taken": {"type": "list", "elements": "dict"},
    },
    "mutually_exclusive": [("name", "instances")],
    "required_one_of": [("name", "instances")],
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.instance.")


if __name__ == "__main__":
    main()
