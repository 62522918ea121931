"""Whether too much light reached the photo: how its highlights end, by a line fitted to photos with one to three stops more.

A share of clipped pixels says little: a white studio ground is clipped on purpose, and a dark coat three stops over is not
clipped at all. What tells together: how many pixels have one, two and three channels at the top, on the product and on the
ground, whether the histogram ends in a spike without a shoulder, how light the darkest tones are, and how much of the
product has lost its texture (`bench/fit_burnt.py`).
"""

import functools
import json
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import TO_LINEAR
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SOURCE = "logistic models of bench/fit_burnt.py over clipping by counting"

MEASURES = (
    Measure("overexposed", "log-odds", -20.0, 20.0, "over 0: likelier a stop or more too light than not", _SOURCE),
    Measure("burnt", "log-odds", -20.0, 20.0, "over 0: likelier burnt out, by some three stops, than not", _SOURCE),
)

NAMES = (
    "all_channels", "two_channels", "one_channel", "centre", "border", "product_all", "product_two", "product_one",
    "spike", "luma_5", "luma_25", "luma_50", "product_luma_10", "product_luma_50", "mean_light", "dark_share",
    "confidence", "plain", "ground_all", "ground_one", "product_flat", "product_part", "root_all", "root_two",
    "root_one", "root_centre", "product_and_two",
)  # fmt: skip
"""What `describe` gives: shares of pixels, luma as a share of 255, the spike as log-odds."""

_CLIPPED = 250
_FLAT = 2
_DARK = 40


def measure(view: View) -> dict[str, float]:
    """Return the two log-odds."""
    found = describe(view.small, view.product, view.region.confidence, view.region.plain)
    odds = {name: float((found - mean) / scale @ weights + offset) for name, mean, scale, weights, offset in _lines()}
    return {name: float(np.clip(value, -20.0, 20.0)) for name, value in odds.items()}


@functools.lru_cache(maxsize=1)
def _lines() -> list[tuple[str, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], float]]:
    stored = json.loads(resources.files(__package__).joinpath("burnt_weights.json").read_text(encoding="utf-8"))
    parts = ("mean", "scale", "weights")
    return [(m.name, *(np.array(stored[m.name][p]) for p in parts), stored[m.name]["offset"]) for m in MEASURES]


def describe(
    small: npt.NDArray[np.uint8], product: npt.NDArray[np.bool_], confidence: float, plain: bool
) -> npt.NDArray[np.float64]:
    """Describe how the tones of sRGB pixels (uint8, height x width x 3) end, on the product's mask and beside it."""
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    kernel = np.ones((3, 3), np.uint8)
    # Shares need no more than every fourth pixel; the local range is of all.
    flat = cv2.subtract(cv2.dilate(luma, kernel), cv2.erode(luma, kernel))[::2, ::2] <= _FLAT
    few, luma, mask = small[::2, ::2], luma[::2, ::2], product[::2, ::2]
    mask = mask if mask.any() else np.ones_like(mask)
    top = (few >= _CLIPPED).sum(axis=2, dtype=np.uint8)
    strongest = few.max(axis=2)
    height, width = top.shape
    border = np.concatenate([top[0], top[-1], top[:, 0], top[:, -1]])
    centre = top[height // 4 : height - height // 4, width // 4 : width - width // 4]
    inside, beside = top[mask], top[~mask]
    highlights = np.bincount(strongest.ravel(), minlength=256) / strongest.size
    tones, product_tones = _tones(luma.ravel(), (0.05, 0.25, 0.5)), _tones(luma[mask], (0.1, 0.5))
    shares = [float((top == count).mean()) for count in (3, 2, 1)]
    middle, product_all = float((centre >= 2).mean()), float((inside == 3).mean())
    return np.array(
        [
            *shares, middle, (border == 3).mean(), product_all, (inside >= 2).mean(), (inside >= 1).mean(),
            np.log((highlights[252:].sum() + 0.005) / (highlights[232:252].sum() + 0.005)), *tones, *product_tones,
            TO_LINEAR[strongest].mean(), (luma < _DARK).mean(), confidence, float(plain),
            (beside == 3).mean() if beside.size else 0.0, (beside >= 1).mean() if beside.size else 0.0,
            flat[mask].mean(), ((inside >= 1) & (inside < 3)).mean(), *np.sqrt([*shares, middle]),
            product_all * shares[1],
        ]
    )  # fmt: skip


def _tones(luma: npt.NDArray[Any], shares: tuple[float, ...]) -> npt.NDArray[Any]:
    """Return quantiles of luma as shares of 255, by counting."""
    counted = np.cumsum(np.bincount(luma, minlength=256)) / luma.size
    return np.searchsorted(counted, shares) / 255.0
