#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``security_profile``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: security_profile
short_description: Declare the rules of security profiles
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Says what traffic the subnets of a security profile may have. M(shadownet.ipam.node_config_info) makes access lists
    of it for every subnet that asks for the profile.
  - What no rule accepts is dropped. Without rules for a direction everything may pass in it, but what leaves a subnet
    always bears an address of that subnet (BCP 38).
  - The access lists guard traffic that the node forwards, not traffic to or from the node itself.
  - A profile is declared as a whole, and what is left out is not kept. Other rules reach the nodes with the next push
    to each, most simply by the playbook C(shadownet.ipam.reconcile).
options:
  name:
    description: Name of the profile. Give either this and the options below, or O(profiles).
    type: str
  profiles:
    description: Several profiles, declared in one transaction. All or nothing.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the profile.
        type: str
        required: true
      inbound: &inbound
        description: Rules for traffic to the subnet; the first that matches decides. Everything may pass when left out.
        type: list
        elements: dict
        suboptions: &rule
          name:
            description: Unique among the rules of a direction; C(rule-1), C(rule-2) and so on by default.
            type: str
          action:
            description: V(drop) is silent, V(reject) answers with an ICMP error.
            type: str
            choices: [accept, drop, reject]
            required: true
          protocol:
            description: V(tcp), V(udp), V(icmp) (of the subnet's address family), V(icmpv6), V(sctp), V(gre), V(esp) or
              an IP protocol number.
            type: str
          source:
            description: Source prefix.
            type: str
          destination:
            description: Destination prefix.
            type: str
          source_port:
            description: Source port or range, V(80) or V(8000-8080).
            type: str
          destination_port:
            description: Destination port or range.
            type: str
          established:
            description: Only packets of connections seen before.
            type: bool
      outbound: &outbound
        description: Rules for traffic from the subnet.
        type: list
        elements: dict
        suboptions: *rule
      stateful: &stateful
        description: Accept what belongs to connections that were accepted, before any rule. V(true) by default.
        type: bool
  inbound: *inbound
  outbound: *outbound
  stateful: *stateful
  state:
    description: V(absent) takes the rules away; subnets that ask for the profile have no access lists then.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.pool
  - module: shadownet.ipam.node_config_info
"""

EXAMPLES = r"""
- name: Web servers that anybody may reach
  shadownet.ipam.security_profile:
    name: web
    inbound:
      - {action: accept, protocol: tcp, destination_port: "80"}
      - {action: accept, protocol: tcp, destination_port: "443"}
      - {action: accept, protocol: icmp}

- name: Databases that only the inside may reach, and that reach nothing
  shadownet.ipam.security_profile:
    name: internal
    inbound:
      - {action: accept, protocol: tcp, source: 10.0.0.0/8, destination_port: "5432"}
    outbound: []
"""

RETURN = r"""
profiles:
  description: The profiles as they are now, in the order asked; empty for O(state=absent).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

_RULE = {
    "name": {"type": "str"},
    "action": {"type": "str", "choices": ["accept", "drop", "reject"], "required": True},
    "protocol": {"type": "str"},
    "source": {"type": "str"},
    "destination": {"type": "str"},
    "source_port": {"type": "str"},
    "destination_port": {"type": "str"},
    "established": {"type": "bool"},
}

PROFILE_OPTIONS = {
    "inbound": {"type": "list", "elements": "dict", "options": _RULE},
    "outbound": {"type": "list", "elements": "dict", "options": _RULE},
    "stateful": {"type": "bool"},
}

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "name": {"type": "str"},
        "profiles": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}, **PROFILE_OPTIONS},
        },
        **PROFILE_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    "mutually_exclusive": [("profiles", option) for option in ("name", *PROFILE_OPTIONS)],
    "required_one_of": [("name", "profiles")],
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.security_profile.")


if __name__ == "__main__":
    main()
