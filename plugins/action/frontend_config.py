# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``frontend_config``: NETCONF from the controller, everything else on the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils.frontend.netconf.address import Address
from ..module_utils.frontend.netconf.dialect import Dialect
from ..module_utils.frontend.netconf.needs import MISSING
from ..module_utils.frontend.netconf.transport import NetconfTransport
from ..module_utils.frontend.options import REQUIRED_TOGETHER, argument_spec, run
from ..module_utils.model.errors import InvalidInput, ShadownetError

# Option -> the variables of the inventory that stand in for it, the first one that is there.
_VARIABLES = {
    "host": ("ansible_host", "ansible_ssh_host", "inventory_hostname"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "username": ("ansible_user", "ansible_ssh_user"),
    "password": ("ansible_password", "ansible_ssh_password", "ansible_ssh_pass"),
    "private_key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "private_key_passphrase": ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"),
    "host_key_checking": ("ansible_host_key_checking", "ansible_ssh_host_key_checking"),
}
_SSH_WORDS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")


class ActionModule(ActionBase):
    """Pushes a node configuration."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.args.get("transport", "netlink") != "netconf":
            wrap = bool(self._task.async_val) and not self._connection.has_native_async
            result.update(self._execute_module(task_vars=variables, wrap_async=wrap))
            return result
        options = self.validate_argument_spec(argument_spec=argument_spec(), required_together=REQUIRED_TOGETHER)[1]
        node = str(variables.get("inventory_hostname", ""))
        try:
            self._check_delegation(node)
            result.update(self._push(self._completed(options, variables), node))
        except ShadownetError as error:
            return {**result, "failed": True, "msg": str(error), **error.details()}
        if not self._task.diff:
            result.pop("diff", None)
        return result

    def _completed(self, options: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(options)
        for option, names in _VARIABLES.items():
            name = next((one for one in names if variables.get(one) is not None), None)
            if found[option] is None and name is not None:
                found[option] = self._templar.template(variables[name])
        if found["ssh_common_args"] is None:
            words = [str(self._templar.template(variables[one])) for one in _SSH_WORDS if variables.get(one)]
            found["ssh_common_args"] = " ".join(words) or None
        # What stands on the play, the command line, or in ansible.cfg.
        others = {
            "port": self._task.port,
            "username": self._task.remote_user,
            "password": self._play_context.password or None,
            "private_key_file": self._play_context.private_key_file or None,
            "host_key_checking": constants.HOST_KEY_CHECKING,
        }
        return {**found, **{key: value for key, value in others.items() if found[key] is None}}

    def _check_delegation(self, node: str) -> None:
        where = self._task.delegate_to
        if where and where != node and self._connection.transport != "local":
            raise InvalidInput(
                f"NETCONF is spoken from the controller, not from {where}.",
                parameter="delegate_to",
                fix="Take it away. A jump host belongs into the ssh configuration or into ssh_common_args.",
            )

    def _push(self, options: dict[str, Any], node: str) -> dict[str, Any]:
        if MISSING is not None:
            raise ShadownetError(
                f"The controller's Python lacks what NETCONF needs ({MISSING}).",
                fix="Install it: pip install 'shadownet-ipam[netconf]', or ncclient.",
            )
        local = options["state"] in ("rendered", "parsed")
        transport = NetconfTransport(
            None if local else _address(options),
            Dialect(options["dialect"], options["dialect_path"]),
            node,
            options["revision"],
            lock_timeout=options["lock_timeout"],
            confirm_timeout=options["confirm_timeout"],
            explicit_validate=options["explicit_validate"],
            save_startup=options["save_startup"],
        )
        try:
            result = run(transport, options, bool(self._task.check_mode))
            result["guarantees_missing"] = transport.guarantees_missing
        finally:
            transport.close()
        if result["changed"] and transport.left_out:
            result["warnings"] = transport.left_out
        return result


def _address(options: Mapping[str, Any]) -> Address:
    checking = options["host_key_checking"]
    try:
        return Address(
            host=str(options["host"]),
            port=None if options["port"] is None else int(options["port"]),
            username=options["username"],
            password=None if options["password"] is None else str(options["password"]),
            private_key_file=options["private_key_file"],
            private_key_passphrase=options["private_key_passphrase"],
            known_hosts_file=options["known_hosts_file"],
            host_key_checking=True if checking is None else bool(boolean(checking)),
            ssh_config_file=options["ssh_config_file"],
            ssh_common_args=options["ssh_common_args"],
            timeout=float(options["timeout"]),
        )
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{error}.", parameter="port") from None
