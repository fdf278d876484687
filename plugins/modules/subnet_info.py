#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``subnet_info``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: subnet_info
short_description: Search subnets in the ledger
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Returns the subnets that meet all filters given; all of them without filters. Changes nothing.
options:
  names:
    description: Names of subnets.
    type: list
    elements: str
  ids:
    description: Ids of subnets.
    type: list
    elements: int
  status:
    description: Status, one of these.
    type: list
    elements: str
    choices: [pending, active, releasing, error]
  pool:
    description: Pool that they lie in.
    type: str
  service:
    description: Service that uses them.
    type: str
  location:
    description: Location.
    type: str
  security_profile:
    description: Security profile.
    type: str
  node:
    description: Front-end node that carries them.
    type: str
  labels:
    description: Labels that they must have, with these values.
    type: dict
  address:
    description: An address that they hold.
    type: str
  limit:
    description: Return at most this many, those with the lowest id.
    type: int
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.subnet
"""

EXAMPLES = r"""
- name: Who holds this address
  shadownet.ipam.subnet_info:
    address: 10.64.1.17

- name: What could not be pushed
  shadownet.ipam.subnet_info:
    status: [error]
"""

RETURN = r"""
subnets:
  description: The subnets, as M(shadownet.ipam.subnet) returns them, in order of id.
  returned: success
  type: list
  elements: dict
count:
  description: Number of subnets returned.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

FILTER_OPTIONS = {
    "names": {"type": "list", "elements": "str"},
    "ids": {"type": "list", "elements": "int"},
    "status": {"type": "list", "elements": "str", "choices": ["pending", "active", "releasing", "error"]},
    "pool": {"type": "str"},
    "service": {"type": "str"},
    "location": {"type": "str"},
    "security_profile": {"type": "str"},
    "node": {"type": "str"},
    "labels": {"type": "dict"},
    "address": {"type": "str"},
}

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        **FILTER_OPTIONS,
        "limit": {"type": "int"},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.subnet_info.")


if __name__ == "__main__":
    main()
