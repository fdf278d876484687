# SPDX-License-Identifier: GPL-3.0-or-later
"""What NETCONF needs beyond the standard library, in one place: a controller without it shall get a clear word.

``MISSING`` says what is not there; then nothing else of this folder may be used.
"""

from __future__ import annotations

from typing import Any

try:
    import jinja2
    import jinja2.sandbox
    import paramiko
    import yaml
    from lxml import etree
    from ncclient.devices.default import DefaultDeviceHandler
    from ncclient.transport.errors import NCClientError, TransportError
    from ncclient.transport.session import HelloHandler, NetconfBase
    from ncclient.transport.ssh import SSHSession
    from paramiko import Transport as SSHTransport
except ImportError as error:
    MISSING: str | None = str(error)
    nothing: Any = None
    jinja2 = paramiko = yaml = etree = HelloHandler = NetconfBase = nothing
    NCClientError = TransportError = nothing
    DefaultDeviceHandler = SSHSession = SSHTransport = object
else:
    MISSING = None

__all__ = (
    "MISSING",
    "DefaultDeviceHandler",
    "HelloHandler",
    "NCClientError",
    "NetconfBase",
    "SSHSession",
    "SSHTransport",
    "TransportError",
    "etree",
    "jinja2",
    "paramiko",
    "yaml",
)
