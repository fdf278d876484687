#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``subnet``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: subnet
short_description: Request and release subnets
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Hands out subnets from the ledger's pools and takes them back, any number in one transaction. All or nothing.
  - The O(requests[].name) is the key. Asking again returns the same subnet; another bandwidth, profile, service or
    other labels change it in place, and what is left out of these is taken away; another size, family, pool, location
    or node is refused with the difference.
  - A subnet on a node is V(pending) until M(shadownet.ipam.node_result) says that the node carries it, and V(releasing)
    until the node has confirmed the removal. Then its prefix rests in quarantine.
options:
  requests:
    description: What is asked for. Exactly one of O(requests[].addresses), O(requests[].prefix_length) and
      O(requests[].prefix) says the size.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The key, unique in the ledger, in any script, at most 200 octets of UTF-8. Required for
          O(state=present).
        type: str
      id:
        description: For O(state=absent), the subnet's id instead of its name.
        type: int
      service:
        description: The service that uses the subnet.
        type: str
      addresses:
        description: Number of addresses for the service's hosts. Network, broadcast and gateway come on top, so that 6
          is a /28 in IPv4. In IPv6 it is a /64.
        type: int
      prefix_length:
        description: Size as a prefix length. A /31 (RFC 3021) or /127 (RFC 6164) is a point-to-point link.
        type: int
      prefix:
        description: This very prefix, which must be free in a pool that matches.
        type: str
      family:
        description: Address family; V(ipv4) unless the size or the prefix says IPv6.
        type: str
        choices: [ipv4, ipv6]
      bandwidth:
        description: Bandwidth as V(100Mbit), counted against the pool's capacity and enforced on the node as a rate
          limit of the traffic to the subnet. A plain number means bit/s.
        type: str
      security_profile:
        description: Security profile, whose rules become access lists on the node. Only pools that list it match.
        type: str
      location:
        description: Only pools of this location match.
        type: str
      pools:
        description: Only these pools, in this order. By default all of routing domain V(default) that match, in order
          of declaration.
        type: list
        elements: str
      strategy:
        description: How to choose among free blocks; the pool's own by default.
        type: str
        choices: [first_fit, best_fit, round_robin]
      node:
        description: The front-end node that shall carry the subnet. Without one there is nothing to configure.
        type: str
      ttl:
        description: The subnet is released after this time, as V(2h), counted from its creation. A plain number means
          seconds. For a subnet that is there already it has no effect without O(requests[].renew).
        type: str
      renew:
        description: Count O(requests[].ttl) from now on. That is a change each time.
        type: bool
      labels:
        description: Labels, for searching. C(vlan) and C(vni) give a VLAN id and a VXLAN network identifier where the
          node's interfaces are of such a type.
        type: dict
  state:
    description: V(present) allocates or returns what the name holds; V(absent) releases by name or id.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
  - shadownet.ipam.ledger.assume
seealso:
  - module: shadownet.ipam.pool
  - module: shadownet.ipam.node_config_info
  - plugin: shadownet.ipam.subnet
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Subnets for three services
  shadownet.ipam.subnet:
    requests:
      - {name: web-prod, service: web, addresses: 50, security_profile: web, bandwidth: 1Gbit, node: fe1}
      - {name: db-prod, service: db, prefix_length: 28, location: fra1, strategy: best_fit, node: fe1}
      - {name: uplink-fe1, prefix_length: 31, node: fe1, labels: {role: point-to-point}}
  register: allocated

- name: Release one of them
  shadownet.ipam.subnet:
    requests: [{name: db-prod}]
    state: absent
"""

RETURN = r"""
subnets:
  description: The subnets in the order asked. One that was released and needs no node's word has status V(gone).
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The request's name., type: str}
    id: {description: Unique and never used again., type: int}
    cidr: {description: The prefix., type: str, sample: 10.64.1.0/26}
    network: {description: Its first address., type: str}
    prefix_length: {description: Its length., type: int}
    netmask: {description: The same as a mask., type: str}
    family: {description: V(ipv4) or V(ipv6)., type: str}
    gateway: {description: The first usable address., type: str}
    ip_address: {description: The node's own address in it., type: str}
    first_host: {description: First address for the service's hosts., type: str}
    last_host: {description: Last address for the service's hosts., type: str}
    dns_servers: {description: The pool's name servers., type: list, elements: str}
    pool: {description: The pool that it lies in., type: str}
    node: {description: The node that carries it., type: str}
    interface: {description: The node's interface., type: str}
    status: {description: 'V(pending), V(active), V(releasing), V(error), or V(gone).', type: str}
    reason: {description: With status V(error) the node's words., type: str}
    service: {description: As asked., type: str}
    addresses: {description: As asked., type: int}
    bandwidth: {description: In bit/s., type: int}
    security_profile: {description: As asked., type: str}
    location: {description: 'As asked, else the pool''s.', type: str}
    labels: {description: As asked., type: dict}
    expires_at: {description: When it is released by itself., type: str}
    created_at: {description: When it was allocated., type: str}
    updated_at: {description: When it last changed., type: str}
    revision: {description: Revision of the node's configuration that first has it so., type: int}
unknown:
  description: For O(state=absent), the names and ids that the ledger does not have, or not any more.
  returned: for O(state=absent)
  type: list
  elements: raw
nodes:
  description: Nodes that must be pushed to before the subnets are V(active) or gone, and those that lost reserved
    addresses to a request that borrowed them, or something that expired.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

REQUEST_OPTIONS = {
    "service": {"type": "str"},
    "addresses": {"type": "int"},
    "prefix_length": {"type": "int"},
    "prefix": {"type": "str"},
    "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
    "bandwidth": {"type": "str"},
    "security_profile": {"type": "str"},
    "location": {"type": "str"},
    "pools": {"type": "list", "elements": "str"},
    "strategy": {"type": "str", "choices": ["first_fit", "best_fit", "round_robin"]},
    "node": {"type": "str"},
    "ttl": {"type": "str"},
    "renew": {"type": "bool"},
    "labels": {"type": "dict"},
}

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
        "requests": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {"name": {"type": "str"}, "id": {"type": "int"}, **REQUEST_OPTIONS},
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.subnet.")


if __name__ == "__main__":
    main()
