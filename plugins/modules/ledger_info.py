#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ``ledger_info``: documentation and argument spec; the work is in the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Utilisation and usage of the pools, state of subnets and nodes, audit events
version_added: "0.1.0"
author:
  - Shadownet engineers (@shadownet)
description:
  - Tells how full the pools are, how many subnets are in which status, and which nodes lag behind the ledger.
  - Tells how well what was reserved was used, in any window of time, by pool and by workload.
  - Shows audit events, the state at a past time, and what workloads needed over time. Changes nothing in the ledger.
options:
  events:
    description: Return this many of the newest audit events.
    type: int
    default: 0
  name:
    description: Only audit events of this pool, subnet, profile or node; O(events) says how many.
    type: str
  at:
    description:
      - Also return pools, profiles, subnets, reservations and instances as they were at this time, in ISO 8601 with
        zone.
    type: str
  usage:
    description:
      - Also return how shadow reservations were used. C({}) for all that was ever recorded.
      - "Each of the two times is ISO 8601 with zone, or a duration back from now, such as V(7d)."
    type: dict
    suboptions:
      since:
        description: Beginning of the window; the first event when not given.
        type: str
      until:
        description: End of the window; now when not given. Nothing that is still to come counts.
        type: str
  history:
    description:
      - Also return how many instances each workload created, deleted and needed at once, interval by interval. A
        forecast is made from this.
      - Only whole intervals are returned. They begin at multiples of O(history.interval) since 1970-01-01T00:00Z.
    type: dict
    suboptions:
      since:
        description: See O(usage.since).
        type: str
      until:
        description: See O(usage.until).
        type: str
      interval:
        description: Length of an interval, such as V(15m), V(1h) or V(1d).
        type: str
        default: 1h
      workloads:
        description: Only these; all when not given.
        type: list
        elements: str
      file:
        description:
          - Write the rows as CSV to this file on the controller, instead of returning them. It is replaced as a whole,
            and only its owner may read it.
          - The task is changed when the file is. In check mode it is left alone.
        type: path
extends_documentation_fragment:
  - shadownet.ipam.ledger
  - shadownet.ipam.ledger.attributes
seealso:
  - module: shadownet.ipam.ledger
  - module: shadownet.ipam.subnet_info
"""

EXAMPLES = r"""
- name: How full are the pools
  shadownet.ipam.ledger_info:
  register: book

- name: What happened to a subnet
  shadownet.ipam.ledger_info:
    name: web-prod
    events: 20

- name: What was handed out last night
  shadownet.ipam.ledger_info:
    at: "2026-11-20T23:00:00Z"

- name: How well were last week's reservations used
  shadownet.ipam.ledger_info:
    usage:
      since: 7d
  register: week

- name: The history for a forecast
  shadownet.ipam.ledger_info:
    history:
      since: "2026-10-01T00:00:00Z"
      interval: 1h
      file: history.csv
"""

RETURN = r"""
ledger:
  description: Path, schema version, whether it is held after a restore, and whether the clock lies behind it.
  returned: success
  type: dict
pools:
  description: For every pool and address family its utilisation, in addresses.
  returned: success
  type: list
  elements: dict
  sample:
    - pool: frankfurt
      kind: provider
      family: ipv4
      addresses: 65536
      excluded: 256
      used: 64
      reserved: 0
      quarantine: 16
      free: 65200
      used_percent: 0.12
      subnets: 1
      instances: 0
      prefixes_in_quarantine: 1
      largest_free: 17
      bandwidth: 10000000000
      bandwidth_used: 1000000000
subnets:
  description: Number of subnets by status.
  returned: success
  type: dict
nodes:
  description: For every node the newest revision of its configuration, the one that it confirmed, and the reason why
    the last push to it failed, if it did; and its number of subnets.
  returned: success
  type: list
  elements: dict
unsettled:
  description: Instances that are not active, V(pending), V(releasing) or V(error) with C(reason), as
    M(shadownet.ipam.instance) returns them.
  returned: success
  type: list
  elements: dict
events:
  description: Audit events, oldest first, with C(time), C(actor), C(kind), C(object), C(name), C(before), C(after).
  returned: success
  type: list
  elements: dict
state:
  description: Pools, security profiles, subnets, reservations and instances by name as they were at O(at).
  returned: when O(at) is given
  type: dict
usage:
  description: How what was reserved was used in the window.
  returned: when O(usage) is given
  type: dict
  contains:
    since:
      description: Beginning of the window.
      type: str
    until:
      description: Its end.
      type: str
    recorded_since:
      description: The first event of the audit trail; there is nothing from before.
      type: str
    totals:
      description: For each address family C(family) and the keys that RV(usage.workloads) has.
      type: list
      elements: dict
    pools:
      description: For each C(pool) and C(family) the same. A shadow pool counts as missed also instances of workloads
        for which it held reservations that did not serve them.
      type: list
      elements: dict
    workloads:
      description: For each C(workload) and C(family) with anything to tell.
      type: list
      elements: dict
      contains:
        reserved_hours:
          description: Address-hours that reservations held from their beginning on.
          type: float
        idle_hours:
          description: Of these, what no instance had and what did not rest after one.
          type: float
        ahead_hours:
          description: Address-hours that reservations held before their beginning.
          type: float
        activated_hours:
          description: Address-hours of instances with reserved addresses, from creation to deletion.
          type: float
        dynamic_hours:
          description: The same of instances with other addresses.
          type: float
        used_hours:
          description: Both together.
          type: float
        resting_hours:
          description: Address-hours from the deletion of an instance to the end of its quarantine.
          type: float
        waste:
          description: Idle by used address-hours; null where nothing was used.
          type: float
        created:
          description: Creations of instances.
          type: int
        deleted:
          description: Deletions of instances.
          type: int
        hits:
          description: Creations that were served from a reservation.
          type: int
        missed:
          description: The other ones.
          type: int
        missed_by_reason:
          description:
            - "Number of misses by the reason of the reservation that came nearest: C(exhausted), C(node), C(location),
              C(security_profile), C(family), C(not_begun); C(none) where nothing was reserved; C(returned) where an
              instance got its former address again, which was not reserved; C(other)."
          type: dict
        hit_rate:
          description: Hits by creations; null where nothing was created.
          type: float
        reservations_made:
          description: New reservations. Likewise C(reservations_changed), C(reservations_expired),
            C(reservations_reclaimed) for requests, C(reservations_removed), and C(reservations_superseded) by a newer
            forecast.
          type: int
        packets_ahead:
          description: Packets to reserved addresses that reached no instance, see M(shadownet.ipam.traffic_result).
          type: int
        packets_unreserved:
          description: Packets to addresses of shadow pools that nobody had reserved.
          type: int
        instances_idle:
          description: How often an instance was found to get no traffic.
          type: int
history:
  description: Rows by time, workload and location. C(instances) and C(reserved) (prefixes of reservations that have
    begun) are as at the end of the interval.
  returned: when O(history) is given without O(history.file)
  type: list
  elements: dict
  sample:
    - time: "2026-11-20T23:00:00.000Z"
      workload: web
      location: fra1
      created: 3
      deleted: 1
      missed: 0
      instances: 12
      instances_max: 13
      instances_mean: 11.25
      reserved: 15
      reserved_mean: 14.5
history_file:
  description: The file that has the rows.
  returned: when O(history.file) is given
  type: str
history_rows:
  description: Number of rows in it.
  returned: when O(history.file) is given
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "argument_spec": {
        "ledger": {"type": "path"},
        "actor": {"type": "str"},
        "events": {"type": "int", "default": 0},
        "name": {"type": "str"},
        "at": {"type": "str"},
        "usage": {"type": "dict", "options": {"since": {"type": "str"}, "until": {"type": "str"}}},
        "history": {
            "type": "dict",
            "options": {
                "since": {"type": "str"},
                "until": {"type": "str"},
                "interval": {"type": "str", "default": "1h"},
                "workloads": {"type": "list", "elements": "str"},
                "file": {"type": "path"},
            },
        },
    },
}


def main() -> None:
    """Refuses: the ledger is only ever opened in the controller's process."""
    module = AnsibleModule(supports_check_mode=True, **ARGUMENTS)
    module.fail_json(msg="This module is an action plugin; call it as shadownet.ipam.ledger_info.")


if __name__ == "__main__":
    main()
