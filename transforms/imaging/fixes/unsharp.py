"""Unsharp masking for mild blur: luma's difference from its own blur is added, small differences (noise) left out.

Source: Polesel, Ramponi and Mathews, "Image enhancement via adaptive unsharp masking", IEEE TIP 2000 (a dead zone for
noise, a limit against halos).
"""

import cv2
import numpy as np

from transforms.imaging.fixes.noise_level import noise_level
from transforms.imaging.types import Pixels


def sharpen(pixels: Pixels, sigma: float = 1.0, amount: float = 0.6, halo: float = 0.0) -> Pixels:
    """Sharpen luma; chroma stays, so that no edge takes a new colour.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        sigma: of the blur to undo, pixels, above 0.
        amount: how much of the difference is added; .5 is mild.
        halo: grey values by which a pixel may leave the range of its 3 x 3 neighbours.
    """
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    luma = np.ascontiguousarray(planes[..., 0])
    dead = 2.0 * noise_level(np.asarray(luma, np.uint8))
    light = luma.astype(np.float32)
    difference = light - cv2.GaussianBlur(light, (0, 0), sigma)
    difference = np.sign(difference) * np.maximum(np.abs(difference) - dead, 0)
    sharper = light + np.float32(amount) * difference
    around = np.ones((3, 3), np.uint8)
    sharper = np.clip(sharper, cv2.erode(light, around) - halo, cv2.dilate(light, around) + halo)
    planes[..., 0] = cv2.convertScaleAbs(np.maximum(sharper, 0))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)
