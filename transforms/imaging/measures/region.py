"""Where the product is, on plain and on home grounds, and how sure that is.

A product photo is an object on a ground, so statistics of the whole photo mislead: a white ground hides blur, a black
dress looks like under-exposure. Two tiny networks over what tells product from ground (`region_features.py`) say how likely
each pixel of a copy of 64 px is product: the first from the photo alone, the second with the first one's guess around each
pixel. They learned from garments cut out of plain grounds and laid on other sellers' floors, beds and carpets
(`bench/fit_region.py`); the confidence is how likely such a mask is right, by the same photos.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.region_features import Described, Plane, describe, refine
from transforms.imaging.preprocess import smooth_gaussian
from transforms.imaging.types import Box

WORKING_SIDE = 64
_SHARES = np.arange(256, dtype=np.float32) / 255
_PLAIN_SPREAD = 5.5
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.97
_LEAST_STEP = 2.0
"""ΔE between product and ground below which nothing is there to be told apart: a blank photo."""

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Region:
    """The product in a photo.

    `mask` is bool, of the height and width of the pixels it was found in; `box` bounds it; `confidence` is 0..1: how likely
    the mask overlaps the product by four fifths or more; `plain` says that the ground is one smooth colour; `likely` is
    how likely each pixel of the small copy `pixels` is product, 0..1. Where nothing could be told apart the mask is the
    whole frame, the box is `WHOLE` and the confidence 0.
    """

    mask: npt.NDArray[np.bool_]
    box: Box
    confidence: float
    plain: bool
    likely: Plane
    pixels: npt.NDArray[np.uint8]


Net = tuple[Plane, Plane, Plane, float]
"""A network of one hidden layer: weights (hidden x inputs), offsets, output weights, output offset."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The two networks, and the line that the confidence's log-odds lie on (see `certainty`)."""

    first: Net
    second: Net
    confidence: Plane


@functools.lru_cache(maxsize=1)
def load_weights() -> Weights:
    """Read what `bench/fit_region.py` wrote."""
    stored = json.loads(resources.files(__package__).joinpath("region_weights.json").read_text(encoding="utf-8"))
    nets = [
        (*(np.array(stored[name][part], np.float32) for part in ("hidden", "offset", "out")), stored[name]["bias"])
        for name in ("first", "second")
    ]
    return Weights(nets[0], nets[1], np.array(stored["confidence"], np.float32))


def find_region(pixels: npt.NDArray[Any]) -> Region:
    """Find the product in sRGB pixels (uint8, height x width x 3) of any size; works on a copy of at most 64 px."""
    height, width = pixels.shape[:2]
    small = shrink_to_work(pixels)
    if min(small.shape[:2]) < 8:
        return Region(np.ones((height, width), bool), WHOLE, 0.0, False, np.ones(small.shape[:2], np.float32), small)
    described = describe(small)
    plain = described.spread < _PLAIN_SPREAD
    weights = load_weights()
    likely = probability(described, weights)
    found = main_parts(likely)
    share = float(found.mean())
    if not _LEAST_SHARE <= share <= _MOST_SHARE or _step(described, found) < _LEAST_STEP:
        return Region(np.ones((height, width), bool), WHOLE, 0.0, plain, likely, small)
    main = np.where(found, likely, np.minimum(likely, np.float32(0.49)))
    mask = cv2.resize(main, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    confidence = 1.0 / (1.0 + np.exp(-weights.confidence @ certainty(likely, found)))
    return Region(mask, _bound(mask), float(confidence), plain, likely, small)


def to_lab(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn sRGB uint8 pixels to CIELAB (D65), float32: L in 0..100, a and b in about -128..127."""
    return cv2.cvtColor(cv2.LUT(pixels, _SHARES), cv2.COLOR_RGB2LAB)


def shrink_to_work(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Reduce to the size at which the product is looked for, smoothed by a pixel."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return smooth_gaussian(np.asarray(small, np.uint8))


def probability(described: Described, weights: Weights) -> Plane:
    """Return how likely each pixel is product, height x width, 0..1."""
    guess = answer(weights.first, described.values)
    return answer(weights.second, described.values, refine(described, guess))


def answer(net: Net, *values: Plane) -> Plane:
    """Run a network on every pixel; its inputs are the planes of `values`, one after the other."""
    hidden, offset, out, bias = net
    first, *rest = (planes.reshape(len(planes), -1) for planes in values)
    start = len(first)
    level = hidden[:, :start] @ first
    level += offset[:, None]
    for planes in rest:  # in place, and never put into one array: fresh memory costs more than the products
        level += hidden[:, start : start + len(planes)] @ planes
        start += len(planes)
    odds = out @ np.maximum(level, 0.0, out=level) + np.float32(bias)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0))), np.float32).reshape(values[0].shape[1:])


def main_parts(likely: Plane) -> npt.NDArray[np.bool_]:
    """Return what is likelier product than not, without parts of under a tenth of the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((likely > 0.5).astype(np.uint8), connectivity=8)
    if count <= 1:
        return labels > 0
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.concatenate([[False], areas >= areas.max() * 0.1])
    return np.asarray(kept[labels])


def certainty(likely: Plane, found: npt.NDArray[np.bool_]) -> Plane:
    """Return what the confidence is read from: 1, how decided the pixels are, those of the product, its share and its contact."""
    decided = np.abs(2.0 * likely - 1.0)
    contact = (found[0].mean() + found[-1].mean() + found[:, 0].mean() + found[:, -1].mean()) / 4
    share = float(found.mean())
    return np.array([1.0, decided.mean(), decided[found].mean(), share, share * share, contact], np.float32)


def _step(described: Described, found: npt.NDArray[np.bool_]) -> float:
    """Return how much farther the product is from the ground's plane than the ground, on average, ΔE."""
    distance = described.values[0] * 25.0
    return float(distance[found].mean() - distance[~found].mean())


def _bound(mask: npt.NDArray[np.bool_]) -> Box:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = columns[0] / width, rows[0] / height
    return Box(float(x), float(y), float((columns[-1] + 1) / width - x), float((rows[-1] + 1) / height - y))
