# SPDX-License-Identifier: GPL-3.0-or-later
"""Models by name. A further one is a class with the methods of `PointModel` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...plugins.module_utils.model.errors import InvalidInput, NotFound
from .base import PointModel

_MODELS: dict[str, tuple[str, str]] = {
    "last_value": ("naive", "LastValue"),
    "last_week": ("naive", "last_week"),
    "seasonal_naive": ("naive", "seasonal_naive"),
    "harmonic": ("harmonic", "HarmonicRegression"),
    "combination": ("combination", "Combination"),
    "ets": ("ets", "Ets"),
    "stl_arima": ("stl_arima", "StlArima"),
    "unobserved": ("unobserved", "UnobservedComponents"),
    "lstm": ("lstm_forecast", "Lstm"),
}
"""Name: module beside this one and what makes the model. Imported when asked for: statsmodels takes its time."""

NAIVE = "seasonal_naive"
FAST = ("combination", "harmonic", "last_week", "seasonal_naive")
"""What is tried by default: a quarter of a second a workload."""
LSTM = "lstm"
"""The one model that learns from all workloads together (`forecaster.shared`), with PyTorch."""
SETS: dict[str, tuple[str, ...]] = {
    "fast": FAST,
    "all": (*FAST, "ets", "stl_arima", "unobserved", LSTM),
}
"""Names that stand for several; `chosen_names` leaves out of them what is not installed."""


def model_names() -> list[str]:
    """Every name that `make_model` knows."""
    return list(_MODELS)


def make_model(name: str, learned: Mapping[str, Any] | None = None) -> PointModel:
    """A new model of that name.

    Args:
        learned: what models have learned from all workloads together, by name.

    Raises:
        NotFound: there is none.
        InvalidInput: a package that it needs is not installed.
    """
    if name not in _MODELS:
        raise NotFound(f"no model '{name}'.", parameter="models", fix=f"There are {', '.join(_MODELS)}.")
    module, maker = _MODELS[name]
    try:
        make: Callable[..., PointModel] = getattr(import_module(f"{__package__}.{module}"), maker)
        return make(learned.get(name, ())) if name == LSTM and learned else make()
    except ModuleNotFoundError as error:
        fix = "Install it: pip install 'shadownet-ipam[forecast]'."
        raise InvalidInput(f"model '{name}' needs {error.name}.", parameter="models", fix=fix) from None


def chosen_names(names: list[str]) -> tuple[str, ...]:
    """Names of models and of sets of them, resolved; each once.

    Raises:
        NotFound: there is neither a model nor a set of that name.
        InvalidInput: a model that is asked for by its name needs a package that is not installed.
    """
    torch = find_spec("torch") is not None
    if LSTM in names and not torch:
        fix = "Install it: pip install 'shadownet-ipam[lstm]'."
        raise InvalidInput(f"model '{LSTM}' needs torch.", parameter="models", fix=fix)
    found = [one for name in names for one in SETS.get(name, (name,)) if one != LSTM or torch]
    for name in found:
        if name not in _MODELS:
            fix = f"There are {', '.join([*SETS, *_MODELS])}."
            raise NotFound(f"no model '{name}'.", parameter="models", fix=fix)
    return tuple(dict.fromkeys(found))
