# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins of all ledger modules share: arguments in, one call into the core, a result out."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.ipam.parsing import NETADDR_ERROR
from ..module_utils.ledger.ledger import Ledger, ledger_location
from ..module_utils.model.errors import ShadownetError
from .arguments import read_arguments

_VANISHING = (Path("/tmp"), Path("/var/tmp"), Path("/runner"))  # noqa: S108 - looked for, not written to


class LedgerAction(ActionBase):
    """An action plugin for a module that works on the ledger.

    A subclass names its module's ``ARGUMENTS`` (keywords of ``validate_argument_spec``) and says in ``work``
    what is to be done.
    """

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    ARGUMENTS: Mapping[str, Any] = {}
    BLANK_IS_ABSENT = False
    """Whether empty text for an option means that it was not given. Not where that would open or hand out more."""

    def work(self, ledger: Ledger, options: dict[str, Any], actor: str, check: bool) -> dict[str, Any]:
        """Does it. Returns the module's result; ShadownetError becomes the failure's message."""
        raise AnsibleActionFail(f"{type(self).__name__} does nothing")

    def creates(self, options: Mapping[str, Any]) -> bool:
        """Whether this very call may make a missing ledger."""
        return False

    def open_ledger(self, options: Mapping[str, Any], check: bool) -> Ledger:
        """The ledger that the task names."""
        # What is assumed in check mode may be the very first pool, of a ledger that is not there yet.
        return Ledger(options["ledger"], create=self.creates(options) or assumed(options, check), check=check)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        check = bool(self._task.check_mode)
        try:
            self._task.args = read_arguments(self.ARGUMENTS.get("argument_spec", {}), given, self.BLANK_IS_ABSENT)
            options = self.validate_argument_spec(**self.ARGUMENTS)[1]
            require_netaddr()
            with self.open_ledger(options, check) as ledger:
                result.update(self.work(ledger, options, actor_name(options), check))
        except ShadownetError as error:
            error.name_item(given)
            return {**result, "failed": True, "msg": str(error), **error.details()}
        if not self._task.diff:
            result.pop("diff", None)
        warnings = [*result.pop("warnings", []), *place_warnings(options["ledger"])]
        if warnings:
            result["warnings"] = warnings
        return result


def assumed(options: Mapping[str, Any], check: bool) -> bool:
    """Whether this task is told what the ones before it would have done."""
    return check and bool(options.get("assume"))


def require_netaddr() -> None:
    """Raises ShadownetError where the controller's Python lacks netaddr."""
    if NETADDR_ERROR is not None:
        raise ShadownetError(
            f"netaddr is missing on the controller ({NETADDR_ERROR}).", fix="Install it: pip install netaddr."
        )


def actor_name(options: Mapping[str, Any]) -> str:
    """Who asks: the option, else the user that runs Ansible."""
    if options.get("actor"):
        return str(options["actor"])
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def place_warnings(location: str | None) -> list[str]:
    """Warns of a ledger that vanishes when an AWX job's container ends."""
    path = Path(ledger_location(location))
    if "AWX_PRIVATE_DATA_DIR" not in os.environ or not any(path.is_relative_to(place) for place in _VANISHING):
        return []
    return [f"The ledger {path} vanishes when this job's container ends; name a mounted path of one fixed node."]


@contextmanager
def flat(options: Mapping[str, Any], several: str) -> Iterator[list[dict[str, Any]]]:
    """The items of a module that takes one item's options flat or several in a list.

    What is wrong with a flat one is named as the user wrote it.
    """
    if options[several] is not None:
        yield options[several]
        return
    try:
        yield [{key: value for key, value in options.items() if key not in (several, "ledger", "actor", "state")}]
    except ShadownetError as error:
        if error.parameter is not None:
            whole = error.parameter == f"{several}[0]"
            error.parameter = None if whole else error.parameter.removeprefix(f"{several}[0].")
        raise


def changes_diff(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ansible's diff for items that have ``name``, ``before`` and ``after``; only those that changed."""
    return [
        {
            "before_header": item["name"],
            "after_header": item["name"],
            "before": item["before"] or {},
            "after": item["after"] or {},
        }
        for item in results
        if item["before"] != item["after"]
    ]


def clock_warnings(behind: int) -> list[str]:
    """Says that the clock lies behind the ledger, so that nothing expires. ``behind`` in milliseconds."""
    if not behind:
        return []
    what = f"The clock lies {behind // 1000} s behind the ledger's last event; nothing expires until it caught up."
    return [f"{what} If it was wrong then and is right now, run shadownet.ipam.ledger with state=clock_accepted."]
