#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``dhcp_config_info``: what the ledger wants of a DHCP server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_config_info
short_description: What the ledger wants of a DHCP server
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Returns the leases of all instances that obtain their addresses by DHCP, and the address space that the server must
    not give to anybody else, in the form in which M(shadownet.ipam.dhcp_lease) takes them.
options:
  pools:
    description: Provider pools to keep from the server, beside all shadow pools.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
  - shadownet.ipam.ledger.assume
seealso:
  - module: shadownet.ipam.dhcp_lease
"""

EXAMPLES = r"""
- name: Ask the ledger
  shadownet.ipam.dhcp_config_info:
    pools: [frankfurt]
  register: wanted

- name: Make the server's leases those of the ledger
  shadownet.ipam.dhcp_lease:
    leases: "{{ wanted.leases }}"
    ledger_id: "{{ wanted.ledger_id }}"
    state: overridden

- name: Keep the server from giving the ledger's addresses away
  shadownet.ipam.dhcp_lease:
    prefixes: "{{ wanted.prefixes }}"
    ledger_id: "{{ wanted.ledger_id }}"
    state: guarded
"""

RETURN = r"""
ledger_id:
  description: The ledger's id.
  returned: success
  type: str
leases:
  description: Leases of instances.
  returned: success
  type: list
  elements: dict
  sample: [{address: 10.80.0.20, mac: "52:54:00:12:34:56", instance: web-17}]
prefixes:
  description: IPv4 address space of shadow pools and of O(pools), without what they exclude.
  returned: success
  type: list
  elements: str
  sample: [10.80.0.0/24]
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
        "pools": {"type": "list", "elements": "str", "default": []},
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.dhcp_config_info.")


if __name__ == "__main__":
    main()
