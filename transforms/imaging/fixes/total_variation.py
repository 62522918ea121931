"""Total variation denoising by dual projection.

Sources: Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 1992;
Chambolle, "An algorithm for total variation minimization and applications", JMIV 2004 (the fixed-point iteration on
the dual field).
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.noise_level import noise_level
from transforms.imaging.types import Pixels

Plane = npt.NDArray[np.float32]

TILE = 256
MARGIN = 16
"""Tiles keep the working set in cache; a tile's edge is not felt further in than the margin after the iterations used
here.
"""


def denoise_total_variation(pixels: Pixels, strength: float = 1.2, iterations: int = 20) -> Pixels:
    """Remove noise in luma and chroma apart, each by the noise found in it.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: multiple of the noise's standard deviation used as the weight of total variation.
        iterations: of the dual field; 20 come within .1 grey value of convergence at these weights.
    """
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    mended = np.empty_like(planes)
    for channel in range(3):
        plane = np.ascontiguousarray(planes[..., channel], np.uint8)
        weight = strength * noise_level(plane)
        mended[..., channel] = _rounded(total_variation(plane.astype(np.float32), weight, iterations))
    return np.asarray(cv2.cvtColor(mended, cv2.COLOR_YCrCb2RGB), np.uint8)


def total_variation(plane: Plane, weight: float, iterations: int = 20) -> Plane:
    """The plane u near `plane` with |u - plane|^2 / 2 + weight * TV(u) smallest.

    Args:
        plane: height x width, float32, any scale.
        weight: in the plane's own units; 0 returns the plane.
        iterations: of the dual field.
    """
    if weight <= 0 or min(plane.shape) < 2:
        return plane.copy()
    result = np.empty_like(plane)
    for outer, inner, place in _tiles(plane.shape):
        result[place] = _project(plane[outer], weight, iterations)[inner]
    return result


def _project(plane: Plane, weight: float, iterations: int) -> Plane:
    down = np.zeros_like(plane)
    right = np.zeros_like(plane)
    step_down = np.zeros_like(plane)
    step_right = np.zeros_like(plane)
    result = plane.copy()
    norm = np.empty_like(plane)
    tau = np.float32(0.25)
    for turn in range(iterations + 1):
        if turn:
            np.subtract(plane, down, out=result)
            result -= right
            result[1:] += down[:-1]
            result[:, 1:] += right[:, :-1]
        if turn == iterations:
            break
        np.subtract(result[1:], result[:-1], out=step_down[:-1])
        np.subtract(result[:, 1:], result[:, :-1], out=step_right[:, :-1])
        cv2.magnitude(step_down, step_right, norm)
        norm *= tau / np.float32(weight)
        norm += 1
        step_down *= tau
        down -= step_down
        down /= norm
        step_right *= tau
        right -= step_right
        right /= norm
        step_down[-1:] = 0
        step_right[:, -1:] = 0
    return result


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]]]:
    """For each tile: where to read it with its margin, what of the result to keep, and where that goes."""
    height, width = shape[:2]
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, end = min(top + TILE, height), min(left + TILE, width)
            above, before = max(top - MARGIN, 0), max(left - MARGIN, 0)
            outer = slice(above, min(bottom + MARGIN, height)), slice(before, min(end + MARGIN, width))
            inner = slice(top - above, bottom - above), slice(left - before, end - before)
            yield outer, inner, (slice(top, bottom), slice(left, end))


def _rounded(plane: Plane) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(np.maximum(plane, 0)), np.uint8)
