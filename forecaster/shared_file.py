# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which networks are kept between runs: NumPy's archive of plain arrays, and a line of JSON."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .models.lstm_network import SHAPES, Network

_VERSION = 1


@dataclass(frozen=True)
class Kept:
    """Networks, and what they were trained for.

    Attributes:
        interval: seconds of a slot.
        horizon: slots ahead.
        networks: oldest first.
    """

    interval: int
    horizon: int
    networks: tuple[Network, ...]

    def fits(self, interval: int, horizon: int) -> bool:
        """Whether they can be used for such slots, as far ahead."""
        return self.interval == interval and self.horizon >= horizon


def networks_file(state: Path) -> Path:
    """Where networks are kept: beside the state file."""
    return state.with_name(f"{state.stem}.lstm.npz")


def load_networks(path: Path) -> tuple[Kept | None, str]:
    """What is kept, and why it cannot be used if it is there and cannot; nothing of it is ever run."""
    if not path.exists():
        return None, ""
    try:
        with np.load(path, allow_pickle=False) as file:
            return _read(file), ""
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        return None, f"{path} holds no networks ({error}): they are trained anew"


def _read(file: Any) -> Kept:
    about = json.loads(str(file["about"]))
    if about["version"] != _VERSION:
        raise ValueError(f"its version is {about['version']}")
    networks = []
    for place, until in enumerate(about["until"]):
        weights = {name: np.asarray(file[f"{place}.{name}"]) for name in SHAPES}
        for name, shape in SHAPES.items():
            if weights[name].shape != shape or weights[name].dtype != np.float32:
                raise ValueError(f"its array {place}.{name} is {weights[name].dtype} {weights[name].shape}")
            if not np.isfinite(weights[name]).all():
                raise ValueError(f"its array {place}.{name} is not finite")
        networks.append(Network(float(until), weights))
    return Kept(int(about["interval"]), int(about["horizon"]), tuple(sorted(networks, key=lambda one: one.until)))


def save_networks(path: Path, kept: Kept) -> None:
    """Writes all of it in one piece."""
    about = {
        "version": _VERSION,
        "interval": kept.interval,
        "horizon": kept.horizon,
        "until": [one.until for one in kept.networks],
    }
    arrays: dict[str, Any] = {
        f"{place}.{name}": one.weights[name] for place, one in enumerate(kept.networks) for name in SHAPES
    }
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)
    part.replace(path)
