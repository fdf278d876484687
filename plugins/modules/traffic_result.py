#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``traffic_result``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_result
short_description: Tell the ledger what a node counted of the traffic to shadow addresses
version_added: "0.2.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Takes the counters that M(shadownet.ipam.shadow_traffic) read on a node, and records in the audit trail what is new
    since the last time.
  - C(shadow.traffic_ahead) tells of packets to what is reserved for a workload that reached no instance. Clients were
    ahead of their instance, or came after it was gone.
  - C(shadow.traffic_unreserved) tells of packets to addresses of a shadow pool where nothing is reserved at this node.
  - C(instance.idle) tells, once, of an active instance to which nothing was forwarded for O(idle_after).
  - The same counters again record nothing. Where the counters began anew, with the node, all of them is new.
  - Returns what the node shall count from now on.
options:
  node:
    description: Name of the node.
    type: str
    required: true
  traffic:
    description:
      - What RV(shadownet.ipam.shadow_traffic#module:traffic) returned on the node. When it counted nothing, leave this
        out, and nothing is recorded.
    type: dict
    suboptions:
      since:
        description: Names the run of the counters.
        type: str
      prefixes:
        description: Prefixes of reservations and instances.
        type: list
        elements: dict
        suboptions: &counts
          prefix:
            description: The prefix.
            type: str
            required: true
          arrived:
            description: Packets that arrived for it.
            type: int
            required: true
          forwarded:
            description: Packets of these that the node forwarded.
            type: int
            required: true
      floors:
        description: Prefixes of shadow pools.
        type: list
        elements: dict
        suboptions: *counts
  idle_after:
    description: After how long without traffic an instance is idle.
    type: str
    default: 10m
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.shadow_traffic
  - module: shadownet.ipam.ledger_info
"""

EXAMPLES = r"""
- name: Read what was counted
  shadownet.ipam.shadow_traffic:
    state: gathered
  register: counted

- name: Tell the ledger
  shadownet.ipam.traffic_result:
    node: "{{ inventory_hostname }}"
    traffic: "{{ counted.traffic }}"
    idle_after: 1h
  register: told

- name: Count for what is reserved now
  shadownet.ipam.shadow_traffic:
    prefixes: "{{ told.count.prefixes }}"
    floors: "{{ told.count.floors }}"
"""

RETURN = r"""
events:
  description: What was recorded.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: C(shadow.traffic_ahead), C(shadow.traffic_unreserved) or C(instance.idle).
      type: str
    node:
      description: The node that counted.
      type: str
    pool:
      description: Whose addresses they are.
      type: str
    workload:
      description: For which they are reserved, or whose instance it is; null where there is none.
      type: str
    location:
      description: Where that is reserved.
      type: str
    reservation:
      description: Name of the reservation, if any.
      type: str
    cidr:
      description: The prefix, of several the one with most packets.
      type: str
    packets:
      description: Number of packets since the last time. Not with C(instance.idle).
      type: int
    prefixes:
      description: Those with most packets, at most 20. C(cidr), C(packets), and the C(instance) that has it by now.
      type: list
      elements: dict
    instance:
      description: With C(instance.idle), its name.
      type: str
    quiet_since:
      description: With C(instance.idle), since when it had no traffic, as far as was looked.
      type: str
count:
  description: What the node shall count from now on, C(prefixes) and C(floors), as options of
    M(shadownet.ipam.shadow_traffic).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

_COUNTS = {
    "prefix": {"type": "str", "required": True},
    "arrived": {"type": "int", "required": True},
    "forwarded": {"type": "int", "required": True},
}
ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "node": {"type": "str", "required": True},
        "traffic": {
            "type": "dict",
            "options": {
                "since": {"type": "str"},
                "prefixes": {"type": "list", "elements": "dict", "options": _COUNTS},
                "floors": {"type": "list", "elements": "dict", "options": _COUNTS},
            },
        },
        "idle_after": {"type": "str", "default": "10m"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.traffic_result.")


if __name__ == "__main__":
    main()
