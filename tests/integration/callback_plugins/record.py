# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every task result and the play recap as one JSON line each, beside Ansible's usual output."""

from __future__ import annotations

DOCUMENTATION = """
name: record
type: aggregate
short_description: Task results as JSON lines, for the tests
description: Writes one JSON object per finished task and host, and one with the recap, to a file.
options:
  path:
    description: The file to append to.
    type: path
    required: true
    env:
      - name: SHADOWNET_TEST_RECORD
"""

import json
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began: dict[tuple[str, str], float] = {}

    def _write(self, line: dict[str, Any]) -> None:
        with Path(self.get_option("path")).open("a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def _task(self, status: str, outcome: Any) -> None:
        # ansible-core 2.19 made these three public; 2.18 has only the underscored ones.
        old = not hasattr(outcome, "result")
        task = outcome._task if old else outcome.task
        host = outcome._host if old else outcome.host
        result = outcome._result if old else outcome.result
        began = self._began.get((host.get_name(), task._uuid))
        self._write(
            {
                "task": task.get_name(),
                "action": task.resolved_action or task.action,
                "host": host.get_name(),
                "status": "changed" if status == "ok" and result.get("changed") else status,
                "ignored": bool(task.ignore_errors),
                "result": dict(result),
                "seconds": 0.0 if began is None else time.monotonic() - began,
            }
        )

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._task("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._task("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._task("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._task("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write({"stats": {host: stats.summarize(host) for host in stats.processed}})
