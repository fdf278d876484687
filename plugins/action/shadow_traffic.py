# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``shadow_traffic``."""

from __future__ import annotations

from ..modules.shadow_traffic import ARGUMENTS
from ..plugin_utils.node_action import NodeAction


class ActionModule(NodeAction):
    """Has a node count packets."""

    ARGUMENTS = ARGUMENTS
