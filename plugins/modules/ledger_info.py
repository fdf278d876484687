#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``ledger_info``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Utilisation of the pools, state of subnets and nodes, audit events
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Tells how full the pools are, how many subnets are in which status, and which nodes lag behind the ledger.
  - Shows audit events, and the state at a past time. Changes nothing.
options:
  events:
    description: Return this many of the newest audit events.
    type: int
    default: 0
  name:
    description: Only audit events of this pool, subnet, profile or node; O(events) says how many.
    type: str
  at:
    description: Also return the pools, profiles and subnets as they were at this time, in ISO 8601 with zone.
    type: str
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.ledger
  - module: shadownet.ipam.subnet_info
"""

EXAMPLES = r"""
- name: How full are the pools
  shadownet.ipam.ledger_info:
  register: book

- name: What happened to a subnet
  shadownet.ipam.ledger_info:
    name: web-prod
    events: 20

- name: What was handed out last night
  shadownet.ipam.ledger_info:
    at: "2026-11-20T23:00:00Z"
"""

RETURN = r"""
ledger:
  description: Path, schema version, whether it is held after a restore, and whether the clock lies behind it.
  returned: success
  type: dict
pools:
  description: For every pool and address family its utilisation, in addresses.
  returned: success
  type: list
  elements: dict
  sample:
    - pool: frankfurt
      kind: provider
      family: ipv4
      addresses: 65536
      excluded: 256
      used: 64
      quarantine: 16
      free: 65200
      used_percent: 0.12
      subnets: 1
      prefixes_in_quarantine: 1
      largest_free: 17
      bandwidth: 10000000000
      bandwidth_used: 1000000000
subnets:
  description: Number of subnets by status.
  returned: success
  type: dict
nodes:
  description: For every node the newest revision of its configuration, the one that it confirmed, and the reason why
    the last push to it failed, if it did; and its number of subnets.
  returned: success
  type: list
  elements: dict
events:
  description: Audit events, oldest first, with C(time), C(actor), C(kind), C(object), C(name), C(before), C(after).
  returned: success
  type: list
  elements: dict
state:
  description: Pools, security profiles and subnets by name as they were at O(at).
  returned: when O(at) is given
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "events": {"type": "int", "default": 0},
        "name": {"type": "str"},
        "at": {"type": "str"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.ledger_info.")


if __name__ == "__main__":
    main()
