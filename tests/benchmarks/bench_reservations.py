# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-allocating thousands: does the cost of one prefix stay the same, however many there are?

``python tests/benchmarks/bench_reservations.py``. The peer of each line is ten times what a tenth of the
work takes in the same run.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness

ROUNDS = 3
END = "2090-01-01T00:00:00Z"


def measure(folder: Path) -> list[harness.Result]:
    """All lines of this benchmark."""
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservation_requests import read_reservations
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.reservations import EVERYTHING, reserve
    from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger

    counter = iter(range(10**6))

    def on_fresh_ledger(*steps: Callable[[Any], object]) -> float:
        """Seconds that the last step takes, each in a transaction of its own."""
        pools = [{"name": "s", "kind": "shadow", "prefixes": ["10.0.0.0/8"], "workload_cap": 1}]
        with Ledger(folder / f"{next(counter)}.db", create=True) as ledger:

            def run(step: Callable[[Any], object]) -> None:
                with ledger.transaction("bench") as transaction:
                    step(transaction)

            run(lambda transaction: declare_pools(transaction, pools))
            for step in steps[:-1]:
                run(step)
            return harness.seconds(lambda: run(steps[-1]))

    def reservations(count: int, instances: int, **options: Any) -> Callable[[Any], object]:
        items = [
            {
                "name": f"r{n}",
                "workload": f"w{n % 10}",
                "node": f"n{n % 20}",
                "instances": instances,
                "expires_at": END,
                "confidence": n / count,
                "instance_names": [f"r{n}-{k}" for k in range(instances)],
            }
            for n in range(count)
        ]
        return lambda transaction: reserve(transaction, read_reservations(items), **options)

    def line(what: str, most: float, large: Callable[[], float], small: Callable[[], float], times: int) -> Any:
        pairs = [(large(), small() * times) for _round in range(ROUNDS)]
        ours, peer = (1000 * harness.middle(side) for side in zip(*pairs, strict=True))
        return harness.compare(what, ours, peer, "ms", most)

    return [
        line(
            "one reservation of 10,000 / 10 x of 1,000",
            2.0,
            lambda: on_fresh_ledger(reservations(1, 10_000)),
            lambda: on_fresh_ledger(reservations(1, 1_000)),
            10,
        ),
        line(
            "the same 10,000 asked again / 10 x 1,000",
            2.0,
            lambda: on_fresh_ledger(reservations(1, 10_000), reservations(1, 10_000)),
            lambda: on_fresh_ledger(reservations(1, 1_000), reservations(1, 1_000)),
            10,
        ),
        line(
            "10,000 shrunk to 10 / 10 x 1,000",
            2.0,
            lambda: on_fresh_ledger(reservations(1, 10_000), reservations(1, 10)),
            lambda: on_fresh_ledger(reservations(1, 1_000), reservations(1, 10)),
            10,
        ),
        line(
            "1,000 reservations of 10 in one call / 10 x 100",
            2.0,
            lambda: on_fresh_ledger(reservations(1_000, 10)),
            lambda: on_fresh_ledger(reservations(100, 10)),
            10,
        ),
        line(
            "1,000 replaced by one / 10 x 100",
            2.0,
            lambda: on_fresh_ledger(reservations(1_000, 10), reservations(1, 10, others=EVERYTHING)),
            lambda: on_fresh_ledger(reservations(100, 10), reservations(1, 10, others=EVERYTHING)),
            10,
        ),
    ]


def main() -> int:
    """Runs and prints."""
    with tempfile.TemporaryDirectory() as folder:
        harness.as_collection(Path(folder))
        return harness.report(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
