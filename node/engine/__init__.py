# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF server without its transport: messages in, messages out, and a kernel behind."""

from __future__ import annotations

from .engine import Engine
from .schema import SchemaMissing

__all__ = ["Engine", "SchemaMissing"]
