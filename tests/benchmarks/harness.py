# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark reports: our figure, the peer's from the same run, their ratio, and whether it is enough."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """One line of a benchmark.

    Attributes:
        what: what was measured.
        ours, peer: the two figures, measured in the same run, in ``unit``.
        unit: ``ms``, ``/s`` and so on.
        ratio: what is held against ``target``; as a rule ours / peer.
        target: the number of the design; None where the line only informs.
        better: ``lower`` or ``higher``: on which side of ``target`` a good ratio lies.
    """

    what: str
    ours: float
    peer: float
    unit: str
    ratio: float
    target: float | None
    better: str = "lower"

    @property
    def reached(self) -> bool:
        """Whether the target was reached; a line without target always is good."""
        if self.target is None:
            return True
        return self.ratio <= self.target if self.better == "lower" else self.ratio >= self.target

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or nothing where there is no target."""
        return "" if self.target is None else "ok" if self.reached else "MISSED"


def compare(what: str, ours: float, peer: float, unit: str, target: float | None, better: str = "lower") -> Result:
    """A result whose ratio is ours / peer."""
    return Result(what, ours, peer, unit, ours / peer if peer else float("inf"), target, better)


def limit(what: str, ours: float, peer: float, unit: str, most: float) -> Result:
    """A result that has to stay below ``most`` in its own unit; the ratio is ours / most."""
    return Result(f"{what} (at most {most:g} {unit})", ours, peer, unit, ours / most, 1.0, "lower")


def report(results: Iterable[Result]) -> int:
    """Prints a table and gives the exit status: 0 when every target was reached."""
    found = list(results)
    width = max([len(one.what) for one in found] + [4])
    print(f"{'what':<{width}}  {'ours':>12}  {'peer':>12}  {'unit':<5} {'ratio':>7}  {'target':>8}  verdict")
    for one in found:
        sign = "<=" if one.better == "lower" else ">="
        target = "" if one.target is None else f"{sign} {one.target:g}"
        figures = f"{one.ours:>12,.2f}  {one.peer:>12,.2f}  {one.unit:<5} {one.ratio:>7.3f}"
        print(f"{one.what:<{width}}  {figures}  {target:>8}  {one.verdict}", flush=True)
    return 0 if all(one.reached for one in found) else 1


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes by the wall clock, without the garbage of others."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def middle(figures: Iterable[float]) -> float:
    """The median."""
    return statistics.median(figures)


def as_collection(folder: Path) -> None:
    """Lets a benchmark that is run by itself import the checkout as ``ansible_collections.shadownet.ipam``."""
    namespace = folder / "ansible_collections" / "shadownet"
    namespace.mkdir(parents=True, exist_ok=True)
    if not (namespace / "ipam").exists():
        (namespace / "ipam").symlink_to(CHECKOUT, target_is_directory=True)
    sys.path.insert(0, str(folder))
