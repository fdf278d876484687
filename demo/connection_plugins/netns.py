# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402  # Ansible wants DOCUMENTATION above the imports
"""Ansible's way to a host that is a network namespace of this machine."""

from __future__ import annotations

DOCUMENTATION = """
name: netns
short_description: Run tasks in a network namespace of this machine
author: Shadownet engineers (@shadownet)
version_added: "0.1.0"
description:
  - Runs every command of a task by C(ip netns exec). Files are those of this machine, so that each host needs
    a C(remote_tmp) of its own.
options:
  namespace:
    description: Name of the network namespace, as C(ip netns) lists it.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_netns
"""

import shlex
from typing import Any

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    """The local connection, with every command inside the namespace."""

    transport = "netns"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, Any, Any]:
        """Runs one command, as the local connection does."""
        namespace = self.get_option("namespace")
        inside = f"ip netns exec {shlex.quote(namespace)} /bin/sh -c {shlex.quote(cmd)}"
        return super().exec_command(inside, in_data=in_data, sudoable=sudoable)
