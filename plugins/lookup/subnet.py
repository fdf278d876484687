# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup ``subnet``: a subnet of the ledger by the name of its request."""

from __future__ import annotations

DOCUMENTATION = r"""
name: subnet
short_description: A subnet of the ledger, by the name of its request
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Returns the subnets that the terms name, or one field of each.
  - With O(allocate=true) a name that holds nothing yet gets its subnet, in the same transaction as
    M(shadownet.ipam.subnet) would use. It is atomic and keyed by the name, so that two plays never get the same prefix.
    In check mode it only says which one it would be.
  - Of a name that holds a subnet already, what is left out here stays as it is; what is given is treated as
    M(shadownet.ipam.subnet) treats it.
  - Without O(allocate) it never writes.
options:
  _terms:
    description: Names of requests.
    type: list
    elements: str
    required: true
  field:
    description: Return only this field of the subnet, as V(cidr) or V(gateway).
    type: str
  allocate:
    description: Allocate what the names do not hold yet, by the options below.
    type: bool
    default: false
  ledger:
    description: Path of the ledger. Defaults to E(SHADOWNET_LEDGER), then to C(~/.shadownet/ledger.db).
    type: path
  actor:
    description: Who asks, for the audit trail. Defaults to the user that runs Ansible.
    type: str
  service:
    description: See M(shadownet.ipam.subnet).
    type: str
  addresses:
    description: See M(shadownet.ipam.subnet).
    type: int
  prefix_length:
    description: See M(shadownet.ipam.subnet).
    type: int
  prefix:
    description: See M(shadownet.ipam.subnet).
    type: str
  family:
    description: See M(shadownet.ipam.subnet).
    type: str
    choices: [ipv4, ipv6]
  bandwidth:
    description: See M(shadownet.ipam.subnet).
    type: str
  security_profile:
    description: See M(shadownet.ipam.subnet).
    type: str
  location:
    description: See M(shadownet.ipam.subnet).
    type: str
  pools:
    description: See M(shadownet.ipam.subnet).
    type: list
    elements: str
  strategy:
    description: See M(shadownet.ipam.subnet).
    type: str
    choices: [first_fit, best_fit, round_robin]
  node:
    description: See M(shadownet.ipam.subnet).
    type: str
  ttl:
    description: See M(shadownet.ipam.subnet).
    type: str
  renew:
    description: See M(shadownet.ipam.subnet).
    type: bool
  labels:
    description: See M(shadownet.ipam.subnet).
    type: dict
"""

EXAMPLES = r"""
- name: The gateway of a subnet
  ansible.builtin.debug:
    msg: "{{ lookup('shadownet.ipam.subnet', 'web-prod', field='gateway') }}"

- name: A prefix on the spot, the same one at each run
  ansible.builtin.debug:
    msg: "{{ lookup('shadownet.ipam.subnet', 'ci-' ~ job, allocate=true, addresses=10, ttl='2h', field='cidr') }}"
"""

RETURN = r"""
_raw:
  description: For each term the subnet, as M(shadownet.ipam.subnet) returns it, or the field.
  type: list
  elements: raw
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.ipam.allocate import allocate
from ..module_utils.ipam.parsing import choice
from ..module_utils.ipam.requests import OPTIONS, read_requests
from ..module_utils.ipam.views import FIELDS, named_subnets, show_subnet
from ..module_utils.ledger.ledger import Ledger
from ..module_utils.model.errors import InvalidInput, ShadownetError
from ..plugin_utils.ledger_action import actor_name, require_netaddr


class LookupModule(LookupBase):
    """Looks subnets up, and allocates them where asked to."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Entry point of Ansible."""
        self.set_options(var_options=variables, direct=kwargs)
        options = self.get_options()
        try:
            require_netaddr()
            field = options["field"]
            if field is not None:
                choice(field, "field", FIELDS)
            found = self._found(terms, options, bool((variables or {}).get("ansible_check_mode", False)))
        except ShadownetError as error:
            raise AnsibleLookupError(str(error)) from error
        return found if field is None else [one[field] for one in found]

    def _found(self, terms: list[Any], options: dict[str, Any], check: bool) -> list[dict[str, Any]]:
        wanted = {key: options[key] for key in OPTIONS if key != "name" and options.get(key) is not None}
        if not options["allocate"]:
            if wanted:
                raise InvalidInput(f"{', '.join(wanted)} need allocate=true.", parameter=next(iter(wanted)))
            with Ledger(options["ledger"]) as ledger, ledger.snapshot() as transaction:
                return named_subnets(transaction, terms, "terms")
        requests = read_requests([{"name": term, **wanted} for term in terms], "terms", keep=True)
        with Ledger(options["ledger"]) as ledger, ledger.transaction(actor_name(options), check=check) as transaction:
            return [
                show_subnet(item.subnet, transaction.pool_of(item.subnet.pool_id), transaction.now)
                for item in allocate(transaction, requests)
            ]
