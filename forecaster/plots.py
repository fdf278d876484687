# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots as SVG text (Matplotlib, without a display). Each has a name for both axes, with units."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_BLUE, _ORANGE, _GREY, _RED, _PALE = "#1f6feb", "#d9730d", "#57606a", "#b3261e", "#d0d7de"
_MOST_ROWS = 60


def _drawing(height: float = 3.0, width: float = 9.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eaeef2")
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    # Without a date and with a fixed salt for ids, the same plan gives the same file.
    with mpl.rc_context({"svg.hashsalt": "shadownet", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _dates(axes: Axes, zone: str) -> None:
    locator = AutoDateLocator(tz=ZoneInfo(zone))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=ZoneInfo(zone)))
    axes.set_xlabel(f"time ({zone})")


def _legend(axes: Axes, columns: int) -> None:
    """Above the plot, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, ncols=columns, frameon=False, borderaxespad=0.2)


def length(seconds: int) -> str:
    """A slot's length as people write it."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def band_plot(name: str, signal: dict[str, Any], interval: int, starts_at: str, zone: str) -> str:
    """History, and the forecast's middle with bands up to each quantile."""
    figure, axes = _drawing()
    # Matplotlib takes times where its annotations have numbers.
    start: Any = datetime.fromisoformat(starts_at)
    step = timedelta(seconds=interval)
    past = [float("nan") if value is None else value for value in signal["history"]]
    axes.plot([start + step * (place - len(past)) for place in range(len(past))], past, color=_GREY, lw=1, label="was")
    bands = sorted((float(level), values) for level, values in signal["quantiles"].items())
    ahead: Any = [start + step * place for place in range(len(bands[0][1]))]
    middle = next(values for level, values in bands if level == 0.5)
    upper = [(level, values) for level, values in bands if level > 0.5]
    below = middle
    for place, (level, values) in enumerate(upper):
        alpha = 0.45 - 0.35 * place / len(upper)
        axes.fill_between(ahead, below, values, color=_BLUE, alpha=alpha, lw=0, label=f"{100 * level:.3g} % bound")
        below = values
    axes.plot(ahead, middle, color=_BLUE, lw=1.5, label="expected")
    axes.axvline(start, color=_GREY, lw=0.8, ls=":")
    unit = signal["unit"] if signal["unit"] not in ("", name) else ""
    axes.set_ylabel(f"{name}{f' ({unit})' if unit else ''} in {length(interval)}")
    axes.set_ylim(bottom=0 if np.nanmin([*past, *middle]) >= 0 else None)
    _legend(axes, 6)
    _dates(axes, zone)
    return _svg(figure)


def slots_plot(workload: dict[str, Any], interval: int, zone: str) -> str:
    """What each slot offers: those that are expected to run when it begins, and on top of them its reservation."""
    figure, axes = _drawing(2.6)
    slots = workload["slots"]
    starts: Any = [datetime.fromisoformat(slot["starts_at"]) for slot in slots]
    width: Any = timedelta(seconds=interval * 0.86)
    runs = [slot["running_instances"] for slot in slots]
    more = [slot["additional_instances"] for slot in slots]
    axes.bar(starts, runs, width, align="edge", color=_PALE, label="expected to run when the slot begins")
    axes.bar(starts, more, width, runs, align="edge", color=_BLUE, alpha=0.75, label="reserved for the slot")
    edges: Any = [*starts, starts[-1] + timedelta(seconds=interval)]
    expected = [slot["expected_instances"] for slot in slots]
    axes.step(edges, [*expected, expected[-1]], where="post", color=_ORANGE, lw=1.5, label="expected in the slot")
    axes.axhline(workload["current_instances"], color=_GREY, lw=0.8, ls=":", label="now")
    axes.set_ylabel("instances")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_ylim(bottom=0)
    _legend(axes, 4)
    _dates(axes, zone)
    return _svg(figure)


def replay_plot(signal: dict[str, Any], interval: int, zone: str) -> str:
    """The past days as they would have been with this plan: what was offered, what was needed, and what missed."""
    figure, axes = _drawing(2.6)
    one = signal["replay"]
    start: Any = datetime.fromisoformat(one["starts_at"])
    needed, offered = (np.array([np.nan if value is None else value for value in one[key]]) for key in _REPLAYED)
    times: Any = [start + timedelta(seconds=interval) * place for place in range(len(needed))]
    most = np.fmax(offered, needed)
    axes.fill_between(times, 0, needed, step="post", color=_PALE, lw=0, label="needed")
    axes.fill_between(times, needed, most, step="post", color=_BLUE, alpha=0.35, lw=0, label="reserved, idle")
    missed = needed > offered
    middle: Any = [at + timedelta(seconds=interval / 2) for at, miss in zip(times, missed, strict=True) if miss]
    axes.plot(middle, needed[missed], color=_RED, marker="v", ms=5, ls="", label=f"{missed.sum()} slots with misses")
    axes.set_ylabel("instances")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_ylim(bottom=0)
    _legend(axes, 3)
    _dates(axes, zone)
    return _svg(figure)


_REPLAYED = ("needed", "offered")


def trade_off_plot(signal: dict[str, Any], target: float) -> str:
    """What each quantile would have given in the backtest; the chosen one is marked."""
    figure, axes = _drawing(3.0, 5.0)
    steps = [step for step in signal["trade_off"] if step["waste"] is not None]
    waste, hits = [step["waste"] for step in steps], [100 * step["hit_rate"] for step in steps]
    axes.plot(waste, hits, color=_BLUE, marker="o", ms=3)
    for step in steps:
        if step["quantile"] in (0.5, 0.8, 0.95, 0.99):
            place = (step["waste"], 100 * step["hit_rate"])
            label = f"{100 * step['quantile']:g} %"
            axes.annotate(label, place, xytext=(5, -11), textcoords="offset points", fontsize=8, color=_GREY)
    axes.axhline(100 * target, color=_ORANGE, lw=0.8, ls="--", label=f"wanted: {target:.1%}")
    if steps:
        levels = [step["quantile"] for step in steps]
        at = (np.interp(signal["quantile"], levels, waste), np.interp(signal["quantile"], levels, hits))
        axes.plot(*at, color=_ORANGE, marker="o", ms=7, ls="", label=f"chosen: quantile {signal['quantile']:.1%}")
    axes.set_xlabel("waste (idle reserved for each used, instance-hours)")
    axes.set_ylabel("hits (% of new instances)")
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return _svg(figure)


def overview_plot(workloads: dict[str, Any], interval: int, zone: str) -> str:
    """What is reserved for each workload in each slot, as a table of colours; the largest ones if there are many."""
    sums = {name: sum(slot["additional_instances"] for slot in one["slots"]) for name, one in workloads.items()}
    names = sorted(sorted(sums, key=lambda name: (-sums[name], name))[:_MOST_ROWS])
    first = min(workloads[name]["slots"][0]["starts_at"] for name in names)
    start: Any = datetime.fromisoformat(first)
    slots = max(len(workloads[name]["slots"]) for name in names)
    table = np.full((len(names), slots), np.nan)
    for row, name in enumerate(names):
        for slot in workloads[name]["slots"]:
            column = round((datetime.fromisoformat(slot["starts_at"]) - start).total_seconds() / interval)
            if column < slots:
                table[row, column] = slot["additional_instances"]
    figure, axes = _drawing(1.3 + 0.2 * len(names))
    axes.grid(visible=False)
    edges: Any = [start + timedelta(seconds=interval) * place for place in range(slots + 1)]
    most = max(float(np.nanmax(table)), 1.0)
    # One large workload must not make all others pale.
    found = axes.pcolormesh(edges, np.arange(len(names) + 1), table, cmap="Blues", norm=PowerNorm(0.5, 0, most))
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8)
    axes.set_ylim(len(names), 0)
    axes.set_ylabel("workload")
    figure.colorbar(found, ax=axes, label="instances reserved", aspect=30, ticks=MaxNLocator(integer=True, nbins=5))
    _dates(axes, zone)
    return _svg(figure)
