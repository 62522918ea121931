"""Deblurring: the photo whose blur is the one given, with the least total variation, by ADMM in the Fourier domain.

Sources: Wang, Yang, Yin and Zhang, "A new alternating minimization algorithm for total variation image
reconstruction", SIAM Journal on Imaging Sciences 2008; Boyd et al., "Distributed optimization and statistical learning
via the alternating direction method of multipliers", 2011.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import irfft2, next_fast_len, rfft2

from transforms.imaging.fixes.noise_level import diagonal_level
from transforms.imaging.types import Pixels

Plane = npt.NDArray[Any]
"""float32 unless said otherwise; OpenCV's own types do not say."""

TILE = 512
"""Memory is that of one tile, whatever the photo's size."""


def deconvolve(pixels: Pixels, kernel: Plane, strength: float = 1.0, iterations: int = 25) -> Pixels:
    """Undo a blur in luma; chroma, which the eye sees coarsely, stays.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        kernel: the blur, odd sides, sum 1; a wrong one harms.
        strength: 0..1, the share of the change that is made.
        iterations: of ADMM.
    """
    if min(pixels.shape[:2]) < 2 * max(kernel.shape) or strength <= 0:
        return pixels.copy()
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    luma = planes[..., 0].astype(np.float32)
    sharp = deconvolve_plane(luma, kernel, iterations)
    planes[..., 0] = cv2.convertScaleAbs(np.maximum(luma + np.float32(strength) * (sharp - luma), 0))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)


def deconvolve_plane(plane: Plane, kernel: Plane, iterations: int = 25) -> Plane:
    """The same on one plane, float32, 0..255; the weight of total variation follows the noise found."""
    noise = max(diagonal_level(plane), 0.3)
    margin = 2 * max(kernel.shape)
    result = np.empty_like(plane)
    for outer, inner, place in _tiles(plane.shape, margin):
        result[place] = _admm(plane[outer], kernel, 0.012 * noise, iterations)[inner]
    return result


def _admm(plane: Plane, kernel: Plane, weight: float, iterations: int) -> Plane:
    """Minimize |k * u - f|^2 / 2 + weight * TV(u); the tile is mirrored outwards, so that its ends meet without a
    step.
    """
    height, width = plane.shape
    border = max(kernel.shape)
    size = next_fast_len(height + 2 * border, real=True), next_fast_len(width + 2 * border, real=True)
    padded = cv2.copyMakeBorder(
        plane,
        border,
        size[0] - height - border,
        border,
        size[1] - width - border,
        cv2.BORDER_REFLECT,
    )
    padded = _tapered(padded, kernel)
    blur = _transfer(kernel, size)
    down, right = _transfer(np.array([[-1], [1]], np.float32), size), _transfer(np.array([[-1, 1]], np.float32), size)
    penalty = 20.0 * weight
    bottom = np.abs(blur) ** 2 + penalty * (np.abs(down) ** 2 + np.abs(right) ** 2)
    data = np.conj(blur) * rfft2(padded)
    step_down = step_right = slack_down = slack_right = np.zeros(size, np.float32)
    current = padded
    for _ in range(iterations):
        pull = np.conj(down) * rfft2(step_down - slack_down) + np.conj(right) * rfft2(step_right - slack_right)
        spectrum = (data + penalty * pull) / bottom
        current = irfft2(spectrum, s=size).astype(np.float32)
        slope_down, slope_right = irfft2(spectrum * down, s=size), irfft2(spectrum * right, s=size)
        wish_down = (slope_down + slack_down).astype(np.float32)
        wish_right = (slope_right + slack_right).astype(np.float32)
        length = np.maximum(cv2.magnitude(wish_down, wish_right), 1e-6)
        shrunk = np.maximum(length - weight / penalty, 0) / length
        step_down, step_right = wish_down * shrunk, wish_right * shrunk
        slack_down, slack_right = wish_down - step_down, wish_right - step_right
    return np.asarray(current[border : border + height, border : border + width], np.float32)


def _transfer(kernel: Plane, size: tuple[int, int]) -> npt.NDArray[np.complexfloating]:
    """The kernel's spectrum, its centre (or, of a difference, its first sample) at the origin."""
    whole = np.zeros(size, np.float32)
    rows, columns = kernel.shape
    whole[:rows, :columns] = kernel
    if rows > 2 or columns > 2:
        whole = np.roll(whole, (-(rows // 2), -(columns // 2)), (0, 1))
    return np.asarray(rfft2(whole))


def _tapered(padded: Plane, kernel: Plane) -> Plane:
    """Blur the frame, as the Fourier transform joins opposite sides (edgetaper)."""
    reach = max(kernel.shape)
    wrapped = np.pad(padded, reach, "wrap")
    blurred = cv2.filter2D(wrapped, -1, kernel[::-1, ::-1].copy())[reach:-reach, reach:-reach]
    ramps = [
        np.clip(np.minimum(np.arange(n), n - 1 - np.arange(n)) / reach, 0, 1).astype(np.float32) for n in padded.shape
    ]
    share = np.minimum.outer(*ramps)
    return share * padded + (1 - share) * blurred


def _tiles(
    shape: tuple[int, ...], margin: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]]]:
    """For each tile: where to read it with its margin, what of the result to keep, and where that goes."""
    height, width = shape[:2]
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, end = min(top + TILE, height), min(left + TILE, width)
            above, before = max(top - margin, 0), max(left - margin, 0)
            outer = slice(above, min(bottom + margin, height)), slice(before, min(end + margin, width))
            inner = slice(top - above, bottom - above), slice(left - before, end - before)
            yield outer, inner, (slice(top, bottom), slice(left, end))
