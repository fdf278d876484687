# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of telemetry: each makes `Points` of one kind of source. `registry` finds them by name."""
