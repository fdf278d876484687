# SPDX-License-Identifier: GPL-3.0-or-later
"""shadownet-node: a NETCONF server whose commit is the configuration of the Linux kernel it runs on.

Needs the extra ``node`` (asyncssh, libyang, pyang); the rest of the collection works without this folder.
"""
