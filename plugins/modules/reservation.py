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
  - Holds prefixes of pools of kind V(shadow) for the predicted instances of a workload, in one run where there is
    room. When an instance appears, M(shadownet.ipam.instance) gives it the prefix that waits for it.
  - Asking again with a newer forecast converges. A reservation grows, shrinks (by prefixes that no instance has),
    and moves in time; RV(changes) tells what became of each.
  - A reservation begins and ends by time. Instances that came for it outlive it.
  - All reservations of a task are one transaction, all or nothing. What shrinks or ends does so before others grow.
  - An option of a reservation that is null or empty text, such as an empty template makes it, is not given.
options:
  reservations:
    description: The reservations, in one transaction. C(shadow_reservations) of a forecaster's file is such a list.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The key, unique in the ledger; the workload when not given. Two reservations of one workload, such
          as one for the day and one for the peak, need names of their own; where their times overlap, they add up.
        type: str
      workload:
        description: What the instances are instances of. Required but with O(state=absent).
        type: str
      instances:
        description: How many are predicted, at most a million; each gets one prefix. V(0) keeps the reservation
          without any prefix.
        type: int
        default: 1
      addresses:
        description: Addresses of each instance, rounded up to a prefix (V(3) is a /30 in IPv4, a /126 in IPv6), all of
          them usable. Excludes O(reservations[].prefix_length).
        type: int
      prefix_length:
        description: Prefix length of each instance's prefix, longer than that of the pool's own prefix. One address
          when neither is given.
        type: int
      family:
        description: Address family; IPv4 when not given and O(reservations[].prefix_length) fits it.
        type: str
        choices: [ipv4, ipv6]
      pools:
        description: Shadow pools to draw from, in this order; all that match when not given, in the order in which they
          were declared. If none has room for all, several are used.
        type: list
        elements: str
      node:
        description:
          - The front-end node where the instances will appear. It gets inactive routes to what is reserved.
          - Without it, instances may appear anywhere, and a node learns of them when they do.
        type: str
      location:
        description: Only pools of this location. When not given, its prefixes are where their pools are.
        type: str
      security_profile:
        description: Only pools that offer this profile.
        type: str
      starts_at:
        description: From when instances get these prefixes, ISO 8601 with zone. When not given, as it is, and at once
          for a new reservation. The addresses are held, and the inactive routes are there, from now on.
        type: str
      expires_at:
        description: Until when, ISO 8601 with zone. Required but with O(state=absent). An item whose time is over is
          left out with a warning; it is an error if that of all items is.
        type: str
      confidence:
        description: Of the forecast, 0 to 1; V(0) when not given. When a pool lends and space runs out, what is least
          certain goes first.
        type: float
      forecast_id:
        description: Which forecast this comes from, for the audit trail.
        type: str
      instance_names:
        description: Names of the predicted instances, as far as they are known. A name keeps its prefix while it is
          predicted; an instance without a predicted name gets one of the other prefixes first.
        type: list
        elements: str
  state:
    description:
      - V(present) makes these reservations, and leaves others as they are; they end by their time.
      - V(replaced) also ends those other reservations whose workload is named here. For a forecast that is complete for
        its workloads.
      - V(overridden) also ends all other reservations. For the only forecast that there is; an empty list is refused.
      - V(absent) ends reservations by name.
      - Whatever ends, active instances keep what they have.
    type: str
    choices: [present, replaced, overridden, absent]
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
- name: Five web servers are expected tonight, of which two are known by name
  shadownet.ipam.reservation:
    reservations:
      - name: web-tonight
        workload: web
        instances: 5
        node: fe1
        starts_at: "2029-11-21T18:00:00Z"
        expires_at: "2029-11-22T02:00:00Z"
        confidence: 0.95
        instance_names: [web-17, web-18]

- name: What the forecaster wrote, complete for its workloads
  shadownet.ipam.reservation:
    reservations: "{{ shadow_reservations }}"
    state: replaced
  register: reserved

- name: What is different from the forecast before
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.instances.before }} -> {{ item.instances.after }}"
  loop: "{{ reserved.changes }}"
  loop_control:
    label: "{{ item.name }}"

- name: Not any more
  shadownet.ipam.reservation:
    reservations:
      - name: web-tonight
    state: absent
"""

RETURN = r"""
reservations:
  description: The reservations of this task as they are now, in the order asked.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The key., type: str}
    id: {description: Unique and never used again., type: int}
    workload: {description: As asked., type: str}
    status: {description: 'V(active) once an instance has one of its prefixes, else V(reserved).', type: str}
    begun: {description: Whether instances get its prefixes yet., type: bool}
    instances:
      description: How many prefixes it is meant to hold. It holds more while active instances keep it from shrinking.
      type: int
    active: {description: How many of its prefixes instances have., type: int}
    prefix_length: {description: Of each instance's prefix., type: int}
    family: {description: V(ipv4) or V(ipv6)., type: str}
    pools: {description: As asked., type: list, elements: str}
    node: {description: As asked., type: str}
    location: {description: As asked., type: str}
    security_profile: {description: As asked., type: str}
    starts_at: {description: In UTC., type: str}
    expires_at: {description: In UTC., type: str}
    confidence: {description: As asked., type: float}
    forecast_id: {description: As asked., type: str}
    blocks:
      description: The fewest prefixes that make up what it holds. On its node, each is an inactive route.
      type: list
      elements: str
    prefixes:
      description: The mapping between addresses and predicted instances.
      type: list
      elements: dict
      contains:
        ordinal: {description: Number of the predicted instance., type: int}
        cidr: {description: Its prefix., type: str}
        pool: {description: Where that lies., type: str}
        instance: {description: The predicted name., type: str}
        state:
          description: V(reserved), V(active) (an instance has it), or V(resting) (in quarantine after one).
          type: str
changes:
  description: What this task changed, reservation by reservation; those that it ended included.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The key., type: str}
    change: {description: 'V(made), V(changed) or V(ended).', type: str}
    instances: {description: C(before) and C(after)., type: dict}
    added: {description: 'What it got, as the fewest prefixes.', type: list, elements: str}
    removed: {description: 'What it lost, as the fewest prefixes.', type: list, elements: str}
    kept: {description: 'What of that instances keep, or rests after one.', type: list, elements: str}
    node: {description: Its node., type: str}
    renamed: {description: Number of prefixes that are now predicted for another name., type: int}
    options: {description: 'Other options that changed, each with C(before) and C(after).', type: dict}
over:
  description: Names of those whose time is over, so that nothing was done for them.
  returned: success
  type: list
  elements: str
unknown:
  description: With O(state=absent), names of which there is no reservation.
  returned: success
  type: list
  elements: str
nodes:
  description: Front-end nodes to push to. Their configuration changed with this task, or they do not carry yet what an
    earlier one changed. Unless O(state=present), these are all nodes that lag behind, because what ended is not known
    by name any more.
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
                "ended": {"type": "list", "elements": "str"},
                "reservations": {"type": "list", "elements": "dict"},
                "instances": {"type": "list", "elements": "dict"},
                "deleted": {"type": "list", "elements": "dict"},
                "refused": {"type": "list", "elements": "dict"},
                "confirmed": {"type": "list", "elements": "str"},
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
        "state": {"type": "str", "choices": ["present", "replaced", "overridden", "absent"], "default": "present"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.reservation.")


if __name__ == "__main__":
    main()
