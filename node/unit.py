# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd unit that ``shadownet-node systemd-unit`` prints."""

from __future__ import annotations

from pathlib import Path

USER = "shadownet-node"
"""The user of the sample settings; a unit starts the node as a user, who is named there and not in the settings."""

_UNIT = """\
[Unit]
Description=Shadownet front-end node (NETCONF server for this host's kernel configuration)
Documentation=man:systemd.exec(5)
# Interfaces of the hardware first; what the startup configuration says comes from the node itself.
After=network-pre.target local-fs.target
Wants=network-pre.target
Before=network-online.target
# A startup configuration may need an interface that comes later: try on.
StartLimitIntervalSec=0

[Service]
Type=notify
# The server process says when it is ready; it is a child of the main process.
NotifyAccess=all
ExecStart={program} run --config {config}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStartSec=60
TimeoutStopSec=60
LimitNOFILE=4096
MemoryMax=1G
TasksMax=64

# No process is ever root. The main process keeps CAP_NET_ADMIN; the server process, which has clients, keeps nothing.
User={user}
Group={user}
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE
# startup.xml lies in /var/lib/shadownet-node.
StateDirectory=shadownet-node
StateDirectoryMode=0700
LogsDirectory=shadownet-node
UMask=0077
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateMounts=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(program: Path, config: Path, user: str) -> str:
    """The unit's text.

    Args:
        program: the command ``shadownet-node``, absolute.
        config: the settings file, absolute.
        user: system user as which everything runs.
    """
    return _UNIT.format(program=program, config=config, user=user)
