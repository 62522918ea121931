"""Where the product is: what differs from the ground that the photo's border shows.

A product photo is an object on a ground, so statistics of the whole photo mislead: a white ground hides blur, a black
dress looks like under-exposure. The ground's colour is modelled from a ring along the border, as a plane in CIELAB so
that a shadow across a plain sheet is still ground; what lies far from it, cleaned by morphology, is the product.
"""

import functools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.preprocess import smooth_gaussian
from transforms.imaging.quantiles import quantiles
from transforms.imaging.types import Box

_WORKING_SIDE = 160
_RING = 0.04
_PLAIN_SPREAD = 7.0
_FAR = 9.0
_SHARES = np.arange(256, dtype=np.float32) / 255
_WEIGHTS = np.array([[0.36, 1.0, 1.0]], np.float32)
"""Of squared differences in L, a and b: a shadow changes lightness before it changes hue."""

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Region:
    """The product in a photo.

    `mask` is bool, of the height and width of the pixels it was found in; `box` bounds it; `confidence` is 0..1;
    `plain` says that the ground is one smooth colour. Where nothing could be told apart the mask is the whole frame,
    the box is `WHOLE` and the confidence 0.
    """

    mask: npt.NDArray[np.bool_]
    box: Box
    confidence: float
    plain: bool


def find_region(pixels: npt.NDArray[Any]) -> Region:
    """Find the product in sRGB pixels (uint8, height x width x 3) of any size; works on a copy of at most 160 px."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if min(size) < 8:
        return Region(np.ones((height, width), bool), WHOLE, 0.0, False)
    lab = to_lab(smooth_gaussian(np.asarray(small, np.uint8)))
    found, plain, confidence = _split(lab)
    if confidence == 0.0:
        return Region(np.ones((height, width), bool), WHOLE, 0.0, plain)
    mask = cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return Region(mask.astype(bool), _bound(found), confidence, plain)


def to_lab(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn sRGB uint8 pixels to CIELAB (D65), float32: L in 0..100, a and b in about -128..127."""
    return cv2.cvtColor(cv2.LUT(pixels, _SHARES), cv2.COLOR_RGB2LAB)


def _split(lab: npt.NDArray[Any]) -> tuple[npt.NDArray[np.bool_], bool, float]:
    """Return the product's mask, whether the ground is plain, and the confidence (0: nothing found)."""
    ground, spread = _ground_plane(lab)
    plain = spread < _PLAIN_SPREAD
    difference = cv2.subtract(lab, ground)
    distance = cv2.sqrt(cv2.transform(cv2.multiply(difference, difference), _WEIGHTS))
    otsu, _ = cv2.threshold(np.minimum(distance * 2, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    cut = max(_FAR, min(otsu / 2, 25.0)) if plain else max(_FAR, otsu / 2, 2.0 * spread)
    mask: npt.NDArray[Any] = (distance > cut).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    mask = _main_parts(mask)
    share = cv2.countNonZero(mask) / mask.size
    if share < 0.01 or share > 0.97:
        return np.ones(mask.shape, bool), plain, 0.0
    inside, outside = distance[mask > 0], distance[mask == 0]
    gap = quantiles(inside, 0.5)[0] - quantiles(outside, 0.75)[0]
    confidence = min(max(gap / 25.0, 0.0), 1.0) * (1.0 if plain else 0.6)
    return mask.astype(bool), plain, confidence


def _ground_plane(lab: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], float]:
    """Fit a plane per channel to the border ring, robustly; return it for all pixels, and the fit's spread in ΔE."""
    height, width = lab.shape[:2]
    across, down = np.arange(width, dtype=np.float32) / width - 0.5, np.arange(height, dtype=np.float32) / height - 0.5
    ring, points = _ring(height, width)
    colours = np.ascontiguousarray(lab.reshape(-1, 3).take(ring, axis=0).T)
    # The product may cross the border: fit, drop the farthest third, fit again.
    middle = np.array([quantiles(channel, 0.5) for channel in colours], np.float32)
    keep = np.abs(colours - middle).sum(axis=0)
    near = keep <= quantiles(keep, 0.75)[0]
    for _ in range(2):
        some = points * near
        fit = np.linalg.solve(some @ points.T, some @ colours.T)
        off = colours - fit.T @ points
        residual = cv2.sqrt(np.einsum("ij,ij->j", off, off)).ravel()
        (spread,) = quantiles(residual, 0.7)
        near = residual <= spread
    start, right, low = fit.astype(np.float32)
    plane = (start + across[:, None] * right)[None] + (down[:, None] * low)[:, None]
    return plane, spread


@functools.lru_cache(maxsize=64)
def _ring(height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return where, row by row, the pixels along the border lie, and a plane's terms there, one a row: 1, across and down."""
    ring = np.zeros((height, width), bool)
    depth = max(2, round(_RING * min(height, width)))
    ring[:depth] = ring[-depth:] = True
    ring[:, :depth] = ring[:, -depth:] = True
    rows, columns = np.nonzero(ring)
    terms = np.stack([np.ones(len(rows)), columns / width - 0.5, rows / height - 0.5])
    return np.flatnonzero(ring), terms.astype(np.float32)


def _main_parts(mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Keep the largest part and those of at least a fifth of its size; fill holes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 1:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.concatenate([[0], areas >= areas.max() * 0.2]).astype(np.uint8)
    parts = kept[labels] if count > 2 else mask
    outlines, _ = cv2.findContours(parts, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(parts), outlines, -1, 1, cv2.FILLED)


def _bound(mask: npt.NDArray[np.bool_]) -> Box:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = columns[0] / width, rows[0] / height
    return Box(float(x), float(y), float((columns[-1] + 1) / width - x), float((rows[-1] + 1) / height - y))
