# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection plugin for test hosts that are network namespaces of this machine."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: netns
short_description: Run commands in a network namespace of this machine
description:
  - As the connection C(local), but every command runs in the namespace. Files are shared with the other hosts.
options:
  namespace:
    description: Name of the namespace below /run/netns.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: netns
"""


class Connection(LocalConnection):
    """A network namespace as a host."""

    transport = "netns"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Runs a command in the namespace."""
        inside = f"ip netns exec {shlex.quote(self.get_option('namespace'))} /bin/sh -c {shlex.quote(cmd)}"
        result: Any = super().exec_command(inside, in_data=in_data, sudoable=sudoable)
        return result
