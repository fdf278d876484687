# SPDX-License-Identifier: GPL-3.0-or-later
"""100 subnets from one task of a playbook, against one ``ansible.builtin.ping`` task on the same controller.

``python tests/benchmarks/bench_playbook.py`` needs no root. A task's time is that of a play with several of them, less
that of the same play without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent))

import harness

TASKS, SUBNETS, ROUNDS = 5, 100, 5


def play(folder: Path, tasks: list[dict[str, Any]]) -> float:
    """Seconds that ansible-playbook takes for a play of these tasks."""
    file = folder / "play.yml"
    file.write_text(
        yaml.safe_dump([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}])
    )
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "SHADOWNET_LEDGER": str(folder / "ledger.db"),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(file)]
    return harness.seconds(lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL))


def main() -> int:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        harness.as_collection(folder)
        play(folder, [{"shadownet.ipam.pool": {"name": "bench", "prefixes": ["10.0.0.0/8"]}}])
        ping: list[dict[str, Any]] = [{"ansible.builtin.ping": None}] * TASKS
        pings, news, agains = [], [], []
        for number in range(ROUNDS):
            subnets = [
                {
                    "shadownet.ipam.subnet": {
                        "requests": [{"name": f"{number}-{task}-{one}", "addresses": 6} for one in range(SUBNETS)]
                    }
                }
                for task in range(TASKS)
            ]
            empty = play(folder, [])
            pings.append((play(folder, ping) - empty) / TASKS * 1000)
            news.append((play(folder, subnets) - empty) / TASKS * 1000)
            agains.append((play(folder, subnets) - empty) / TASKS * 1000)
        peer = harness.middle(pings)
        return harness.report(
            [
                harness.compare(f"task: {SUBNETS} new subnets / ping", harness.middle(news), peer, "ms", 1.3),
                harness.compare(f"task: the same {SUBNETS} again / ping", harness.middle(agains), peer, "ms", 1.3),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
