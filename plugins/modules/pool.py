#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``pool``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pool
short_description: Declare pools of address space
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Declares the pools of the ledger, from which subnets are handed out. Makes the ledger if there is none.
  - An option that is left out keeps its value; for a new pool it has the default named here.
  - Lists are replaced as a whole. A pool grows and shrinks by its O(prefixes), as long as they cover what is handed
    out or in quarantine.
options:
  name:
    description: Name of the pool. Give either this and the options below, or O(pools).
    type: str
  pools:
    description: Several pools, declared in one transaction. All or nothing.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the pool.
        type: str
        required: true
      kind: &kind
        description: What draws from the pool. Requests draw from V(provider) pools (the default), reservations from
          V(shadow) pools, see M(shadownet.ipam.reservation). It cannot change.
        type: str
        choices: [provider, shadow]
      prefixes: &prefixes
        description: The address space, IPv4 and IPv6. Pools of one routing domain never overlap. Required for a new
          pool.
        type: list
        elements: str
      excluded: &excluded
        description: Prefixes, addresses and ranges (C(10.0.0.1-10.0.0.9)) that are never handed out.
        type: list
        elements: str
      location: &location
        description: Where the pool's space may be used. Requests that name a location only match pools of that
          location. An empty text takes it away.
        type: str
      security_profiles: &security_profiles
        description: Security profiles for which the pool's space may be used. A request that names a profile only
          matches pools that list it.
        type: list
        elements: str
      bandwidth: &bandwidth
        description: Capacity that the pool's subnets share, as V(10Gbit); a plain number means bit/s. No limit by
          default; an empty text takes the limit away.
        type: str
      strategy: &strategy
        description:
          - How to choose among the free blocks, for requests that name no strategy.
          - V(first_fit) (the default) takes the lowest address, V(best_fit) the smallest free block that fits,
            V(round_robin) the next one after what was handed out last; pools that hand out so take turns.
        type: str
        choices: [first_fit, best_fit, round_robin]
      quarantine: &quarantine
        description: How long a released prefix rests before another name may get it, as V(10m) (the default), V(0s) for
          not at all. A plain number means seconds.
        type: str
      gateway: &gateway
        description:
          - Who has a subnet's first usable address.
          - V(node) (the default) is the front-end node itself. V(router) is the provider's router; the node has the
            second address and a default route through the first.
        type: str
        choices: [node, router]
      lend: &lend
        description: Whether requests may borrow from this shadow pool when provider pools are exhausted, from what is
          free, and then from what is reserved and no instance has.
        type: bool
      workload_cap: &workload_cap
        description: Largest share of this shadow pool that one workload may hold, more than 0 and at most 1. It is
          looked at when something is reserved.
        type: float
      routing_domain: &routing_domain
        description: Pools of different routing domains may overlap. V(default) by default. Pools of another one hand
          out only to requests that name them.
        type: str
      dns_servers: &dns_servers
        description: Addresses of the name servers that services get with their subnet.
        type: list
        elements: str
  kind: *kind
  prefixes: *prefixes
  excluded: *excluded
  location: *location
  security_profiles: *security_profiles
  bandwidth: *bandwidth
  strategy: *strategy
  quarantine: *quarantine
  gateway: *gateway
  lend: *lend
  workload_cap: *workload_cap
  routing_domain: *routing_domain
  dns_servers: *dns_servers
  state:
    description: V(absent) takes pools away; it is refused while something is handed out or in quarantine.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.subnet
  - module: shadownet.ipam.ledger_info
"""

EXAMPLES = r"""
- name: One pool
  shadownet.ipam.pool:
    name: frankfurt
    prefixes: [10.64.0.0/16, "2001:db8:64::/48"]
    excluded: [10.64.0.0/24, 10.64.255.1-10.64.255.9]
    location: fra1
    security_profiles: [web, internal]
    bandwidth: 10Gbit
    strategy: best_fit

- name: Several in one transaction
  shadownet.ipam.pool:
    pools:
      - {name: edge, prefixes: [198.51.100.0/24], gateway: router, quarantine: 1h}
      - {name: lab, prefixes: [10.99.0.0/16], routing_domain: lab}

- name: Take a pool away
  shadownet.ipam.pool:
    name: lab
    state: absent
"""

RETURN = r"""
pools:
  description: The pools as they are now, in the order asked; empty for O(state=absent).
  returned: success
  type: list
  elements: dict
  sample:
    - name: frankfurt
      kind: provider
      prefixes: [10.64.0.0/16]
      excluded: []
      location: fra1
      security_profiles: [internal, web]
      bandwidth: 10Gbit
      strategy: best_fit
      quarantine: 10m
      gateway: node
      lend: false
      workload_cap: null
      routing_domain: default
      dns_servers: []
nodes:
  description: Front-end nodes to push to. The prefixes of a shadow pool are routes there, and changed with this task or
    are not carried yet.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

POOL_OPTIONS = {
    "kind": {"type": "str", "choices": ["provider", "shadow"]},
    "prefixes": {"type": "list", "elements": "str"},
    "excluded": {"type": "list", "elements": "str"},
    "location": {"type": "str"},
    "security_profiles": {"type": "list", "elements": "str"},
    "bandwidth": {"type": "str"},
    "strategy": {"type": "str", "choices": ["first_fit", "best_fit", "round_robin"]},
    "quarantine": {"type": "str"},
    "gateway": {"type": "str", "choices": ["node", "router"]},
    "lend": {"type": "bool"},
    "workload_cap": {"type": "float"},
    "routing_domain": {"type": "str"},
    "dns_servers": {"type": "list", "elements": "str"},
}

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "name": {"type": "str"},
        "pools": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}, **POOL_OPTIONS},
        },
        **POOL_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    "mutually_exclusive": [("pools", option) for option in ("name", *POOL_OPTIONS)],
    "required_one_of": [("name", "pools")],
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.pool.")


if __name__ == "__main__":
    main()
