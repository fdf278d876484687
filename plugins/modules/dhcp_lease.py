#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``dhcp_lease``: leases of instances in a DHCP server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_lease
short_description: Leases in a DHCP server, for instances and for addresses that nobody may have yet
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Adds leases to a running DHCP server before their clients ask, so that a client obtains just the address that the
    ledger holds for it, and takes them away again. The server is Kea (DHCPv4), which must have loaded the hook library
    C(libdhcp_lease_cmds.so); see C(docs/dhcp.md) for its configuration.
  - Keeps the server from giving addresses of the ledger to anybody, by placeholders (O(state=guarded)).
  - Leases of ours carry a mark. What is not ours, such as a lease that the server gave by itself, is never changed and
    never removed.
  - Runs on the host on which the server's socket is, or anywhere with O(url). Knows no ledger.
  - All leases of a task are checked before any is changed. Where one of them cannot be given, the message says which,
    and nothing was changed. Where the server fails in between, the message and RV(changes) say what was done before.
options:
  leases:
    description:
      - The leases. With O(state=overridden), all that the ledger O(ledger_id) wants of this server.
    type: list
    elements: dict
    suboptions:
      address:
        description: One IPv4 address. It must lie in a pool of the server, or the client never gets it.
        type: str
        required: true
      mac:
        description:
          - The client's hardware address. Required unless O(state=absent), where a lease that has become another's
            stays.
        type: str
      hostname:
        description: Name of the client, as the server is to know it.
        type: str
      subnet_id:
        description: The server's number of the subnet; found by the address when not given.
        type: int
      valid_lifetime:
        description:
          - Seconds; until it is taken away when not given. From the client's first renewal on the lease lives as long
            as the server's subnet says.
        type: int
      instance:
        description:
          - Name of the instance in the ledger. A lease of the same ledger for another instance gives way to it.
          - With O(state=absent) only this instance's lease is taken away.
        type: str
  prefixes:
    description:
      - Address space of the ledger, as prefixes or single addresses. Prefixes of IPv6 are passed over.
      - With O(state=guarded) every address in it that lies in a pool of the server, and that has no lease, gets a
        placeholder; with O(state=unguarded) placeholders are removed; with O(state=gathered) the result says what is
        not guarded.
    type: list
    elements: str
  ledger_id:
    description:
      - Id of the ledger that holds the addresses. With it, leases of other ledgers are not touched.
    type: str
  state:
    description:
      - V(present) adds or changes leases, V(absent) takes them away. Where a placeholder was before, one is again.
      - V(overridden) also takes away leases of the ledger O(ledger_id) that are not in O(leases).
      - V(guarded) and V(unguarded) set and remove placeholders.
      - V(gathered) changes nothing and returns what is there.
    type: str
    choices: [present, absent, overridden, guarded, unguarded, gathered]
    default: present
  server:
    description: Kind of server.
    type: str
    choices: [kea]
    default: kea
  socket:
    description: Kea's control socket. C(/run/kea/kea4-ctrl-socket) when neither this nor O(url) is given.
    type: path
  url:
    description: URL of Kea's control agent, such as C(https://dhcp1.example.net:8000/).
    type: str
  username:
    description: Name for the control agent (basic authentication).
    type: str
  password:
    description: Password for the control agent.
    type: str
  ca_file:
    description: Certificates by which the control agent's is verified; those of the system when not given.
    type: path
  timeout:
    description: Seconds to wait for the server.
    type: float
    default: 10.0
attributes:
  check_mode:
    support: full
    description: Says what a run would change.
  diff_mode:
    support: full
    description: Shows leases before and after.
extends_documentation_fragment: []
seealso:
  - module: shadownet.ipam.instance
"""

EXAMPLES = r"""
- name: Nobody gets shadow addresses by chance
  shadownet.ipam.dhcp_lease:
    prefixes: [10.80.0.0/24]
    state: guarded

- name: The virtual machine obtains its address by DHCP
  shadownet.ipam.dhcp_lease:
    leases:
      - {address: 10.80.0.20, mac: "52:54:00:12:34:56", instance: web-17}

- name: It is gone
  shadownet.ipam.dhcp_lease:
    leases:
      - {address: 10.80.0.20, instance: web-17}
    state: absent

- name: Which leases are ours, and what of the ledger's address space could the server give away?
  shadownet.ipam.dhcp_lease:
    url: https://dhcp1.example.net:8000/
    username: shadownet
    password: "{{ kea_password }}"
    prefixes: [10.80.0.0/24]
    state: gathered
"""

RETURN = r"""
changes:
  description: Each lease that was changed, as it was and as it is. A placeholder is nobody's.
  returned: with states present, absent and overridden; also when one of the leases fails
  type: list
  elements: dict
  contains:
    address:
      description: The address.
      type: str
    before:
      description: The lease as it was; null for none.
      type: dict
    after:
      description: The lease as it is; null for none.
      type: dict
leases:
  description: The leases as they are now.
  returned: with states present, absent and overridden
  type: list
  elements: dict
  sample:
    - {address: 10.80.0.20, mac: "52:54:00:12:34:56", hostname: null, subnet_id: 1, valid_lifetime: 4294967295,
       instance: web-17, ledger_id: null, placeholder: false, state: active}
left_alone:
  description: Addresses whose lease was not taken away, and why (not ours, another instance's).
  returned: with states present, absent and overridden
  type: list
  elements: dict
drift:
  description:
    - How the server differed from what O(leases) says. Kinds are C(missing), C(changed), C(leaked), C(foreign).
  returned: with states present and overridden
  type: list
  elements: dict
guarded:
  description: Addresses that got a placeholder.
  returned: with state guarded
  type: list
  elements: str
  sample: [10.80.0.2-10.80.0.254]
unguarded:
  description:
    - Addresses that lost their placeholder; with O(state=gathered), addresses of O(prefixes) that the server could give
      to anybody.
  returned: with states unguarded and gathered
  type: list
  elements: str
taken:
  description: Leases within O(prefixes) that the server, or another ledger, gave to somebody already.
  returned: with states guarded and gathered
  type: list
  elements: dict
weaknesses:
  description: What in the server's settings lets an instance lose its address before it is taken away.
  returned: with states guarded and gathered
  type: list
  elements: str
gathered:
  description: Leases of ours, without placeholders.
  returned: with state gathered
  type: list
  elements: dict
placeholders:
  description: Number of placeholders.
  returned: with state gathered
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.dhcp.options import REQUIRED_IF, argument_spec, run
from ..module_utils.dhcp.registry import open_dhcp
from ..module_utils.model.errors import ShadownetError

_CONNECTION = ("socket", "url", "username", "password", "ca_file", "timeout")


def _run(module: AnsibleModule) -> dict[str, Any]:
    given = {key: module.params[key] for key in _CONNECTION if module.params[key] is not None}
    server = open_dhcp(module.params["server"], **given)
    try:
        return run(server, module.params, module.check_mode)
    finally:
        server.close()


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        mutually_exclusive=[("socket", "url")],
        required_if=REQUIRED_IF,
        required_by={"username": "url", "password": "username", "ca_file": "url"},
    )
    try:
        result = _run(module)
    except ShadownetError as error:
        module.fail_json(msg=str(error), changed=bool(error.changes), **error.details())
    for text in result.pop("warnings", []):
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
