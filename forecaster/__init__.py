# SPDX-License-Identifier: GPL-3.0-or-later
"""The forecaster: from telemetry to the variables of the ``reserve`` playbook (command ``shadownet-forecast``)."""
