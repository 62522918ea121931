"""Sliding DCT denoising, with the noise's own spectrum read from the photo.

A camera's noise is neither white nor the same in light and shade: demosaicking and JPEG make it coarse. So its
standard deviation is read for each DCT frequency from the photo's quietest blocks, and scaled by lightness;
coefficients below a multiple of it are taken for noise.

Sources: Yu and Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", IPOL 2011 (overlapping
blocks, hard threshold, mean of all); Ponomarenko et al., "Automatic estimation of the noise variance from the spectrum
of quiet blocks", SPIE 2003.
"""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from transforms.imaging.quantiles import medians, quantiles
from transforms.imaging.types import Pixels

Plane = npt.NDArray[Any]
"""float32 unless said otherwise; OpenCV's own types do not say."""

SIDE = 8
_TILE = 128


def _basis() -> Plane:
    """64 x 64: each row one orthonormal 8 x 8 DCT function."""
    number = np.arange(SIDE)
    one = np.cos(np.pi * (2 * number[None, :] + 1) * number[:, None] / (2 * SIDE)) * np.sqrt(2 / SIDE)
    one[0] /= np.sqrt(2)
    return np.kron(one, one).astype(np.float32)


_DCT = _basis()
_ODD = (np.indices((SIDE, SIDE)).sum(axis=0) % 2 == 1).ravel()
_MIDDLE = (abs(np.indices((SIDE, SIDE)).sum(axis=0) - 6.5) < 2).ravel()
_MEAN = np.full(SIDE * SIDE, SIDE**-2, np.float32)
_NUMBER = np.arange(SIDE * SIDE)
_SETS = np.stack([_NUMBER >= 36, _ODD, ~_ODD & (_NUMBER > 0)], axis=1).astype(np.float32)
_SETS /= _SETS.sum(axis=0)
"""Frequencies whose mean square is asked for, one set a column: the fine ones, the odd ones, the even ones without the mean."""
_QUIET = 0.02
"""The share of blocks taken for free of texture."""
_COARSEST = 1.5
"""Most noise in the lowest frequencies, as a multiple of that in the middle ones, that a denoiser takes away: where a
photo is woven or grassy throughout its quietest blocks are texture, which grows towards low frequencies far more."""


def denoise_sliding_dct(pixels: Pixels, strength: float = 1.0, step: int = 2) -> Pixels:
    """Remove noise in luma at full size and in chroma at half size, each by its own spectrum.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: multiple of the default thresholds; 0 changes nothing.
        step: pixels between blocks, a divisor of 8; smaller is smoother and slower.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 4 * SIDE or strength <= 0:
        return pixels.copy()
    luma, *chroma = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    planes = [sliding_dct(np.asarray(luma, np.float32), 2.7 * strength, step, luma)]
    guide = cv2.resize(luma, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    planes += [_cleaned_chroma(plane, guide, strength, step) for plane in chroma]
    mended = cv2.merge([cv2.convertScaleAbs(np.maximum(plane, 0)) for plane in planes])
    return np.asarray(cv2.cvtColor(mended, cv2.COLOR_YCrCb2RGB), np.uint8)


def _cleaned_chroma(plane: npt.NDArray[Any], guide: npt.NDArray[Any], strength: float, step: int) -> Plane:
    """One chroma plane (uint8) cleaned at half size, float32; `guide` is luma at that size."""
    height, width = plane.shape
    coarse = cv2.resize(plane.astype(np.float32), guide.shape[::-1], interpolation=cv2.INTER_AREA)
    cleaned = sliding_dct(np.asarray(coarse, np.float32), 3.0 * strength, step, guide)
    fine = plane - cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    # What half size cannot hold is kept only where it is stronger than chroma noise is.
    level = 3.0 * strength * float(np.median(np.abs(fine))) / 0.6745
    kept = np.where(np.abs(fine) > level, fine, 0)
    return np.asarray(cv2.resize(cleaned, (width, height), interpolation=cv2.INTER_LINEAR) + kept, np.float32)


def sliding_dct(plane: Plane, threshold: float, step: int, lightness: npt.NDArray[Any]) -> Plane:
    """Threshold every block's DCT coefficients at `threshold` times the noise there, and average the overlaps.

    Args:
        plane: height x width, float32, both sides at least 8.
        threshold: in standard deviations of the noise.
        step: pixels between blocks.
        lightness: height x width, uint8; noise is scaled by it.
    """
    spectrum, by_lightness = noise_spectrum(plane, lightness, coarsest=_COARSEST)
    height, width = plane.shape
    border = SIDE
    padded = cv2.copyMakeBorder(plane, border, border + SIDE, border, border + SIDE, cv2.BORDER_REFLECT_101)
    light = cv2.copyMakeBorder(lightness, border, border + SIDE, border, border + SIDE, cv2.BORDER_REFLECT_101)
    level = cv2.blur(by_lightness[light], (SIDE, SIDE), anchor=(0, 0))
    total, count = np.zeros_like(padded), np.zeros_like(padded)
    # Blocks begin on the step's grid, up to the last whole one: row and column ranges of one tile at a time.
    lasts = padded.shape[0] - SIDE, padded.shape[1] - SIDE
    for top in range(0, lasts[0] + 1, _TILE):
        for left in range(0, lasts[1] + 1, _TILE):
            rows = slice(top, min(top + _TILE, lasts[0] + 1), step)
            columns = slice(left, min(left + _TILE, lasts[1] + 1), step)
            _threshold_tile(padded, level, rows, columns, spectrum * np.float32(threshold), total, count)
    inside = slice(border, border + height), slice(border, border + width)
    return np.asarray(total[inside] / count[inside], np.float32)


def _threshold_tile(
    padded: Plane, level: Plane, rows: slice, columns: slice, threshold: Plane, total: Plane, count: Plane
) -> None:
    windows = sliding_window_view(padded, (SIDE, SIDE))[rows, columns]
    down, across = windows.shape[:2]
    coefficients = windows.reshape(-1, SIDE * SIDE) @ _DCT.T
    scale = level[rows, columns].reshape(-1, 1)
    kept = np.abs(coefficients) > threshold * scale
    kept[:, 0] = True
    coefficients *= kept
    # Sparse blocks are more likely right (Guleryuz 2007): weight by one over the number of kept coefficients.
    weight = (1.0 / kept.sum(axis=1, dtype=np.float32)).astype(np.float32)
    blocks = ((coefficients * weight[:, None]) @ _DCT).reshape(down, across, SIDE, SIDE)
    weight = weight.reshape(down, across)
    for y in range(SIDE):
        for x in range(SIDE):
            place = (
                slice(rows.start + y, rows.start + y + down * rows.step, rows.step),
                slice(columns.start + x, columns.start + x + across * columns.step, columns.step),
            )
            total[place] += blocks[:, :, y, x]
            count[place] += weight


def noise_levels(pixels: Pixels) -> tuple[float, float, float]:
    """Standard deviation of the noise in luma, and in the two chroma planes (YCrCb) of what luma does not explain.

    A sensor reads each colour in other pixels, so its chroma noise goes its own way; the weave of a tinted cloth, or of a
    grey one under a lamp, is lighter and darker in one colour, and its chroma follows its luma.

    Args:
        pixels: height x width x 3, uint8, sRGB.

    Returns:
        Grey values; 0 under 32 pixels a side.
    """
    if min(pixels.shape[:2]) < 4 * SIDE:
        return 0.0, 0.0, 0.0
    luma, *chroma = (np.ascontiguousarray(plane) for plane in cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)))
    fine = _fine(luma)
    activity = cv2.blur(fine * fine, (SIDE, SIDE))
    quiet = activity <= np.quantile(activity, 0.1)
    power = max(float(np.square(fine[quiet]).sum()), 1e-3)
    planes = [luma.astype(np.float32)]
    for plane in chroma:
        follows = float((fine[quiet] * _fine(plane)[quiet]).sum()) / power
        planes.append(plane - np.float32(follows) * planes[0])
    spectra = [noise_spectrum(plane, luma, 6000)[0] for plane in planes]
    first, second, third = (float(np.sqrt(np.square(spectrum[1:]).mean())) for spectrum in spectra)
    return first, second, third


def _fine(plane: npt.NDArray[Any]) -> Plane:
    exact = plane.astype(np.float32)
    return np.asarray(exact - cv2.GaussianBlur(exact, (0, 0), 2.0), np.float32)


def noise_spectrum(
    plane: Plane, lightness: npt.NDArray[Any], blocks: int = 16_000, coarsest: float = 2.5
) -> tuple[Plane, Plane]:
    """The noise's standard deviation by DCT frequency, and its factor by lightness.

    Args:
        plane: height x width, float32 or uint8.
        lightness: the same shape, uint8.
        blocks: about how many are looked at.
        coarsest: most noise in the lowest frequencies as a multiple of that in the middle ones.

    Returns:
        64 deviations (the first, of the mean, is that of the lowest frequencies), float32; 256 factors by lightness,
        float32, about 1.
    """
    step = max(2, int(np.sqrt(plane.size / blocks)))
    values = _blocks(plane, step)
    light = np.rint((values if lightness is plane else _blocks(lightness, step)) @ _MEAN).astype(np.uint8)
    coefficients = values @ _DCT.T
    del values  # a block overlaps its neighbours: all of them are many times the photo
    open_range = (light > 6) & (light < 249)
    if np.count_nonzero(open_range) < 64:
        return np.zeros(SIDE * SIDE, np.float32), np.ones(256, np.float32)
    coefficients, light = coefficients[open_range], light[open_range]
    parts = np.array_split(coefficients, 8)
    fine, odd, even = np.concatenate([np.square(part) @ _SETS for part in parts]).T
    factors = _by_lightness(fine, light)
    scale = np.maximum(factors[light], 1e-3)
    # Texture would count as noise, so the quietest blocks speak. They are chosen by every other frequency and read at
    # the rest: blocks chosen by the numbers that are then read would be quiet by chance.
    spectrum = np.zeros(SIDE * SIDE)
    for chosen_by, read in ((odd, ~_ODD), (even, _ODD)):
        activity = chosen_by / np.square(scale)
        quiet = activity <= quantiles(activity, _QUIET)[0]
        scaled = coefficients[quiet][:, read] / scale[quiet, None]
        spectrum[read] = medians(np.abs(scaled)) / 0.6745
    # Smooth shading is strong in the lowest frequencies and nowhere else; noise, coarse as it may be, is not.
    most = coarsest * np.sqrt(np.square(spectrum[_MIDDLE]).mean())
    spectrum = np.minimum(spectrum, most)
    spectrum[0] = 0.0
    return spectrum.astype(np.float32), factors


def _blocks(plane: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """Return the 8 x 8 blocks that begin at every `step`-th row and column, one a row, float32."""
    return np.array(sliding_window_view(plane, (SIDE, SIDE))[::step, ::step], np.float32).reshape(-1, SIDE * SIDE)


def _by_lightness(activity: npt.NDArray[np.floating], light: npt.NDArray[Any]) -> Plane:
    """Relative noise by lightness: low quantiles of the fine activity in eight ranges of it, joined by lines.

    A range of which the photo shows only edges would look noisy. A sensor's noise, encoded as sRGB, is about even from
    mid grey upwards and up to three times as strong in the shade, so no range is believed beyond that.
    """
    centres, levels = [], []
    part = light >> 5
    for one in np.flatnonzero(np.bincount(part) >= 50):
        inside = part == one
        centres.append(float(light[inside].mean()))
        levels.append(math.sqrt(quantiles(activity[inside], 0.1)[0]))
    if not levels or max(levels) <= 0:
        return np.ones(256, np.float32)
    least = max(min(levels), 0.05)
    most = [least * (3.0 if centre < 96 else 1.5) for centre in centres]
    believed = np.clip(levels, least, most)
    factors = np.interp(np.arange(256), centres, believed / medians(believed))
    return factors.astype(np.float32)
