# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``forecast``: the real command, a real ledger, and a check that changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible, Run

pytestmark = pytest.mark.slow

POOLS = [{"name": "ahead", "kind": "shadow", "prefixes": ["10.200.0.0/22"], "workload_cap": 0.3}]
HOUR = timedelta(hours=1)


class Site:
    """Telemetry of three workloads in a folder, the settings, and the playbook."""

    def __init__(self, ansible: Ansible, folder: Path) -> None:
        self.ansible, self.folder = ansible, folder
        self.ledger = folder / "ledger.db"
        until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        hours = np.arange(15 * 24)
        draw = np.random.default_rng(1)
        rows = ["time,workload,value"]
        for name, size in (("web", 10), ("db", 4), ("huge", 3000)):
            values = np.ceil(size * (2 + np.sin(2 * np.pi * hours / 24)) + draw.normal(size=len(hours)))
            rows += [
                f"{(until - HOUR * (len(hours) - at)).isoformat()},{name},{value:g}" for at, value in enumerate(values)
            ]
        rows += [f"{(until - HOUR * at).isoformat()},broken,-1" for at in range(30, 0, -1)]
        (folder / "counts.csv").write_text("\n".join(rows) + "\n")
        self.settings(["web", "db"])

    def settings(self, workloads: list[str], **changes: Any) -> None:
        document = {
            "sources": [{"type": "csv", "path": "counts.csv", "signal": "instances"}],
            "models": ["combination"],
            "state": "state.json",
            "only_listed": True,
            "workloads": {name: {"replan": "1h"} for name in workloads},
            **changes,
        }
        (self.folder / "forecast.yml").write_text(yaml.safe_dump(document))

    def run(self, *arguments: str, **variables: Any) -> Run:
        extra = {
            "shadownet_ledger": str(self.ledger),
            "shadownet_pools": POOLS,
            "shadownet_forecast_config": "forecast.yml",
            "shadownet_forecast_report": "plan.json",
            **variables,
        }
        return self.ansible.playbook("shadownet.ipam.forecast", *arguments, extra_vars=extra)

    def reserved(self) -> dict[str, int]:
        if not self.ledger.exists():
            return {}
        with Ledger(self.ledger) as ledger:
            assert verify_ledger(ledger) == []
            with ledger.snapshot() as transaction:
                return {one.name: one.instances for one in transaction.reservations()}

    def written(self) -> dict[str, int]:
        document = yaml.safe_load((self.folder / "reservations.yml").read_text())
        return {one["name"]: one["instances"] for one in document["shadow_reservations"]}

    def files(self) -> set[str]:
        return {one.name for one in self.folder.iterdir()}


@pytest.fixture
def site(ansible: Ansible) -> Iterator[Site]:
    ansible.folder.mkdir(parents=True, exist_ok=True)
    made = Site(ansible, ansible.folder)
    yield made
    assert not (CHECKOUT / "playbooks/reservations.yml").exists()
    assert not list(made.folder.glob("shadownet-forecast.*")), "the run's folder was left behind"


def test_a_run_writes_the_variables_and_reserves_them(site: Site) -> None:
    run = site.run().ok()
    assert run.changed > 0
    assert site.written() == site.reserved()
    assert {name.rpartition("-")[0] for name in site.reserved()} == {"web", "db"}
    assert set(json.loads((site.folder / "plan.json").read_text())["workloads"]) == {"web", "db"}
    again = site.run().ok()
    assert not again.task("Reserve").changed
    assert site.written() == site.reserved()


def test_a_check_shows_both_differences_and_changes_nothing(site: Site) -> None:
    before = site.files()
    run = site.run("--check", "--diff").ok()
    assert run.task("Write the variables").changed
    assert run.task("Reserve").changed
    assert "+shadow_reservations:" in run.stdout
    assert "+  workload: web" in run.stdout
    assert site.files() - before <= {".ansible"}
    assert site.reserved() == {}


def test_only_a_forecast_writes_the_report_and_nothing_else(site: Site) -> None:
    run = site.run(shadownet_forecast_only=True).ok()
    assert "slots" in json.loads((site.folder / "plan.json").read_text())["workloads"]["web"]
    assert run.changed == 1
    assert not (site.folder / "reservations.yml").exists()
    assert site.reserved() == {}


def test_one_bad_workload_is_told_and_costs_the_others_nothing(site: Site) -> None:
    site.settings(["web", "broken", "huge"])
    run = site.run().ok()
    assert {name.rpartition("-")[0] for name in site.reserved()} == {"web"}
    assert "broken: not predicted" in run.stdout
    assert "huge: not reserved" in run.stdout
    assert "workload_cap" in run.stdout
    strict = site.run(shadownet_forecast_strict=True)
    assert strict.rc != 0
    assert strict.task("End with an error if a workload was left out").status == "failed"


def test_wrong_settings_are_the_forecasters_own_words(site: Site) -> None:
    site.settings(["web"], horizn="1h")
    assert site.run().failed()["msg"].startswith("shadownet-forecast: horizn: there is no such option.")
    assert site.reserved() == {}
    none = site.run(shadownet_forecast_command="/nonexistent/forecast").failed()["msg"]
    assert "'/nonexistent/forecast' cannot be run" in none
    assert "shadownet_forecast_command" in none
    refused = site.ansible.playbook("shadownet.ipam.forecast").failed()
    assert "shadownet_forecast_config is missing" in refused["msg"]


def test_a_run_with_every_workload_refused_fails_and_says_why(site: Site) -> None:
    """As without any shadow pool; the run ended well, or missed a ledger that the check did not."""
    for arguments in ([], ["--check"]):
        run = site.run(*arguments, shadownet_pools=[])
        failed = run.task("End with an error if nothing could be reserved")
        assert failed.status == "failed"
        assert "nothing was reserved. db: reservations[0]: no shadow pool can serve" in failed["msg"]
        assert "Declare a shadow pool" in failed["msg"]
        assert [one.task for one in run.tasks if one.status == "failed" and not one.ignored][-1] == failed.task
    assert site.reserved() == {}


def test_the_command_is_found_beside_ansible_without_the_path(site: Site) -> None:
    """A timer of systemd calls ``/opt/shadownet/bin/ansible-playbook``, and has no such folder in its path."""
    site.ansible.environment["PATH"] = "/usr/bin:/bin"
    site.run().ok()
    assert site.reserved() != {}
