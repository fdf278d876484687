# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own way to run Ansible tells the truth about results, changes, failures and check mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Ansible

COPY = {"name": "Write", "ansible.builtin.copy": {"content": "{{ text }}", "dest": "{{ dest }}"}}


def test_results_changes_and_check_mode_are_read(ansible: Ansible, tmp_path: Path) -> None:
    given = {"text": "é", "dest": str(tmp_path / "out")}
    checked = ansible.play([COPY], "--check", extra_vars=given).ok()
    assert checked.task("Write").changed
    assert not (tmp_path / "out").exists()
    first = ansible.play([COPY], extra_vars=given).ok()
    again = ansible.play([COPY], extra_vars=given).ok()
    assert (first.changed, again.changed) == (1, 0)
    assert first.task("copy")["dest"] == str(tmp_path / "out")
    assert again.task("ansible.builtin.copy").status == "ok"
    assert again.stats["localhost"]["ok"] == 1


def test_a_failure_is_found_and_an_ignored_one_is_not(ansible: Ansible) -> None:
    run = ansible.play(
        [
            {"ansible.builtin.fail": {"msg": "harmless"}, "ignore_errors": True},
            {"name": "Stop", "ansible.builtin.fail": {"msg": "no room"}},
            {"name": "Never", "ansible.builtin.debug": {}},
        ]
    )
    assert run.failed().task == "Stop"
    assert run.failed()["msg"] == "no room"
    with pytest.raises(AssertionError, match="0 results"):
        run.task("Never")


def test_the_callers_environment_stays_outside(ansible: Ansible, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_GATHERING", "nonsense")
    monkeypatch.setenv("SHADOWNET_LEDGER", "/somewhere/else")
    shown = ansible.play(
        [{"ansible.builtin.debug": {"msg": "{{ lookup('env', 'SHADOWNET_LEDGER') }}"}}], SHADOWNET_LEDGER="mine.db"
    ).ok()
    assert shown.task("debug")["msg"] == "mine.db"
    assert ansible.play([{"ansible.builtin.ping": {}}]).ok().task("ping")["ping"] == "pong"
