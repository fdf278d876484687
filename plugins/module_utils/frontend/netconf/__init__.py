# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF transport: any device that speaks RFC 6241, from the controller.

``session`` speaks to a server, ``announced`` knows what it offers, ``transaction`` brings one edit safely into
running, ``dialect`` and ``edit`` make payloads from changes, ``parse`` reads configurations, ``transport`` joins them.
"""
