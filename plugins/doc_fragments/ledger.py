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
    description: Can predict what a run would do, prefixes and addresses included, and changes nothing.
    support: full
  diff_mode:
    description: Returns what is different before and after.
    support: full
"""
