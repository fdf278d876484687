# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file that ``shadownet-node sample-config`` prints."""

from __future__ import annotations

SAMPLE = """\
# Settings of shadownet-node. Paths that do not begin with / begin at this file's folder.
# Only its owner may be able to write this file; the system user below must be able to read it.

# Where clients connect. '::' is every address of IPv6 and IPv4; 830 is NETCONF's port (RFC 6242).
listen:
  - address: "::"
    port: 830

# The server's private keys: ssh-keygen -q -t ed25519 -N '' -f /etc/shadownet-node/host_key
host_keys:
  - /etc/shadownet-node/host_key

# Who may log in, by public key only. read-only users may read everything and change or lock nothing.
users:
  - name: ansible
    access: read-write
    authorized_keys_file: /etc/shadownet-node/keys/ansible.pub
  - name: monitoring
    access: read-only
    authorized_keys_file: /etc/shadownet-node/keys/monitoring.pub

# The system user that everything which reads clients' messages runs as.
user: shadownet-node

# The configuration that a start begins with. automatic: each commit writes it. explicit: only copy-config does.
startup:
  file: /var/lib/shadownet-node/startup.xml
  mode: automatic

# stderr (the journal, under systemd), syslog, or a file.
audit: stderr

# These are the defaults.
limits:
  sessions: 100
  sessions_per_user: 50
  unauthenticated: 50
  login_time: 30s
  hello_time: 30s
  idle_time: 15m
  message_size: 16MiB
  send_queue: 16MiB
  send_time: 60s
"""
