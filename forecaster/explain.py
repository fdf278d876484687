# SPDX-License-Identifier: GPL-3.0-or-later
"""How a forecast came about, in sentences."""

from __future__ import annotations

from .forecasting import Forecast


def explain(forecast: Forecast) -> list[str]:
    """One line a fact: what was chosen and by what margin, what is not as usual, what a combination is made of."""
    lines = [f"Model: {forecast.model}."]
    if forecast.margin is not None:
        better = "below" if forecast.margin >= 0 else "above"
        lines.append(
            f"Its pinball loss in {forecast.backtest_days:.1f} days of backtest is {abs(forecast.margin):.0%} {better} "
            "that of yesterday's values."
        )
        others = {name: loss for name, loss in forecast.losses.items() if name != forecast.model}
        if others:
            told = ", ".join(f"{name} {loss:.2f}" for name, loss in sorted(others.items(), key=lambda one: one[1]))
            lines.append(f"Losses of the others, yesterday's values being 1: {told}.")
    lines += [f"Note: {reason}." for reason in forecast.reasons]
    if forecast.members:
        told = ", ".join(f"{name} {weight:.2f}" for name, weight in forecast.members.items())
        lines.append(f"Largest weights: {told}.")
    return lines
