# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that a first user gets wrong: each refusal says what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.forecaster.config import read_settings
from ansible_collections.shadownet.ipam.forecaster.inputs.files import find_files
from ansible_collections.shadownet.ipam.forecaster.inputs.source import SourceFailed
from ansible_collections.shadownet.ipam.forecaster.plan import Telemetry, make_plan
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

SOURCES = {"sources": [{"type": "csv", "path": "requests.csv"}]}
MISPLACED: list[tuple[dict[str, Any], str, str]] = [
    ({"defaults": {"models": ["last_week"]}}, "defaults.models", "at the top of the file"),
    ({"workloads": {"web": {"horizon": "24h"}}}, "workloads.web.horizon", "at the top of the file"),
    ({"workloads": {"web": SOURCES}}, "workloads.web.sources", "at the top of the file"),
    ({"target_hit_rate": 0.95}, "target_hit_rate", "in defaults"),
    ({"workloads": {"web": {"nod": "fe1"}}}, "workloads.web.nod", "Did you mean 'node'?"),
]


@pytest.mark.parametrize(("given", "parameter", "fix"), MISPLACED)
def test_an_option_in_the_wrong_place_is_told_its_place(given: dict[str, Any], parameter: str, fix: str) -> None:
    with pytest.raises(InvalidInput, match="there is no such option") as refused:
        read_settings({**SOURCES, **given})
    assert refused.value.parameter == parameter
    assert fix in str(refused.value)


def test_a_relative_path_is_told_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceFailed, match=f"relative to the current folder, {tmp_path}"):
        find_files(("requests.csv",))
    with pytest.raises(SourceFailed) as absolute:
        find_files((f"{tmp_path}/requests.csv",))
    assert "current folder" not in str(absolute.value)


def test_a_workload_without_telemetry_is_told_which_have_some() -> None:
    settings = read_settings({**SOURCES, "only_listed": True, "workloads": {"wbe": {}}})
    met = Telemetry(series={f"web-{at:02}": {} for at in range(12)})
    (plan,) = make_plan(settings, met, 0.0, {}).workloads
    ten = ", ".join(f"web-{at:02}" for at in range(10))
    assert plan.refused == f"No source has it. They have: {ten} and others."
