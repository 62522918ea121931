"""Whether the picture is no photograph at all: noise, a gradient, a pattern, a chart, a drawing, a page.

Each of the other measures lies somewhere on photos, fine or spoilt; on what was drawn or computed several of them lie where no
photo does. One line over them, and over their squares (too little of something tells as much as too much), says how far
(`bench/fit_photographic.py`).
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure

_REACH = 20.0
CLIP = 3.0
"""Deviations: one odd measure alone says little."""

MEASURES = (
    Measure(
        "unphotographic",
        "log-odds",
        -_REACH,
        _REACH,
        "over 0: likelier drawn or computed than photographed, by all other measures",
        "logistic model of bench/fit_photographic.py over the measures and their squares",
    ),
)

Array = npt.NDArray[Any]


def measure(values: Mapping[str, float]) -> dict[str, float]:
    """Return the log-odds from the other measures of a photo; what could not be measured says nothing."""
    odds = float(_model().odds(np.array([[values[name] for name in _model().names]]))[0])
    return {"unphotographic": float(np.clip(odds, -_REACH, _REACH))}


@dataclass(frozen=True, slots=True)
class Model:
    """Names of the measures, what standardizes them, the line over them and their squares."""

    names: tuple[str, ...]
    mean: Array
    scale: Array
    weights: Array
    offset: float

    def odds(self, rows: Array) -> Array:
        """Log-odds of each row of measures."""
        return np.asarray(widen(rows, self.mean, self.scale) @ self.weights + self.offset)


def widen(rows: Array, mean: Array, scale: Array) -> Array:
    """Standardize rows of measures, 0 where one is NaN, clip, and append the squares."""
    standard = np.clip(np.nan_to_num((rows - mean) / scale, nan=0.0), -CLIP, CLIP)
    return np.hstack([standard, standard**2])


@functools.cache
def _model() -> Model:
    stored = json.loads(resources.files(__package__).joinpath("photographic_weights.json").read_text(encoding="utf-8"))
    mean, scale, weights = (np.array(stored[part]) for part in ("mean", "scale", "weights"))
    return Model(tuple(stored["names"]), mean, scale, weights, stored["offset"])
