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
      - When not given, the variable C(ansible_user), then C(remote_user) of the play or C(--user), then the ssh
        configuration, then the user that runs Ansible.
    type: str
  password:
    description:
      - When not given, the variable C(ansible_password) or C(ansible_ssh_pass), then C(--ask-pass).
      - Given to servers that ask for a password, and to those that only know keyboard-interactive.
      - With a password, neither the agent nor the usual keys of C(~/.ssh) are tried; keys that O(private_key_file) or
        the ssh configuration name are tried before it.
      - Also unlocks a private key when O(private_key_passphrase) is not given.
    type: str
  private_key_file:
    description:
      - When not given, the variable C(ansible_ssh_private_key_file), then C(--private-key), then the ssh configuration
        and the agent.
      - RSA, ECDSA or Ed25519. A certificate is taken from the file of the same name with C(-cert.pub).
    type: path
  private_key_passphrase:
    description:
      - Unlocks the private key, if it is encrypted.
      - When not given, the variable C(ansible_private_key_passphrase).
    type: str
  known_hosts_file:
    description:
      - The only file whose host keys are trusted. When not given, those that the ssh configuration names, or the
        user's and the system's.
    type: path
  host_key_checking:
    description:
      - Whether the server's host key must be known. Without it, anyone in between can read and change everything.
      - When not given, the variable C(ansible_host_key_checking), then C(host_key_checking) of C(ansible.cfg), then
        V(true). C(StrictHostKeyChecking) of an ssh configuration has no effect.
    type: bool
  ssh_config_file:
    description:
      - The only OpenSSH client configuration that counts. When not given, C(~/.ssh/config), then
        C(/etc/ssh/ssh_config).
      - OpenSSH itself reads it. C(HostName), C(Port), C(User), C(IdentityFile), C(IdentitiesOnly),
        C(UserKnownHostsFile), C(GlobalKnownHostsFile), C(HostKeyAlias), C(ProxyJump) and C(ProxyCommand) count,
        wherever C(Host), C(Match) and C(Include) put them.
    type: path
  ssh_common_args:
    description:
      - Words of ssh's command line, such as C(-J jump.example.com). They win over the ssh configuration, and what
        counts of them is the same.
      - When not given, the variables C(ansible_ssh_common_args) and C(ansible_ssh_extra_args).
    type: str
  timeout:
    description:
      - Seconds to connect and log in, and to wait for each answer. A commit of thousands of routes may take some.
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
  save_startup:
    description:
      - Whether running is copied to startup after a push, where the device has a startup datastore of its own. Without
        it, what was pushed is gone when the device restarts.
      - The copy is of everything in running, also of what somebody else changed there and did not save.
    type: bool
    default: true
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
