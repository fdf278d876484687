# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the NETCONF transport."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules extend."""

    DOCUMENTATION = r"""
options:
  running_config:
    description:
      - The text of a configuration as C(get-config) returns it, for O(state=parsed).
    type: str
  host:
    description:
      - Name or address of the NETCONF server.
      - When not given, the variable C(ansible_host), then the name in the inventory.
    type: str
  port:
    description:
      - Its port. When not given, the variable C(ansible_port), then the ssh configuration, then 830.
    type: int
  username:
    description:
      - When not given, the variable C(ansible_user), then the ssh configuration, then the user that runs Ansible.
    type: str
  password:
    description:
      - When not given, the variable C(ansible_password). Without any, keys and the agent are used.
      - Also unlocks the private key.
    type: str
  private_key_file:
    description:
      - When not given, the variable C(ansible_ssh_private_key_file), then the ssh configuration and the agent.
    type: path
  known_hosts_file:
    description:
      - The only file whose host keys are trusted. When not given, those that the ssh configuration names, then the
        user's and the system's.
    type: path
  host_key_checking:
    description:
      - Whether the server's host key must be known. Without it, anyone in between can read and change everything.
      - When not given, the variable C(ansible_host_key_checking), then V(true).
    type: bool
  ssh_config_file:
    description:
      - An OpenSSH client configuration; C(~/.ssh/config) when not given. C(ProxyJump) and C(ProxyCommand) lead through
        a jump host.
    type: path
  timeout:
    description:
      - Seconds to connect, and to wait for each answer. A commit of thousands of routes may take some.
    type: int
    default: 60
  lock_timeout:
    description:
      - Seconds to wait for the locks of the datastores while somebody else holds them.
    type: int
    default: 30
  confirm_timeout:
    description:
      - Seconds after which the server takes back a change that was not confirmed, because the controller lost it.
    type: int
    default: 120
  explicit_validate:
    description:
      - Have the server validate the candidate in a step of its own, too. Where it knows validation, the edit itself
        asks for it already.
    type: bool
    default: false
  dialect:
    description:
      - The words that the device understands. One of the folders of C(templates/netconf) in this collection.
    type: str
    default: ietf
  dialect_path:
    description:
      - Folder of a dialect of your own; takes the place of O(dialect).
    type: path
"""
