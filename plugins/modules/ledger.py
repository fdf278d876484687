#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``ledger``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: Create, back up, restore, verify, migrate, export and import the ledger
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Looks after the ledger as a whole.
options:
  state:
    description:
      - V(present) makes an empty ledger if there is none.
      - V(backed_up) copies it to O(file), a new file, while others go on reading and writing.
      - V(restored) replaces its content by the backup in O(file). Nothing is handed out then until the playbook
        C(shadownet.ipam.reconcile) has adopted what the nodes carry.
      - V(verified) proves that free blocks, subnets, reservations, instances, quarantine and exclusions tile every pool
        exactly, or fails.
      - V(migrated) brings the schema to the version of this release.
      - V(exported) writes pools, profiles, subnets, quarantine, instances, reservations and floors to O(file) as YAML.
      - V(imported) adds what such a file holds, all or nothing. Subnets on nodes get new ids, so that the next push
        makes their interfaces anew. Files of an older release can be imported too.
      - V(adopted) takes over what O(nodes) carry and the ledger does not know, and ends the hold after a restore.
      - V(clock_accepted) believes the clock where it lies behind the ledger's last event, so that things expire again
        after the clock was wrong once.
    type: str
    choices: [present, backed_up, restored, verified, migrated, exported, imported, adopted, clock_accepted]
    default: present
  file:
    description: The file to write or read, on the controller.
    type: path
  nodes:
    description: For O(state=adopted), every node with what it carries.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      config:
        description: RV(shadownet.ipam.frontend_config#module:gathered) of the node.
        type: dict
        required: true
      revision:
        description: RV(shadownet.ipam.frontend_config#module:revision) of the node. The ledger goes on counting from
          there, so that its pushes are not taken for old ones.
        type: int
        default: 0
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.ledger_info
"""

EXAMPLES = r"""
- name: Back up
  shadownet.ipam.ledger:
    state: backed_up
    file: "/var/backups/ledger-{{ now(utc=true, fmt='%Y%m%dT%H%M%SZ') }}.db"

- name: Prove that the book is right
  shadownet.ipam.ledger:
    state: verified

- name: Put it under version control
  shadownet.ipam.ledger:
    state: exported
    file: ledger.yml
"""

RETURN = r"""
path:
  description: Path of the ledger.
  returned: success
  type: str
file:
  description: The file that was written or read.
  returned: when O(file) is given
  type: str
problems:
  description: What V(verified) found wrong.
  returned: for O(state=verified)
  type: list
  elements: str
imported:
  description: Numbers of new entries by kind.
  returned: for O(state=imported)
  type: dict
adopted:
  description: Subnets and instances found on the nodes that the ledger did not know, whether they were adopted, and if
    not, why. An instance of which only the route is known is named like its address; the option
    O(shadownet.ipam.instance#module:former_name) gives it its own name back. The floors of a pool are there only where
    they were left alone.
  returned: for O(state=adopted)
  type: list
  elements: dict
schema_version:
  description: Version of the schema before and after.
  returned: for O(state=migrated)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "state": {
            "type": "str",
            "choices": [
                "present",
                "backed_up",
                "restored",
                "verified",
                "migrated",
                "exported",
                "imported",
                "adopted",
                "clock_accepted",
            ],
            "default": "present",
        },
        "file": {"type": "path"},
        "nodes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "config": {"type": "dict", "required": True},
                "revision": {"type": "int", "default": 0},
            },
        },
    },
    "required_if": [
        ("state", "backed_up", ["file"]),
        ("state", "restored", ["file"]),
        ("state", "exported", ["file"]),
        ("state", "imported", ["file"]),
        ("state", "adopted", ["nodes"]),
    ],
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.ledger.")


if __name__ == "__main__":
    main()
