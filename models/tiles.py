"""Which pixels the quality model sees of a photo: the one geometry of training and serving.

A photo is first thought of at its viewing scale: reduced, never enlarged, until its long side is at most `view` pixels, so that
the same picture stored at 2000 and at 1000 px looks the same, and one that was enlarged shows it. From that come the tiles of
`LAYOUT`, each read straight from the stored pixels and resampled once. `docs/model.md` tells how both were chosen.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from transforms.imaging.types import Pixels
from transforms.settings import setting

LAYOUT = ("whole", "centre")
"""What each tile shows: the photo's whole centred square, reduced; its centre at the viewing scale."""


HALVED = 8
"""Squares of so many tile sides or more are halved first, until they are smaller: none that the model was trained on is."""


@dataclass(frozen=True, slots=True)
class TileSettings:
    """The geometry of the tiles; a trained model accepts only the one that it was trained with."""

    side: int = setting(320, unit="px", why="height and width of one tile", decides=True)
    view: int = setting(
        1000, unit="px", why="long side to which larger photos are reduced before looking", decides=True
    )


def cut(pixels: Pixels, settings: TileSettings) -> Pixels:
    """The tiles of a photo, in the order of `LAYOUT`.

    Args:
        pixels: height x width x 3, uint8, sRGB, upright; any size from 1 x 1.
        settings: the geometry.

    Returns:
        tiles x side x side x 3, uint8, a copy.
    """
    height, width = pixels.shape[:2]
    return np.stack([_square(pixels, extent, settings.side) for extent in extents(height, width, settings)])


def extents(height: int, width: int, settings: TileSettings) -> tuple[int, int]:
    """Sides, in stored pixels, of the centred squares that the tiles show, in the order of `LAYOUT`."""
    short = min(height, width)
    # A photo too small to fill a tile is enlarged until it does: that it is small is then there to be seen.
    return short, min(short, round(settings.side * max(1.0, max(height, width) / settings.view)))


def _square(pixels: Pixels, extent: int, side: int) -> Pixels:
    """The centred square of `extent` stored pixels, resampled to `side`."""
    top, left = ((size - extent) // 2 for size in pixels.shape[:2])
    square = pixels[top : top + extent, left : left + extent]
    while extent >= HALVED * side:
        # The mean over many pixels is the mean of the means of four, and these are quick to have.
        extent //= 2
        half = cv2.resize(square[: 2 * extent, : 2 * extent], (extent, extent), interpolation=cv2.INTER_AREA)
        square = np.asarray(half, np.uint8)
    if extent == side:
        return square
    interpolation = cv2.INTER_AREA if extent > side else cv2.INTER_CUBIC
    resampled = cv2.resize(np.ascontiguousarray(square), (side, side), interpolation=interpolation)
    return resampled.astype(np.uint8, copy=False)
