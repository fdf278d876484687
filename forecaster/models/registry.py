# SPDX-License-Identifier: GPL-3.0-or-later
"""Models by name. A further one is a class with the methods of `PointModel` and a line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

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
}
"""Name: module beside this one and what makes the model. Imported when asked for: statsmodels takes its time."""

NAIVE = "seasonal_naive"
FAST = ("combination", "harmonic", "last_week", "seasonal_naive")
"""What is tried by default: a quarter of a second a workload."""
SETS: dict[str, tuple[str, ...]] = {
    "fast": FAST,
    "all": (*FAST, "ets", "stl_arima", "unobserved"),
}


def model_names() -> list[str]:
    """Every name that `make_model` knows."""
    return list(_MODELS)


def make_model(name: str) -> PointModel:
    """A new model of that name.

    Raises:
        NotFound: there is none.
        InvalidInput: a package that it needs is not installed.
    """
    if name not in _MODELS:
        raise NotFound(f"no model '{name}'.", parameter="models", fix=f"There are {', '.join(_MODELS)}.")
    module, maker = _MODELS[name]
    try:
        make: Callable[[], PointModel] = getattr(import_module(f"{__package__}.{module}"), maker)
        return make()
    except ModuleNotFoundError as error:
        fix = "Install it: pip install 'shadownet-ipam[forecast]'."
        raise InvalidInput(f"model '{name}' needs {error.name}.", parameter="models", fix=fix) from None


def chosen_names(names: list[str]) -> tuple[str, ...]:
    """Names of models and of sets of them, resolved; each once.

    Raises:
        NotFound: there is neither a model nor a set of that name.
    """
    found = [one for name in names for one in SETS.get(name, (name,))]
    for name in found:
        if name not in _MODELS:
            fix = f"There are {', '.join([*SETS, *_MODELS])}."
            raise NotFound(f"no model '{name}'.", parameter="models", fix=fix)
    return tuple(dict.fromkeys(found))
