# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``frontend_config``, and what the task does with them: the same on a node and on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.errors import InvalidInput
from ..model.node_config import ACTIONS, INTERFACE_TYPES, MACVLAN_MODES, ROUTE_TYPES, NodeConfig
from .diff import diff
from .foreseen import managed
from .push import push
from .registry import TRANSPORTS
from .transport import Mark, Transport
from .yaml_text import yaml_text

REQUIRED_TOGETHER = [("ledger_id", "revision")]
STATES = ("merged", "replaced", "overridden", "deleted", "gathered", "rendered", "parsed")


def argument_spec() -> dict[str, Any]:
    """For ``AnsibleModule`` and for an action plugin."""
    return {
        "config": {
            "type": "dict",
            "options": {key: {"type": "list", "elements": "dict", "options": value} for key, value in _lists().items()},
        },
        "transport": {"type": "str", "choices": list(TRANSPORTS), "default": "netlink"},
        "netns": {"type": "str"},
        "ledger_id": {"type": "str"},
        "revision": {"type": "int"},
        "takeover": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": list(STATES), "default": "merged"},
        "running_config": {"type": "str"},
        **_netconf(),
    }


def _lists() -> dict[str, dict[str, Any]]:
    texts = ("description", "parent", "bridge", "peer", "local", "remote", "rate_limit")
    interface: dict[str, Any] = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "choices": list(INTERFACE_TYPES)},
        "enabled": {"type": "bool"},
        "mode": {"type": "str", "choices": list(MACVLAN_MODES)},
        **{key: {"type": "str"} for key in texts},
        **{key: {"type": "int"} for key in ("mtu", "vlan_id", "vni", "port")},
        **{key: {"type": "list", "elements": "str"} for key in ("addresses", "ingress", "egress")},
    }
    route = {
        "prefix": {"type": "str", "required": True},
        "type": {"type": "str", "choices": list(ROUTE_TYPES)},
        "next_hop": {"type": "str"},
        "interface": {"type": "str"},
        "metric": {"type": "int"},
    }
    matches = ("protocol", "source", "destination", "source_port", "destination_port", "tcp_flags")
    entry: dict[str, Any] = {
        "name": {"type": "str", "required": True},
        "action": {"type": "str", "choices": list(ACTIONS), "required": True},
        **{key: {"type": "str"} for key in matches},
        "established": {"type": "bool"},
    }
    access_list = {
        "name": {"type": "str", "required": True},
        "entries": {"type": "list", "elements": "dict", "options": entry},
        "default_action": {"type": "str", "choices": list(ACTIONS)},
    }
    return {"interfaces": interface, "routes": route, "access_lists": access_list}


def _netconf() -> dict[str, Any]:
    return {
        "host": {"type": "str"},
        "port": {"type": "int"},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "private_key_file": {"type": "path"},
        "private_key_passphrase": {"type": "str", "no_log": True},
        "known_hosts_file": {"type": "path"},
        "host_key_checking": {"type": "bool"},
        "ssh_config_file": {"type": "path"},
        "ssh_common_args": {"type": "str"},
        "timeout": {"type": "int", "default": 60},
        "lock_timeout": {"type": "int", "default": 30},
        "confirm_timeout": {"type": "int", "default": 120},
        "explicit_validate": {"type": "bool", "default": False},
        "save_startup": {"type": "bool", "default": True},
        "dialect": {"type": "str", "default": "ietf"},
        "dialect_path": {"type": "path"},
    }


def run(transport: Transport, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Does what the options say over an open transport; the module's result.

    Raises:
        ShadownetError: it cannot be done.
    """
    state = options["state"]
    if state == "parsed":
        return {"changed": False, "parsed": _parsed(transport, options)}
    desired = NodeConfig.from_dict(options["config"])
    if state == "rendered":
        changes = diff(NodeConfig(), transport.prepare(desired), "merged")
        return {"changed": False, "rendered": transport.render(changes)}
    if state == "gathered":
        current = transport.read()
        return {"changed": False, "gathered": current.config.to_dict(), **_marked(current.mark)}
    mark = Mark.checked(options["ledger_id"], options["revision"])
    result = push(transport, desired, state, check_mode, mark=mark, takeover=options["takeover"])
    before, after = result.before.to_dict(), result.after.to_dict()
    return {
        "changed": result.changed,
        "before": before,
        "after": after,
        "changes": [change.to_dict() for change in result.changes],
        "commands": transport.render(result.changes),
        "drift": result.drift,
        **_marked(result.mark),
        "superseded": result.superseded,
        "diff": {side: yaml_text(managed(config, desired)) for side, config in (("before", before), ("after", after))},
    }


def _marked(mark: Mark | None) -> dict[str, Any]:
    return {"ledger_id": mark.ledger_id if mark else None, "revision": mark.revision if mark else None}


def _parsed(transport: Transport, options: Mapping[str, Any]) -> dict[str, Any]:
    parse = getattr(transport, "parse", None)
    if parse is None:
        raise InvalidInput(f"parsed has no meaning for transport {options['transport']}.", parameter="state")
    if options["running_config"] is None:
        raise InvalidInput("is required for state parsed.", parameter="running_config")
    config: NodeConfig = parse(options["running_config"])
    return config.to_dict()
