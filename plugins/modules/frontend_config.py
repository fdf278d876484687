#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pushes a node configuration to a front-end node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frontend_config
short_description: Configure interfaces, addresses, routes and access lists of a front-end node
version_added: "0.1.0"
description:
  - Makes a front-end node carry the configuration that is given, all of it or nothing of it.
  - Runs on the node itself, or on the host of the network namespace in O(netns). It knows no ledger.
  - "What is ours on a Linux node is told by marks that the kernel keeps: interfaces by an alias that begins with
    C(shadownet:), addresses by address protocol 201, routes by routing protocol 201 in the main table, access lists by
    the nftables table C(inet shadownet). Everything else is foreign and is never changed or removed."
  - Over NETCONF nothing of ours can be told on an interface that is not ours; there, what is ours is told by an
    interface description that begins with C(shadownet:), the static routes of the control plane protocol C(shadownet),
    and access lists whose names begin with C(shadownet).
  - When the node refuses a change, everything done before it in the same task is taken back, and the error says in
    the node's own words why.
author:
  - Shadownet engineers (@shadownet)
options:
  config:
    description:
      - The node configuration.
      - Not used with O(state=gathered).
    type: dict
    suboptions:
      interfaces:
        description:
          - Interfaces, in the order in which they are made, as far as none needs another one first.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the interface, at most 15 characters on Linux.
            type: str
            required: true
          type:
            description:
              - Type of the interface. With a type it is made, changed and removed as one of ours.
              - Without a type it is one that the node already has. Only the addresses and access lists that are put
                on it are ours.
            type: str
            choices: [bridge, veth, macvlan, vxlan, vlan]
          enabled:
            description:
              - Whether the interface is administratively up. Up when not given.
            type: bool
          mtu:
            description:
              - Largest packet in octets. Left to the node when not given, and not compared then.
            type: int
          description:
            description:
              - Free text, kept in the interface's alias. At most 245 bytes.
            type: str
          parent:
            description:
              - The underlying interface of a macvlan, vlan or vxlan interface.
            type: str
          bridge:
            description:
              - The bridge that this interface is a port of.
            type: str
          peer:
            description:
              - Name of the other end of a veth pair. Made with it, and up; not ours by itself.
            type: str
          mode:
            description:
              - Mode of a macvlan interface; V(bridge) when not given.
            type: str
            choices: [bridge, private, vepa, passthru]
          vlan_id:
            description:
              - VLAN of a vlan interface, 1 to 4094.
            type: int
          vni:
            description:
              - Network identifier of a vxlan interface, 0 to 16777215.
            type: int
          local:
            description:
              - Address of this end of a vxlan tunnel.
            type: str
          remote:
            description:
              - Address of the other end of a vxlan tunnel.
            type: str
          port:
            description:
              - UDP port of a vxlan tunnel; 4789 when not given.
            type: int
          addresses:
            description:
              - Addresses with prefix length, such as C(10.0.0.1/24).
              - IPv6 addresses skip duplicate address detection, so that they can be used at once.
            type: list
            elements: str
          rate_limit:
            description:
              - Most that the node sends out of this interface, such as V(100Mbit). Only on interfaces of ours.
              - Rounded down to whole octets per second.
            type: str
          ingress:
            description:
              - Names of the access lists for packets that the node forwards from this interface, in their order.
              - The first entry of any of them that matches decides. When none does,
                O(config.access_lists[].default_action) of the last list decides.
            type: list
            elements: str
          egress:
            description:
              - The same for packets that the node forwards to this interface.
              - A packet from one such interface to another has to pass both.
            type: list
            elements: str
      routes:
        description:
          - Static routes of the main table.
        type: list
        elements: dict
        suboptions:
          prefix:
            description:
              - Destination, such as C(10.1.0.0/16).
            type: str
            required: true
          type:
            description:
              - V(blackhole) drops packets silently. V(unicast), also when not given, needs O(config.routes[].next_hop),
                O(config.routes[].interface) or both.
            type: str
            choices: [unicast, blackhole]
          next_hop:
            description:
              - Address of the next router.
            type: str
          interface:
            description:
              - Outgoing interface.
            type: str
          metric:
            description:
              - The lower one wins among routes to the same prefix. When not given, 0 in IPv4 and 1024 in IPv6.
            type: int
      access_lists:
        description:
          - Access lists. One that no interface uses filters nothing.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the list.
            type: str
            required: true
          entries:
            description:
              - Entries in their order. The first one that matches decides.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Name of the entry, unique in its list; a comment on the rule and its counter.
                type: str
                required: true
              action:
                description:
                  - V(accept), V(drop) silently, or V(reject) with an ICMP error (administratively prohibited).
                type: str
                choices: [accept, drop, reject]
                required: true
              protocol:
                description:
                  - C(tcp), C(udp), C(icmp), C(icmpv6), C(sctp), C(gre), C(esp), or an IP protocol number.
                type: str
              source:
                description:
                  - Prefix that the packet comes from.
                type: str
              destination:
                description:
                  - Prefix that the packet goes to.
                type: str
              source_port:
                description:
                  - Port, or range such as V(8000-8080).
                type: str
              destination_port:
                description:
                  - Port, or range such as V(8000-8080).
                type: str
              established:
                description:
                  - Only packets of connections seen before, and errors that belong to them.
                type: bool
              tcp_flags:
                description:
                  - TCP flags that are all set in the packet, whatever the others are; V(syn,ack) for several.
                  - Over NETCONF this is refused.
                type: str
          default_action:
            description:
              - What happens to packets that no entry matches; V(drop) when not given.
              - Used where this list is the last one of an interface.
            type: str
            choices: [accept, drop, reject]
  transport:
    description:
      - The way to the node. V(netlink) speaks to the Linux kernel of the host where the module runs and needs nothing
        there but Python.
      - V(netconf) speaks from the controller to any device that knows NETCONF (RFC 6241), in the words of O(dialect).
        Nothing runs on the device but its own NETCONF server.
    type: str
    choices: [netlink, netconf]
    default: netlink
  netns:
    description:
      - Name or path of a network namespace to configure instead of the one in which the module runs.
    type: str
  ledger_id:
    description:
      - Which ledger the configuration comes from, as M(shadownet.ipam.node_config_info) returns it. Needs O(revision).
      - The node keeps both until nothing of ours is left there. A push from another ledger is refused, because it would
        remove what it does not know.
    type: str
  revision:
    description:
      - Which version of the node's configuration this is, as M(shadownet.ipam.node_config_info) counts them.
      - A push that is older than what the node carries changes nothing and returns RV(superseded=true), because a newer
        one has overtaken it.
    type: int
  takeover:
    description: Push whatever ledger and revision the node was configured from.
    type: bool
    default: false
  state:
    description:
      - V(merged) adds and changes what is given and removes nothing.
      - V(replaced) makes each interface, access list and destination prefix that is named exactly as given.
      - V(overridden) makes everything of ours exactly as given and removes the rest of ours.
      - V(deleted) removes the interfaces, routes and access lists that are named, or everything of ours when
        O(config) is empty or not given. Of an interface that is not ours it removes the addresses and access lists that
        are named with it, or all of ours there when none is.
      - V(gathered) only reads what is ours on the node.
      - V(rendered) only says in words what a push of O(config) to an empty node would do, and contacts nothing.
        With O(transport=netconf) the words are the payload of the edit.
      - V(parsed) only reads what is ours out of O(running_config), and contacts nothing. Only with
        O(transport=netconf).
    type: str
    choices: [merged, replaced, overridden, deleted, gathered, rendered, parsed]
    default: merged
extends_documentation_fragment:
  - shadownet.ipam.netconf
attributes:
  check_mode:
    support: full
    description: Says what would change without changing it.
  diff_mode:
    support: full
    description: Shows what is ours on the node before and after.
requirements:
  - python >= 3.11
  - pyroute2 >= 0.9.7 on the node, for O(netns)
  - ncclient >= 0.7.1 on the controller, for O(transport=netconf)
notes:
  - With O(transport=netlink) it needs CAP_NET_ADMIN (root) on the node.
seealso:
  - module: shadownet.ipam.node_config_info
  - module: shadownet.ipam.node_result
"""

EXAMPLES = r"""
- name: A subnet for a service, its routes and its filter
  shadownet.ipam.frontend_config:
    config:
      interfaces:
        - name: sn1
          type: bridge
          addresses: [10.20.0.1/28]
          rate_limit: 100Mbit
          egress: [web]
      routes:
        - prefix: 10.20.0.0/16
          type: blackhole
          metric: 4278198272
      access_lists:
        - name: web
          entries:
            - {name: answers, action: accept, established: true}
            - {name: https, action: accept, protocol: tcp, destination_port: "443"}
          default_action: reject

- name: Exactly what the ledger wants of this node
  shadownet.ipam.frontend_config:
    config: "{{ wanted.config }}"
    state: overridden

- name: What is ours on this node
  shadownet.ipam.frontend_config:
    state: gathered
  register: node

- name: The same, to a router that speaks NETCONF
  shadownet.ipam.frontend_config:
    config: "{{ wanted.config }}"
    revision: "{{ wanted.revision }}"
    state: overridden
    transport: netconf
    host: router1.example.com
    username: netops
    private_key_file: ~/.ssh/netops

- name: The same, with host, port, login and time-out from the inventory, and the password from the vault
  shadownet.ipam.frontend_config:
    config: "{{ wanted.config }}"
    revision: "{{ wanted.revision }}"
    state: overridden
    transport: netconf
    timeout: 30
  vars:
    ansible_password: "{{ vaulted_password }}"

- name: The payload for a Junos router, without contacting one
  shadownet.ipam.frontend_config:
    config:
      routes:
        - {prefix: 10.20.0.0/16, type: blackhole}
    state: rendered
    transport: netconf
    dialect: junos

- name: Take everything of ours off the node
  shadownet.ipam.frontend_config:
    state: deleted
"""

RETURN = r"""
ledger_id:
  description: The ledger that the node is configured from, if it was told.
  returned: unless O(state=rendered)
  type: str
revision:
  description: The revision that the node carries, if it was given one.
  returned: unless O(state=rendered)
  type: int
superseded:
  description: Whether the node carries a newer revision already, so that nothing was done.
  returned: with states that push
  type: bool
before:
  description: What was ours on the node, in the form of O(config).
  returned: with states that push
  type: dict
  sample: {interfaces: [], routes: [], access_lists: []}
after:
  description: What is ours on the node now; in check mode, what would be.
  returned: with states that push
  type: dict
changes:
  description: What was done, in order.
  returned: with states that push
  type: list
  elements: dict
  contains:
    op:
      description: C(add), C(change) or C(remove).
      type: str
    kind:
      description: C(interface), C(address), C(rate_limit), C(route), C(access_list) or C(attachment).
      type: str
    key:
      description: Names the object.
      type: str
    before:
      description: The object as it was; null when it was added.
      type: dict
    after:
      description: The object as it is; null when it was removed.
      type: dict
commands:
  description: The changes in the words of C(ip), C(tc) and C(nft). Nothing of this was run.
  returned: with states that push
  type: list
  elements: str
  sample: [ip route add blackhole 10.20.0.0/16 metric 4278198272 proto 201]
drift:
  description: How the node differed from what was asked.
  returned: with states that push
  type: list
  elements: dict
  contains:
    kind:
      description: C(missing), C(changed), C(leaked) (ours, not wanted) or C(foreign) (not ours, and in the way).
      type: str
    object:
      description: Kind of object, as in RV(changes[].kind).
      type: str
    key:
      description: Names the object.
      type: str
    wanted:
      description: The object as it should be.
      type: dict
    found:
      description: The object as it was.
      type: dict
gathered:
  description: What is ours on the node, in the form of O(config).
  returned: with O(state=gathered)
  type: dict
rendered:
  description: The words of a push to an empty node.
  returned: with O(state=rendered)
  type: list
  elements: str
parsed:
  description: What is ours in O(running_config), in the form of O(config).
  returned: with O(state=parsed)
  type: dict
guarantees_missing:
  description:
    - What this device could not promise for the push, and what of O(config) it has no words for. Each begins with one
      word and a colon, such as C(confirmed-commit) or C(rate_limit).
  returned: with O(transport=netconf)
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.frontend.options import REQUIRED_TOGETHER, argument_spec, run
from ..module_utils.frontend.registry import open_transport
from ..module_utils.model.errors import InvalidInput, ShadownetError


def _run(module: AnsibleModule) -> dict[str, Any]:
    if module.params["transport"] == "netconf":
        raise InvalidInput("netconf runs on the controller, by this module's action plugin.", parameter="transport")
    transport = open_transport(module.params["transport"], netns=module.params["netns"])
    try:
        return run(transport, module.params, module.check_mode)
    finally:
        transport.close()


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True, required_together=REQUIRED_TOGETHER)
    try:
        module.exit_json(**_run(module))
    except ShadownetError as error:
        module.fail_json(msg=str(error), **error.details())


if __name__ == "__main__":
    main()
