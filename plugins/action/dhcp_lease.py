# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module ``dhcp_lease``: looks at its arguments, and has the module do the work on its host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.dhcp.options import argument_spec
from ..module_utils.model.errors import ShadownetError
from ..plugin_utils.arguments import read_arguments


class ActionModule(ActionBase):
    """Has leases given and taken."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        try:
            arguments = read_arguments(argument_spec(), given)
        except ShadownetError as error:
            error.name_item(given)
            return {**result, "failed": True, "msg": str(error), **error.details()}
        wrap = bool(self._task.async_val) and not self._connection.has_native_async
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap))
        return result
