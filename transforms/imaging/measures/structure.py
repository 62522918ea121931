"""How detail is spread over scales and directions: the structure function of the busiest parts of a photo.

The mean squared difference D of pixels at a distance r grows with r; how fast tells blur from texture, whatever the
contrast: a blurred edge has almost no difference between neighbours and all of it eight pixels apart. Taken per direction
it tells a shaken camera from a lens out of focus. (A. N. Kolmogorov's structure function, as used for images by D. L.
Ruderman, The statistics of natural images, Network 1994.)
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

TILE = 64
MOST_TILES = 48
LAGS = (1, 2, 4, 8)
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Steps as rows, columns: across, falling, down, rising."""

_FLOOR = 0.05
"""Added to every D so that the logarithm of a flat tile is finite; far below the noise of any camera."""
_BUSY = 20.0
"""D at four pixels from which a tile has something to be sharp."""
_QUANTILES = (0.10, 0.50, 0.75, 0.90, 0.97)

Array = npt.NDArray[Any]


def structure(luma: Array) -> Array:
    """Measure D in the busiest tiles of a luma plane (uint8, any size; smaller than a tile is mirrored to one).

    Returns:
        float32, tiles x directions x lags, in squared levels; at most `MOST_TILES` tiles.
    """
    tiles = _busiest(luma).astype(np.int16)
    found = np.empty((len(tiles), len(DIRECTIONS), len(LAGS)), np.float32)
    for i, (down, right) in enumerate(DIRECTIONS):
        for j, lag in enumerate(LAGS):
            y, x = down * lag, right * lag
            # Every third row is enough for a mean; every second would always miss the edges of JPEG's blocks.
            here = tiles[:, : TILE - y : 3, max(0, -x) : TILE - max(0, x)]
            there = tiles[:, y::3, max(0, x) : TILE + min(0, x)]
            gap = (here - there).reshape(len(tiles), -1).astype(np.float32)
            found[:, i, j] = np.einsum("ij,ij->i", gap, gap) / gap.shape[1]
    return found


def describe(found: Array) -> Array:
    """Turn a structure function to the 41 numbers that the detectors of blur read: float32, none depends on contrast alone.

    Logarithms of the ratios of D at successive lags: of the whole (mean, least and greatest over directions, the blurriest
    direction and the one across it), quantiles over the busy tiles, and how busy the photo is.
    """
    safe = found + _FLOOR
    whole = np.log(safe.sum(axis=0))
    slopes = whole[:, :-1] - whole[:, 1:]
    blurriest = int(slopes.sum(axis=1).argmin())
    energy = safe[:, :, 2].mean(axis=1)
    busy = energy > _BUSY
    if busy.sum() < 3:
        busy = energy >= np.sort(energy)[-min(3, len(energy))]
    logs = np.log(safe[busy])
    each = logs[:, :, :-1] - logs[:, :, 1:]
    spread = _quantiles(np.concatenate([each.mean(axis=1), each.min(axis=1)], axis=1))
    overall = [np.log(safe[:, :, 3].mean()), busy.mean()]
    parts = [slopes.mean(axis=0), slopes.min(axis=0), slopes.max(axis=0)]
    parts += [slopes[blurriest], slopes[(blurriest + 2) % 4], spread.ravel(), np.array(overall)]
    return np.concatenate(parts).astype(np.float32)


def _quantiles(values: Array) -> Array:
    """Linear quantiles over the first axis, as `numpy.quantile` gives them but in one sort."""
    ordered = np.sort(values, axis=0)
    place = np.array(_QUANTILES) * (len(ordered) - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    share = (place - low)[:, None]
    return ordered[low] * (1 - share) + ordered[high] * share


def _busiest(luma: Array) -> Array:
    height, width = luma.shape
    if height < TILE or width < TILE:
        below, beside = max(0, TILE - height), max(0, TILE - width)
        luma = cv2.copyMakeBorder(luma, 0, below, 0, beside, cv2.BORDER_REFLECT)
        height, width = luma.shape
    rows, columns = height // TILE, width // TILE
    top, left = (height - rows * TILE) // 2, (width - columns * TILE) // 2
    grid = luma[top : top + rows * TILE, left : left + columns * TILE]
    grid = grid.reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)
    if rows * columns <= MOST_TILES:
        return grid.reshape(-1, TILE, TILE)
    # Contrast of a coarse copy tells where the edges are; which tile wins must not hang on noise or fine texture.
    coarse = cv2.resize(
        luma[top : top + rows * TILE, left : left + columns * TILE],
        (columns * 8, rows * 8),
        interpolation=cv2.INTER_AREA,
    )
    coarse = coarse.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(rows * columns, -1).astype(np.float32)
    chosen = np.sort(np.argsort(-coarse.std(axis=1), kind="stable")[:MOST_TILES])
    return grid[chosen // columns, chosen % columns]
