# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's chapters on forecasts: from four weeks of telemetry to reservations, and a day with them.

The telemetry is made up, with a seed, so that everybody sees the same story: requests to a shop, hour by hour. The day
is lived in a copy of the ledger, whose clock the demo moves.
"""

from __future__ import annotations

import json
import math
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import yaml

from ansible_collections.shadownet.ipam.demo.lab import ip_json
from ansible_collections.shadownet.ipam.demo.words import Clock, Words
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instance_lifecycle import delete
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.instances import create
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import verify_ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.usage import Window, usage
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.model.reservation import InstanceRequest
from ansible_collections.shadownet.ipam.tests.integration.ansible_run import Run

WORKLOAD = "shop"
SHADOW, OTHERS = "10.67.0.0/22", "10.68.0.0/24"
DAYS, CAPACITY, WANTED = 28, 500, 0.95
LEAST_HITS, MOST_WASTE = 0.85, 0.6
HOUR = timedelta(hours=1)
COMMAND = Path(sys.executable).parent / "shadownet-forecast"


def why_no_forecast() -> str | None:
    """Why the chapters are left out, or None."""
    missing = [name for name in ("numpy", "jsonschema") if find_spec(name) is None]
    return f"without {' and '.join(missing)}: pip install them into .venv" if missing else None


class Teller(Protocol):
    """What the chapters need of the demo."""

    words: Words

    def run(self, name: str, shown: str, *arguments: str) -> Run:
        """Runs a playbook, and shows the command."""


def demand(hour: datetime, chance: random.Random) -> float:
    """Requests in an hour: by day and week, with some chance."""
    day = 1 + 0.8 * math.sin(2 * math.pi * (hour.hour - 8) / 24)
    week = 0.7 if hour.weekday() >= 5 else 1.0
    return 8000 * day * week * math.exp(0.08 * chance.gauss(0, 1))


class Forecast:
    """The chapters, and what they share."""

    def __init__(self, teller: Teller, folder: Path) -> None:
        """
        Args:
            folder: where the demo keeps its ledger and files.
        """
        self._teller, self._words, self._folder = teller, teller.words, folder
        self._now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self._needed: list[int] = []
        self._expected = 0.0

    def chapters(self) -> list[tuple[str, Callable[[], None]]]:
        """The chapters by name."""
        if why_no_forecast() is not None:
            return []
        every = (self.forecast, self.lived)
        return [(chapter.__name__, chapter) for chapter in every]

    # The chapters.

    def forecast(self) -> None:
        """Four weeks of telemetry tell what the next day needs"""
        self._telemetry()
        with Clock() as clock:
            said = self._command("plan", "--config", "forecast_settings.yml", "--explain", WORKLOAD)
        self._words.command(
            f"shadownet-forecast plan --config forecast_settings.yml --explain {WORKLOAD}", clock.seconds
        )
        for line in said.splitlines()[:4]:
            self._words.say(line)
        run = self._run()
        document = json.loads((self._folder / "plan.json").read_text())["workloads"][WORKLOAD]
        slots = document["slots"]
        self._expected = document["confidence"]
        rows = [("slot", "run when it begins", "expected", "reserved")]
        for slot in slots[::6]:
            shown = [str(slot[f"{key}_instances"]) for key in ("running", "expected", "additional")]
            rows.append((slot["starts_at"], *shown))
        self._words.table([*rows, ("...", "", "", "")])
        wanted = {one["starts_at"]: one["additional_instances"] for one in slots if one["additional_instances"]}
        reserved = {one["starts_at"]: one["instances"] for one in run.task("Reserve")["reservations"]}
        text = f"the ledger holds {sum(wanted.values())} addresses for {len(wanted)} of the next 24 hours"
        self._words.claim(len(reserved) == len(wanted), text, str(reserved))
        standing = {one["dst"] for one in ip_json("fe1", "route show type blackhole proto 201")}
        blocks = {block.removesuffix("/32") for one in run.task("Reserve")["reservations"] for block in one["blocks"]}
        text = f"fe1 has the floor {SHADOW} and {len(blocks)} inactive routes for them"
        self._words.claim({SHADOW, *blocks} <= standing, text, str(sorted(standing)))

    def lived(self) -> None:
        """The day comes, otherwise than expected; in a copy of the ledger, in fast motion"""
        copy = self._folder / "fast_motion.db"
        with closing(sqlite3.connect(self._folder / "ledger.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        moment = [datetime.now(UTC).timestamp()]
        with Clock() as clock, Ledger(copy, clock=lambda: moment[0]) as ledger:
            self._live(ledger, moment)
            first, last = ((self._now + HOUR * hour).timestamp() for hour in (1, len(self._needed)))
            with ledger.snapshot() as transaction:
                found = usage(transaction, Window(round(first * 1000), round(last * 1000), False))["workloads"]
            (one,) = [one for one in found if one["workload"] == WORKLOAD]
            problems = verify_ledger(ledger)
        hours = len(self._needed) - 1
        self._words.say(f"{hours} hours: {one['created']} instances created, {one['deleted']} deleted", clock.seconds)
        self._words.say(f"the plan aimed at {WANTED:.0%}, and had {self._expected:.1%} in its backtest")
        text = f"hit rate {one['hit_rate']:.1%}: {one['hits']} of {one['created']} found their address ready"
        self._words.claim(one["hit_rate"] >= LEAST_HITS, text, f"less than {LEAST_HITS:.0%}")
        text = f"waste {one['waste']:.2f}: idle reserved hours for each used one"
        self._words.claim(one["waste"] <= MOST_WASTE, text, f"more than {MOST_WASTE}")
        self._words.claim(not problems, "the copy verified", "; ".join(problems))

    # What they are made of.

    def _telemetry(self) -> None:
        chance = random.Random(2026)  # noqa: S311  # the same story for everybody
        hours = [(at, demand(at, chance)) for at in (self._now + HOUR * step for step in range(-24 * DAYS, 24))]
        known = [f"{at.isoformat()},{value:.1f}\n" for at, value in hours if at < self._now]
        (self._folder / "shop.csv").write_text("time,value\n" + "".join(known))
        self._needed = [math.ceil(value / CAPACITY) for at, value in hours if at >= self._now]
        web = {"capacity": {"requests": CAPACITY}, "target_hit_rate": WANTED, "node": "fe1", "pools": ["forecast"]}
        settings = {
            "state": str(self._folder / "forecast_state.json"),
            "sources": [{"type": "csv", "path": str(self._folder / "shop.csv"), "workload": WORKLOAD}],
            "workloads": {WORKLOAD: web},
        }
        (self._folder / "forecast_settings.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
        self._words.say(
            f"{len(known)} hours of requests to {WORKLOAD} (made up); an instance carries {CAPACITY} an hour"
        )

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            [COMMAND, *arguments], cwd=self._folder, capture_output=True, text=True, check=True, env=dict(os.environ)
        )
        return done.stdout

    def _run(self) -> Run:
        given: dict[str, Any] = {
            "shadownet_forecast_config": str(self._folder / "forecast_settings.yml"),
            "shadownet_forecast_vars": str(self._folder / "reservations.yml"),
            "shadownet_forecast_report": str(self._folder / "plan.json"),
            "shadownet_forecast_command": str(COMMAND),
            "shadownet_pools": [
                {"name": "forecast", "kind": "shadow", "prefixes": [SHADOW]},
                {"name": "forecast-others", "prefixes": [OTHERS]},
            ],
        }
        path = self._folder / "forecast_run.yml"
        path.write_text(yaml.safe_dump(given, sort_keys=False))
        return self._teller.run("forecast", "-e @forecast_run.yml", "-e", f"@{path}")

    def _live(self, ledger: Ledger, moment: list[float]) -> None:
        """Instances come and go, whichever first, until there are as many as each hour needs."""
        chance, names, number = random.Random(7), list[str](), 0  # noqa: S311
        for hour, needed in enumerate(self._needed):
            moment[0] = max(moment[0], (self._now + HOUR * hour).timestamp())
            with ledger.transaction("demo") as transaction:
                while len(names) > needed:
                    delete(transaction, names.pop(chance.randrange(len(names))))
                while len(names) < needed:
                    number += 1
                    names.append(f"{WORKLOAD}-{number}")
                    create(transaction, InstanceRequest(names[-1], WORKLOAD, pools=["forecast-others"]))
        moment[0] = (self._now + HOUR * len(self._needed)).timestamp()
