#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counts packets towards shadow addresses on a Linux node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shadow_traffic
short_description: Count packets to shadow addresses on a Linux node
version_added: "0.2.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Counts, for each prefix, the packets that arrive for it and those of them that the node forwards. The difference met
    an inactive route or a floor, because there is no instance yet, or no longer.
  - The counters are in the nftables table C(inet shadownet_traffic), which nothing else uses. No packet is ever dropped
    or changed by it. Activating an instance changes nothing in it.
  - Packets with a hop limit of 1 are not counted. What the node itself sends is not counted either.
  - Runs on the node. It knows no ledger; M(shadownet.ipam.traffic_result) says what to count, and takes what was
    counted.
options:
  prefixes:
    description: Prefixes of reservations and instances. None may lie in another.
    type: list
    elements: str
    default: []
  floors:
    description:
      - Prefixes of shadow pools. None may lie in another.
      - A packet to one of O(prefixes) is not counted for a floor around it.
    type: list
    elements: str
    default: []
  netns:
    description: Name or path of a network namespace in which to count, instead of the one where the module runs.
    type: str
  state:
    description:
      - V(present) counts for exactly O(prefixes) and O(floors). What was counted already goes on.
      - V(absent) removes the counters. V(gathered) only reads them.
    type: str
    choices: [present, absent, gathered]
    default: present
attributes:
  check_mode:
    support: full
    description: Says what would change without changing it.
  diff_mode:
    support: full
    description: Shows what is counted before and after.
requirements:
  - python >= 3.11
  - nftables >= 1.0 on the node
notes:
  - It needs CAP_NET_ADMIN (root) on the node.
seealso:
  - module: shadownet.ipam.traffic_result
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
  register: told

- name: Count for what is reserved now
  shadownet.ipam.shadow_traffic:
    prefixes: "{{ told.count.prefixes }}"
    floors: "{{ told.count.floors }}"
"""

RETURN = r"""
traffic:
  description: The counters as they were when the task began; null where nothing was counted.
  returned: success
  type: dict
  contains:
    since:
      description: When counting began, by the node's clock, and a random word. Another text means that the counters
        began anew.
      type: str
    prefixes:
      description: C(prefix), and since then the packets that C(arrived) for it, and those C(forwarded).
      type: list
      elements: dict
    floors:
      description: The same for O(floors).
      type: list
      elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.frontend.shadow_traffic import KINDS, Traffic, TrafficTable, checked
from ..module_utils.model.errors import ShadownetError

ARGUMENTS = {
    "prefixes": {"type": "list", "elements": "str", "default": []},
    "floors": {"type": "list", "elements": "str", "default": []},
    "netns": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
}


def _run(module: AnsibleModule) -> dict[str, Any]:
    table = TrafficTable(module.params["netns"])
    wanted = {kind: checked(module.params[kind], kind) for kind in KINDS}
    have = table.read()
    state = module.params["state"]
    before = _counted(have)
    after: dict[str, list[str]] | None = before
    if state == "present":
        after = {kind: sorted(wanted[kind]) for kind in KINDS}
    elif state == "absent":
        after = None
    changed = before != after or (state == "present" and have is not None and not have.whole)
    if changed and not module.check_mode:
        if state == "present":
            table.count(wanted["prefixes"], wanted["floors"], have)
        else:
            table.remove()
    return {
        "changed": changed,
        "traffic": None if have is None else have.to_dict(),
        "diff": {"before": before or {}, "after": after or {}},
    }


def _counted(have: Traffic | None) -> dict[str, list[str]] | None:
    return None if have is None else {kind: sorted(getattr(have, kind)) for kind in KINDS}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**_run(module))
    except ShadownetError as error:
        module.fail_json(msg=str(error), **error.details())


if __name__ == "__main__":
    main()
