# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and attributes that all ledger modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """``extends_documentation_fragment: shadownet.ipam.ledger``"""

    DOCUMENTATION = r"""
options:
  ledger:
    description:
      - Path of the ledger, on a local disk of the controller.
      - Defaults to the environment variable E(SHADOWNET_LEDGER) of the controller, then to C(~/.shadownet/ledger.db).
      - Writers queue; one that waits longer than E(SHADOWNET_LEDGER_TIMEOUT) seconds (60 by default) fails and has
        changed nothing.
    type: path
  actor:
    description:
      - Who asks, for the audit trail. Defaults to the user that runs Ansible.
    type: str
requirements:
  - netaddr >= 1.3 on the controller
notes:
  - Runs in the controller's own process whatever the play's host, connection or C(become), because a ledger that
    was opened by accident on another host would hand out prefixes twice.
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can predict what a run would do, prefixes and addresses included, and changes nothing. Each task is
      predicted by itself, as if those before it had changed nothing.
    support: full
  diff_mode:
    description: Returns what is different before and after.
    support: full
"""

    ASSUME = r"""
options:
  assume:
    description:
      - What the tasks before this one declare, allocate, release and push. In check mode those keep nothing, so that
        without this the present task could not know of it. Outside of check mode it has no effect.
    type: dict
    suboptions:
      security_profiles:
        description: Profiles, as M(shadownet.ipam.security_profile) takes them.
        type: list
        elements: dict
      pools:
        description: Pools, as M(shadownet.ipam.pool) takes them.
        type: list
        elements: dict
      requests:
        description: Requests, as M(shadownet.ipam.subnet) takes them.
        type: list
        elements: dict
      released:
        description: Names or ids of subnets that are released, as M(shadownet.ipam.subnet) takes them.
        type: list
        elements: dict
      ended:
        description: Names of reservations that end.
        type: list
        elements: str
      reservations:
        description: Reservations, as M(shadownet.ipam.reservation) takes them.
        type: list
        elements: dict
      instances:
        description: Instances that were created, as M(shadownet.ipam.instance) takes them.
        type: list
        elements: dict
      deleted:
        description: Instances that were deleted, by name, as M(shadownet.ipam.instance) takes them.
        type: list
        elements: dict
      refused:
        description: Routes that nodes would refuse, each with C(node), C(routes) and C(reason), as
          M(shadownet.ipam.node_result) takes them.
        type: list
        elements: dict
      confirmed:
        description: Nodes that would take everything else.
        type: list
        elements: str
"""
