"""What tells a pixel of the product from one of the ground, on a copy of at most 64 px: the input of `region.py`'s networks.

Home grounds are no one colour: a quilt, a carpet, a floor of planks. So each pixel is described in several ways: how far it
lies from a plane through the border's colours, whether its colour is commoner in the middle than at the border, what edge
lies between it and the four sides, how its texture compares with the border's, and where it is.
"""

import functools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

NAMES = (
    "distance", "distance_in_spreads", "commoner_in_the_middle", "edge_to_nearest_side", "edge_to_second_side",
    "edge_to_farthest_side", "from_middle_across", "from_middle_down", "down", "texture", "spread", "border_texture",
)  # fmt: skip
"""What `describe` gives of each pixel, in this order."""

REFINED = ("commoner_in_the_product", "log_odds", "share_near", "share_around", "share")
"""What `refine` gives besides, once there is a first guess."""

_BINS = 16
_CHROMA_STEP = 6
_SPREAD = np.array([0.25, 0.5, 0.25])
_RING = 0.04
_LESS_LIGHT = 0.6
"""Weight of lightness in a distance: a shadow changes it before it changes hue."""


@dataclass(frozen=True, slots=True)
class Described:
    """The features of a small copy: `values` is features x height x width; `bins` the colour cell of each pixel, flat."""

    values: Plane
    bins: npt.NDArray[np.intp]
    spread: float
    """How far the border's colours lie from their plane, ΔE: low is a plain ground."""


def describe(small: npt.NDArray[np.uint8]) -> Described:
    """Describe every pixel of sRGB pixels (uint8, height x width x 3, at least 8 x 8 px)."""
    height, width = small.shape[:2]
    coded = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    lab = coded.astype(np.float32)
    lab[..., 0] *= 100.0 / 255.0
    lab[..., 1:] -= 128.0
    plane, spread = ground_plane(lab)
    off = lab - plane
    off[..., 0] *= _LESS_LIGHT
    distance = np.sqrt(np.einsum("ijk,ijk->ij", off, off))
    bins = _colour_bins(coded)
    across, down, place, prior = _positions(height, width)
    sides = _edges_to_sides(lab)
    texture = _texture(lab[..., 0])
    rows, columns = _ring(height, width)
    border_texture = _at_share(texture[rows, columns], 0.5)
    values = np.empty((len(NAMES), height, width), np.float32)
    values[0] = distance / 25.0
    values[1] = np.log((distance + 2.0) / (spread + 2.0))
    values[2] = _commoner(bins, prior)
    values[3:6] = np.log1p(sides[[0, 1, 3]])
    values[6], values[7], values[8] = across, down, place
    values[9] = np.log((texture + 1.0) / (border_texture + 1.0))
    values[10], values[11] = np.log1p(spread), np.log1p(border_texture)
    return Described(values, bins, spread)


def refine(described: Described, guess: Plane) -> Plane:
    """Describe what a first guess (probability of product, height x width) tells of each pixel: `REFINED` x height x width."""
    values = np.empty((len(REFINED), *guess.shape), np.float32)
    values[0] = _commoner(described.bins, np.clip(guess, 0.02, 0.98))
    values[1] = np.log((guess + 0.01) / (1.01 - guess))
    values[2] = cv2.blur(guess, (5, 5))
    values[3] = cv2.blur(guess, (17, 17))
    values[4] = guess.mean()
    return values


def ground_plane(lab: npt.NDArray[Any]) -> tuple[Plane, float]:
    """Fit a plane per channel to the border ring, robustly; return it for all pixels, and the fit's spread in ΔE."""
    height, width = lab.shape[:2]
    rows, columns = _ring(height, width)
    across, down = np.arange(width, dtype=np.float32) / width - 0.5, np.arange(height, dtype=np.float32) / height - 0.5
    points = np.stack([np.ones(len(rows), np.float32), across[columns], down[rows]], axis=1)
    colours = lab[rows, columns]
    # The product may cross the border: fit, drop the farthest third, fit again.
    middle = np.partition(colours, len(colours) // 2, axis=0)[len(colours) // 2]
    far = np.abs(colours - middle).sum(axis=1)
    near = far <= _at_share(far, 0.75)
    for _ in range(2):
        some = points[near]
        # A hint of a ridge, for a ring that is one row.
        fit = np.linalg.solve(some.T @ some + 1e-3 * np.eye(3, dtype=np.float32), some.T @ colours[near])
        off = colours - points @ fit
        far = np.sqrt(np.einsum("ij,ij->i", off, off))
        spread = _at_share(far, 0.7)
        near = far <= spread
    start, right, low = fit.astype(np.float32)
    plane = (start + across[:, None] * right)[None] + (down[:, None] * low)[:, None]
    return plane, spread


def _at_share(values: npt.NDArray[Any], share: float) -> float:
    """Return a quantile; a tenth of the time of `np.quantile`, which interpolates."""
    place = round(share * (len(values) - 1))
    return float(np.partition(values, place)[place])


@functools.lru_cache(maxsize=64)
def _ring(height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns of the pixels along the border."""
    ring = np.zeros((height, width), bool)
    depth = max(2, round(_RING * min(height, width)))
    ring[:depth] = ring[-depth:] = True
    ring[:, :depth] = ring[:, -depth:] = True
    rows, columns = np.nonzero(ring)
    return rows, columns


@functools.lru_cache(maxsize=64)
def _positions(height: int, width: int) -> tuple[Plane, Plane, Plane, Plane]:
    """Return distance from the middle across and down, place from the top, and a first prior of being product: all 0..1."""
    down, across = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    from_middle = np.abs(across - 0.5) * 2, np.abs(down - 0.5) * 2
    prior = 0.9 / (1.0 + np.exp((np.maximum(*from_middle) - 0.72) * 7.0))
    return (
        from_middle[0].astype(np.float32),
        from_middle[1].astype(np.float32),
        down.astype(np.float32),
        prior.astype(np.float32),
    )


def _colour_bins(coded: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    chroma = np.clip((coded[..., 1:].astype(np.intp) - 128) // _CHROMA_STEP + _BINS // 2, 0, _BINS - 1)
    return ((coded[..., 0].astype(np.intp) // _BINS * _BINS + chroma[..., 0]) * _BINS + chroma[..., 1]).ravel()


def _commoner(bins: npt.NDArray[np.intp], product: Plane) -> Plane:
    """Return the log-odds that each pixel's colour is the product's, given how likely each pixel is product."""
    flat = product.ravel()
    inside, outside = _smooth_histogram(bins, flat), _smooth_histogram(bins, 1.0 - flat)
    odds = np.log((inside + 2e-4) / (outside + 2e-4))
    return np.asarray(odds[bins].reshape(product.shape), np.float32)


def _smooth_histogram(bins: npt.NDArray[np.intp], weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Count by weight in cells of colour, each spread (1, 2, 1) over its neighbours along each axis; sums to one."""
    cells = np.bincount(bins, weight, _BINS**3).astype(np.float32).reshape(_BINS, _BINS * _BINS)
    # Rows are lightness and the first chroma, columns the second: where a row's neighbour is of another lightness, the
    # spill is a quarter of a cell of an end of the range, where hardly any colour is.
    light = cv2.sepFilter2D(cells, -1, np.ones(1), _SPREAD, borderType=cv2.BORDER_REPLICATE)
    both = cv2.sepFilter2D(light.reshape(-1, _BINS), -1, _SPREAD, _SPREAD, borderType=cv2.BORDER_REPLICATE).ravel()
    return np.asarray(both / max(float(both.sum()), 1e-6))


def _edges_to_sides(lab: npt.NDArray[Any]) -> Plane:
    """Return the strongest edge on the straight way from each pixel to each side, ΔE a pixel, the weakest first: 4 planes.

    A cheap form of the minimum barrier distance (Strand et al., 2013): what is enclosed by edges on all sides is an object.
    """
    right, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    edge = np.sqrt(np.einsum("ijk,ijk->ij", right, right) + np.einsum("ijk,ijk->ij", down, down)) / 8.0
    sides = np.empty((4, *edge.shape), np.float32)
    np.maximum.accumulate(edge, 1, out=sides[0])
    np.maximum.accumulate(edge[:, ::-1], 1, out=sides[1][:, ::-1])
    np.maximum.accumulate(edge, 0, out=sides[2])
    np.maximum.accumulate(edge[::-1], 0, out=sides[3][::-1])
    # Sorted by a network of five comparisons, which is faster than a sort of so few.
    for one, other in ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)):
        low = np.minimum(sides[one], sides[other])
        np.maximum(sides[one], sides[other], out=sides[other])
        sides[one] = low
    return sides


def _texture(light: npt.NDArray[Any]) -> Plane:
    """Return the standard deviation of lightness in 5 x 5 px."""
    mean = cv2.blur(light, (5, 5))
    return np.sqrt(np.maximum(cv2.blur(light * light, (5, 5)) - mean * mean, 0.0))
