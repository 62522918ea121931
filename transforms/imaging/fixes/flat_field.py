"""Flat field: slow changes of light over the photo are divided out, as a photographer does with a shot of an empty
table.

Source: the flat-field correction of astronomy and microscopy, its field estimated from the photo itself by a wide
Gaussian after Leong, Brady and McGee, "Correction of uneven illumination (vignetting) in digital microscopy images",
Journal of Clinical Pathology 2003.
"""

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import luminance, to_bytes, to_linear
from transforms.imaging.types import Pixels

_WORKING_SIDE = 256
_ROWS = 256
"""Rows at a time, so that memory is that of a strip."""


def light_field(pixels: Pixels, sigma: float = 1 / 6) -> npt.NDArray[np.float32]:
    """How light falls over the photo: linear luminance, widely smoothed in stops, float32, height x width, median 1.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        sigma: of the Gaussian, as a share of the longer side.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    stops = np.log2(luminance(small) + 0.004)
    wide = cv2.GaussianBlur(stops, (0, 0), max(sigma * max(size), 0.5), borderType=cv2.BORDER_REFLECT)
    field = np.exp2(wide - np.median(wide)).astype(np.float32)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def level_light(pixels: Pixels, strength: float = 0.8, most: float = 2.0) -> Pixels:
    """Divide linear light by the field to the power of `strength`; the lightest part is never pushed over the top.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: 0..1.
        most: stops by which any part may be raised.
    """
    if min(pixels.shape[:2]) < 2:
        return pixels.copy()
    field = np.maximum(light_field(pixels), 2.0**-most / 2) ** np.float32(-strength)
    gain = np.clip(field, 2.0**-most, 2.0**most)
    mended = np.empty_like(pixels)
    for top in range(0, pixels.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        mended[rows] = _multiply(pixels[rows], gain[rows])
    return mended


def _multiply(pixels: Pixels, gain: npt.NDArray[np.float32]) -> Pixels:
    """Linear light times the gain; what a gain would clip is held at white, with its colour."""
    linear = to_linear(pixels)
    peak = np.maximum(linear.max(axis=2), 1e-4)
    gain = np.where(gain > 1, np.minimum(gain, np.maximum(1.0 / peak, 1.0)), gain)
    return to_bytes(linear * gain[..., None])
