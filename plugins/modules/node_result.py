#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``node_result``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_result
short_description: Tell the ledger how a push to a front-end node ended
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - After a good push, subnets that were V(pending) are V(active), and those that were V(releasing) are gone - their
    prefixes rest in quarantine. After a bad one both are in V(error), with the node's words.
  - Instances likewise; but after a bad push they stay V(pending) or V(releasing), unless the node refused just them
    (O(routes)). What a node refused comes back when it is created again, or by O(retry).
  - What changed in the ledger after the revision that was pushed stays as it is.
options:
  node:
    description: Name of the node. Give either this and the options below, or O(results).
    type: str
  revision: &revision
    description: The revision that was pushed, as M(shadownet.ipam.node_config_info) returned it.
    type: int
  failed: &failed
    description: Whether the push failed.
    type: bool
    default: false
  reason: &reason
    description: The node's words, if it failed.
    type: str
  routes: &routes
    description:
      - Destinations of the routes that the node refused, as M(shadownet.ipam.frontend_config) names them in C(routes)
        when it fails.
      - Where they are those of instances, these instances alone are in V(error), and are no longer part of the node's
        configuration until they are created again or O(retry) is given. Push again, for all the others.
    type: list
    elements: str
  retry:
    description:
      - Instead of an outcome, that O(node) will be pushed again after it was mended. Its instances in V(error) become
        V(pending) and part of its configuration again, for that push to try them.
    type: bool
  results:
    description: The outcome for several nodes, taken note of in one transaction.
    type: list
    elements: dict
    suboptions:
      node:
        description: Name of the node.
        type: str
        required: true
      revision:
        <<: *revision
        required: true
      failed: *failed
      reason: *reason
      routes: *routes
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.node_config_info
  - module: shadownet.ipam.frontend_config
"""

EXAMPLES = r"""
- name: Push, and tell the ledger how it ended
  block:
    - name: Push
      shadownet.ipam.frontend_config:
        config: "{{ wanted.config }}"
        state: overridden
      register: push
      ignore_errors: true
  always:
    - name: Tell the ledger
      shadownet.ipam.node_result:
        node: "{{ inventory_hostname }}"
        revision: "{{ wanted.revision }}"
        failed: "{{ push is failed }}"
        reason: "{{ push.msg | default(omit) }}"
"""

RETURN = r"""
subnets:
  description: The subnets whose status moved on; those that are gone have status V(gone).
  returned: success
  type: list
  elements: dict
instances:
  description: The instances whose status moved on; those that are gone have status V(gone).
  returned: success
  type: list
  elements: dict
nodes:
  description:
    - Nodes whose configuration this changed, so that they are to be pushed to. Where an instance had to wait until its
      former node gave it up, its new one; and a node that refused some instances, for all the others.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "node": {"type": "str"},
        "revision": {"type": "int"},
        "failed": {"type": "bool", "default": False},
        "reason": {"type": "str"},
        "routes": {"type": "list", "elements": "str"},
        "retry": {"type": "bool"},
        "results": {
            "type": "list",
            "elements": "dict",
            "options": {
                "node": {"type": "str", "required": True},
                "revision": {"type": "int", "required": True},
                "failed": {"type": "bool", "default": False},
                "reason": {"type": "str"},
                "routes": {"type": "list", "elements": "str"},
            },
        },
    },
    "mutually_exclusive": [
        ("results", "node"),
        ("results", "revision", "retry"),
        ("results", "reason", "retry"),
        ("results", "routes", "retry"),
    ],
    "required_one_of": [("node", "results"), ("revision", "results", "retry")],
    "required_by": {"revision": "node", "retry": "node"},
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.node_result.")


if __name__ == "__main__":
    main()
