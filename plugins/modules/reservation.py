#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``reservation``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reservation
short_description: Reserve addresses ahead of demand
version_added: "0.2.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Holds prefixes of a pool of kind V(shadow) for the predicted instances of a workload, in one run where there is
    room. When an instance appears, M(shadownet.ipam.instance) gives it the prefix that waits for it.
  - Asking again with a newer forecast converges. The reservation grows, shrinks (by prefixes that no instance has),
    and moves in time; what changed is returned.
  - A reservation begins and ends by time. Instances that came for it outlive it.
options:
  reservations:
    description: The reservations, in one transaction.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The key, unique in the ledger; the workload when not given.
        type: str
      workload:
        description: What the instances are instances of. Required with O(state=present).
        type: str
      instances:
        description: How many are predicted. V(0) keeps the reservation without any prefix.
        type: int
        default: 1
      addresses:
        description: Addresses of each instance, rounded up to a prefix. Excludes O(reservations[].prefix_length).
        type: int
      prefix_length:
        description: Prefix length of each instance's prefix. One address when neither is given.
        type: int
      family:
        description: Address family; IPv4 when not given and O(reservations[].prefix_length) fits it.
        type: str
        choices: [ipv4, ipv6]
      pools:
        description: Shadow pools to draw from, in this order; all that match when not given.
        type: list
        elements: str
      node:
        description:
          - The front-end node where the instances will appear. It gets inactive routes to what is reserved.
          - Without it, instances may appear anywhere, and a node learns of them when they do.
        type: str
      location:
        description: Only pools of this location.
        type: str
      security_profile:
        description: Only pools that offer this profile.
        type: str
      starts_at:
        description: From when instances get these prefixes, ISO 8601 with zone; at once when not given.
        type: str
      expires_at:
        description: Until when, ISO 8601 with zone. Required with O(state=present).
        type: str
      confidence:
        description: Of the forecast, 0 to 1. When space runs out, what is least certain goes first.
        type: float
      forecast_id:
        description: Which forecast this comes from, for the audit trail.
        type: str
      instance_names:
        description: Names of the predicted instances, as far as they are known.
        type: list
        elements: str
  state:
    description: V(absent) ends reservations by name; active instances keep what they have.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
  - shadownet.ipam.ledger.assume
seealso:
  - module: shadownet.ipam.instance
  - module: shadownet.ipam.pool
"""

EXAMPLES = r"""
- name: Five web servers are expected tonight
  shadownet.ipam.reservation:
    reservations:
      - name: web-tonight
        workload: web
        instances: 5
        node: fe1
        starts_at: "2026-11-21T18:00:00Z"
        expires_at: "2026-11-22T02:00:00Z"
        confidence: 0.95

- name: Not any more
  shadownet.ipam.reservation:
    reservations:
      - name: web-tonight
    state: absent
"""

RETURN = r"""
reservations:
  description: The reservations as they are now.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The key.
      type: str
    status:
      description: V(active) once an instance has one of its prefixes, else V(reserved).
      type: str
    begun:
      description: Whether instances get its prefixes yet.
      type: bool
    blocks:
      description: The fewest prefixes that make up what it holds; the inactive routes.
      type: list
      elements: str
    prefixes:
      description: C(ordinal), C(cidr), C(instance) (predicted name) and C(state) of each instance's prefix.
      type: list
      elements: dict
nodes:
  description: Front-end nodes whose configuration changes with this call, to be pushed to.
  returned: success
  type: list
  elements: str
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
                "reservations": {"type": "list", "elements": "dict"},
                "instances": {"type": "list", "elements": "dict"},
                "deleted": {"type": "list", "elements": "dict"},
            },
        },
        "reservations": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str"},
                "workload": {"type": "str"},
                "instances": {"type": "int", "default": 1},
                "addresses": {"type": "int"},
                "prefix_length": {"type": "int"},
                "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
                "pools": {"type": "list", "elements": "str"},
                "node": {"type": "str"},
                "location": {"type": "str"},
                "security_profile": {"type": "str"},
                "starts_at": {"type": "str"},
                "expires_at": {"type": "str"},
                "confidence": {"type": "float"},
                "forecast_id": {"type": "str"},
                "instance_names": {"type": "list", "elements": "str"},
            },
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.reservation.")


if __name__ == "__main__":
    main()
