# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots as SVG text (Matplotlib, without a display)."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#1f6feb", "#d9730d", "#57606a"


def _drawing(height: float = 3.0, width: float = 9.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eaeef2")
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    # Without a date and with a fixed salt for ids, the same plan gives the same file.
    with mpl.rc_context({"svg.hashsalt": "shadownet", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def band_plot(signal: dict[str, Any], interval: int, starts_at: str) -> str:
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
        axes.fill_between(ahead, below, values, color=_BLUE, alpha=alpha, lw=0, label=f"up to {level:.3g}")
        below = values
    axes.plot(ahead, middle, color=_BLUE, lw=1.5, label="expected")
    axes.axvline(start, color=_GREY, lw=0.8, ls=":")
    axes.set_ylabel(signal["unit"] or "demand")
    axes.set_ylim(bottom=0 if np.nanmin([*past, *middle]) >= 0 else None)
    axes.legend(loc="upper left", fontsize=8, ncols=6, frameon=False)
    _dates(axes)
    return _svg(figure)


def slots_plot(workload: dict[str, Any]) -> str:
    """Instances that are expected and reserved for, by slot."""
    figure, axes = _drawing(2.4)
    slots = workload["slots"]
    starts: Any = [datetime.fromisoformat(slot["starts_at"]) for slot in slots]
    axes.step(starts, [slot["upper_instances"] for slot in slots], where="post", color=_BLUE, label="reserved for")
    axes.step(starts, [slot["expected_instances"] for slot in slots], where="post", color=_ORANGE, label="expected")
    axes.axhline(workload["current_instances"], color=_GREY, lw=0.8, ls=":", label="now")
    axes.set_ylabel("instances")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=8, ncols=3, frameon=False)
    _dates(axes)
    return _svg(figure)


def trade_off_plot(signal: dict[str, Any], target: float) -> str:
    """What each quantile would have given in the backtest; the chosen one is marked."""
    figure, axes = _drawing(3.0, 5.0)
    steps = [step for step in signal["trade_off"] if step["waste"] is not None]
    waste, hits = [step["waste"] for step in steps], [100 * step["hit_rate"] for step in steps]
    axes.plot(waste, hits, color=_BLUE, marker="o", ms=3)
    for step in steps:
        if step["quantile"] in (0.5, 0.8, 0.95, 0.99):
            place = (step["waste"], 100 * step["hit_rate"])
            axes.annotate(f"q{step['quantile']:g}", place, xytext=(4, -10), textcoords="offset points", fontsize=8)
    axes.axhline(100 * target, color=_ORANGE, lw=0.8, ls="--", label=f"wanted: {target:.1%}")
    if steps:
        nearest = min(steps, key=lambda step: abs(step["quantile"] - signal["quantile"]))
        place = ([nearest["waste"]], [100 * nearest["hit_rate"]])
        axes.plot(*place, color=_ORANGE, marker="o", ms=7, ls="", label=f"chosen: q{signal['quantile']:.3f}")
    axes.set_xlabel("waste: idle for each used")
    axes.set_ylabel("hits in the backtest, %")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return _svg(figure)
