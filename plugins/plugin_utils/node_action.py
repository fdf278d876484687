# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins of modules that run on their host share: arguments are looked at before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.model.errors import ShadownetError
from .arguments import read_arguments


class NodeAction(ActionBase):
    """Has the module of the same name do the work. A subclass names its ``ARGUMENTS``, an argument spec."""

    _supports_check_mode = True
    _supports_async = True

    ARGUMENTS: Mapping[str, Any] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        try:
            arguments = read_arguments(self.ARGUMENTS, given)
        except ShadownetError as error:
            error.name_item(given)
            return {**result, "failed": True, "msg": str(error), **error.details()}
        wrap = bool(self._task.async_val) and not self._connection.has_native_async
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap))
        return result
