"""How sharp the photo is: whether it is blurred, how widely, and whether by the lens, by the hand or by enlargement.

One detector for all kinds of blur: a logistic model on the numbers of `structure.describe`, fitted on photos blurred on
purpose by `bench/fit_blur.py`, which prints how well it does on sellers that it never saw. It looks twice: at the photo as a
buyer sees it at most (`detail`), which is where slight blur shows, and at 400 px, where only a photo that is blurred beyond use
still looks blurred.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.structure import describe
from transforms.imaging.measures.view import View

_SOURCE = "structure function (see structure.py), logistic and ridge models of bench/fit_blur.py"
_REACH = 20.0
_SMALLEST = 16
_LEAST_DETAIL = 1.0
"""Squared levels at eight pixels under which nothing is to be seen that could be sharp."""

MEASURES = (
    Measure(
        "sharpness", "ratio", 0.0, 2.0, "neighbours' differences against those 8 px apart: low is blurred", _SOURCE
    ),
    Measure("sharpness_worst", "ratio", 0.0, 2.0, "the same in its lowest direction: low alone is motion", _SOURCE),
    Measure("blur", "log-odds", -_REACH, _REACH, "over 0: more likely blurred than sharp, at 1600 px or less", _SOURCE),
    Measure("blur_width", "px", 0.05, 20.0, "standard deviation of the blur: .5 sharp, 3 useless at 400 px", _SOURCE),
    Measure("motion", "share", 0.0, 1.0, "if blurred: how likely by a moving camera", _SOURCE),
    Measure("enlarged", "share", 0.0, 1.0, "if blurred: how likely by enlargement", _SOURCE),
    Measure("blur_400", "log-odds", -_REACH, _REACH, "as blur, with the shorter side at 400 px", _SOURCE),
    Measure("blur_width_400", "px", 0.05, 20.0, "as blur_width, with the shorter side at 400 px", _SOURCE),
    Measure("motion_400", "share", 0.0, 1.0, "as motion, with the shorter side at 400 px", _SOURCE),
    Measure("enlarged_400", "share", 0.0, 1.0, "as enlarged, with the shorter side at 400 px", _SOURCE),
    Measure(
        "enlarged_odds",
        "log-odds",
        -_REACH,
        _REACH,
        "over 0: likelier enlarged, by half and more, than as it was taken",
        "structure function, logistic model of bench/fit_enlarged.py",
    ),
)

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Model:
    mean: Array
    scale: Array
    coefficients: Array
    """Rows: blur, defocus, motion, enlarged, width; columns: standardized numbers, their squares, 1."""


@functools.cache
def _enlargement() -> tuple[Array, Array, Array, float]:
    stored = json.loads(resources.files(__package__).joinpath("enlarged_weights.json").read_text(encoding="utf-8"))
    mean, scale, weights = (np.array(stored[part]) for part in ("mean", "scale", "weights"))
    return mean, scale, weights, stored["offset"]


@functools.cache
def _model() -> _Model:
    stored = json.loads(resources.files(__package__).joinpath("blur_weights.json").read_text(encoding="utf-8"))
    rows = [stored["blur"], *stored["kind"], stored["width"]]
    return _Model(np.array(stored["mean"]), np.array(stored["scale"]), np.array(rows))


def measure(view: View) -> dict[str, float]:
    """Return the measures of blur; NaN for a photo under 16 px or without any detail."""
    values = {declared.name: float("nan") for declared in MEASURES}
    if min(view.detail.shape) < _SMALLEST or float(view.structure[:, :, 3].max()) < _LEAST_DETAIL:
        return values
    total = view.structure.sum(axis=0)
    ratios = total[:, 0] / np.maximum(total[:, 3], 1e-6)
    values["sharpness"] = float(min(ratios.mean(), 2.0))
    values["sharpness_worst"] = float(min(ratios.min(), 2.0))
    numbers = describe(view.structure)
    mean, scale, weights, offset = _enlargement()
    odds = np.clip((numbers - mean) / scale, -4.0, 4.0) @ weights + offset
    values["enlarged_odds"] = float(np.clip(odds, -_REACH, _REACH))
    seen = _read(numbers)
    names = ("blur", "blur_width", "motion", "enlarged")
    values.update(zip(names, seen, strict=True))
    seen = seen if view.structure_400 is view.structure else _read(describe(view.structure_400))
    values.update(zip((f"{name}_400" for name in names), seen, strict=True))
    return values


def _read(numbers: Array) -> tuple[float, float, float, float]:
    """Return the log-odds of blur, its width in pixels, and the shares of motion and of enlargement."""
    model = _model()
    standard = np.clip((numbers - model.mean) / model.scale, -4.0, 4.0)
    blur, defocus, motion, enlarged, width = model.coefficients @ np.concatenate([standard, standard**2 - 1, [1.0]])
    kinds = np.exp(np.array([defocus, motion, enlarged]) - max(defocus, motion, enlarged))
    kinds /= kinds.sum()
    return (
        float(np.clip(blur, -_REACH, _REACH)),
        float(np.clip(2.0**width, 0.05, 20.0)),
        float(kinds[1]),
        float(kinds[2]),
    )
