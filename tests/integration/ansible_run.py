# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``ansible-playbook`` and its sisters as a user would, in a clean environment, and reads what happened.

    run = ansible.play([{"shadownet.ipam.pool": {"name": "web", ...}}])
    assert run.rc == 0, run.stdout
    assert run.task("pool").changed

The fixture ``ansible`` (an :class:`Ansible`) stands in ``conftest.py`` beside this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
CALLBACKS = Path(__file__).parent / "callback_plugins"


@dataclass(frozen=True)
class TaskResult:
    """One task on one host, and how long it took. ``status`` is ok, changed, failed, skipped or unreachable."""

    task: str
    action: str
    host: str
    status: str
    ignored: bool
    result: dict[str, Any]
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        return bool(self.result.get("changed"))

    def __getitem__(self, key: str) -> Any:
        """``task["subnets"]``: a key of the result."""
        return self.result[key]


@dataclass(frozen=True)
class Run:
    """A finished command: its exit status, its words, and for a playbook its results and recap."""

    rc: int
    stdout: str
    stderr: str
    tasks: list[TaskResult] = field(default_factory=list)
    stats: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Everything it said, for the message of an assertion; what failed stands at the end once more, in short."""
        failed = [
            f"failed: {task.host}: {task.task}: {task.result.get('msg')} {task.result.get('node_said') or ''}"
            for task in self.tasks
            if task.status in ("failed", "unreachable") and not task.ignored
        ]
        return "\n".join([self.stdout, self.stderr, *failed])

    @property
    def changed(self) -> int:
        """Changed tasks over all hosts, as in the recap's ``changed=``."""
        return sum(host["changed"] for host in self.stats.values())

    def task(self, name: str, host: str | None = None) -> TaskResult:
        """The only result of the task with this name or module (short or full)."""
        found = [
            task
            for task in self.tasks
            if name in (task.task, task.action, task.action.rpartition(".")[2]) and host in (None, task.host)
        ]
        assert len(found) == 1, f"{len(found)} results of task {name!r}, not one:\n{self.output}"
        return found[0]

    def ok(self) -> Run:
        """This run, after checking that it succeeded."""
        assert self.rc == 0, f"ended with {self.rc}:\n{self.output}"
        return self

    def failed(self) -> TaskResult:
        """The only failed task, after checking that the run failed and no host was unreachable."""
        found = [task for task in self.tasks if task.status in ("failed", "unreachable") and not task.ignored]
        assert self.rc != 0, f"nothing failed:\n{self.output}"
        assert len(found) == 1, f"{len(found)} tasks failed, not one:\n{self.output}"
        return found[0]


@dataclass
class Ansible:
    """Ansible's commands over one collection, with ``folder`` as home, working directory and place for everything.

    Attributes:
        folder: a temporary folder; nothing outside it is written.
        collections: folder that holds ``ansible_collections``; None leaves Ansible with what Python has installed.
        bin: folder of the commands; by default beside the running interpreter.
        environment: further variables for every run, for example ``SHADOWNET_LEDGER``.
    """

    folder: Path
    collections: Path | None = None
    bin: Path = Path(sys.executable).parent
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The whole environment of a run: nothing of the caller's settings gets in, whatever they are."""
        return {
            "PATH": f"{self.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / ".ansible/tmp"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / ".ansible/tmp"),
            # An empty path would mean the default folders in the user's home and under /usr/share.
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections or self.folder / "no-collections"),
            "ANSIBLE_PYTHON_INTERPRETER": str(self.bin / "python"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            **self.environment,
        }

    def command(self, name: str, *arguments: str, timeout: float = 120, **environment: str) -> Run:
        """Run one of Ansible's commands (``ansible-doc``, ``ansible-galaxy``, ...)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = self.folder / f"record-{os.urandom(6).hex()}.jsonl"
        finished = subprocess.run(
            [str(self.bin / name), *arguments],
            cwd=self.folder,
            env=self.variables() | {"SHADOWNET_TEST_RECORD": str(record)} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
        record.unlink(missing_ok=True)
        return Run(
            rc=finished.returncode,
            stdout=finished.stdout,
            stderr=finished.stderr,
            tasks=[TaskResult(**line) for line in lines if "task" in line],
            stats=next((line["stats"] for line in lines if "stats" in line), {}),
        )

    def playbook(
        self,
        playbook: str | Path | list[dict[str, Any]],
        *arguments: str,
        extra_vars: dict[str, Any] | None = None,
        timeout: float = 120,
        **environment: str,
    ) -> Run:
        """Run a playbook: a path, a name such as ``shadownet.ipam.request``, or the plays themselves.

        Args:
            arguments: further command line arguments, such as ``--check``, ``--diff``, ``-i``, an inventory.
            extra_vars: given by ``-e`` as JSON, so that types survive.
            timeout: seconds until the run is killed.
            environment: further environment variables of this run only.
        """
        written = None
        if isinstance(playbook, list):
            self.folder.mkdir(parents=True, exist_ok=True)
            # JSON is YAML, and a name of its own lets two runs work side by side in one folder.
            written = self.folder / f"play-{os.urandom(6).hex()}.yml"
            written.write_text(json.dumps(playbook, indent=1))
            playbook = written
        extra = ["-e", json.dumps(extra_vars)] if extra_vars else []
        try:
            return self.command("ansible-playbook", str(playbook), *extra, *arguments, timeout=timeout, **environment)
        finally:
            if written:
                written.unlink()

    def play(
        self,
        tasks: list[dict[str, Any]],
        *arguments: str,
        hosts: str = "localhost",
        play: dict[str, Any] | None = None,
        **options: Any,
    ) -> Run:
        """Run one play of these tasks, by default on localhost without facts; `play` adds keywords to the play."""
        head = {"hosts": hosts, "gather_facts": False}
        if hosts == "localhost":
            head["connection"] = "local"
        return self.playbook([{**head, **(play or {}), "tasks": tasks}], *arguments, **options)
