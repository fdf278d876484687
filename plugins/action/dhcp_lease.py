# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``dhcp_lease``."""

from __future__ import annotations

from ..module_utils.dhcp.options import argument_spec
from ..plugin_utils.node_action import NodeAction


class ActionModule(NodeAction):
    """Has leases given and taken."""

    ARGUMENTS = argument_spec()
