"""Bilateral denoising: neighbours are averaged as far as they look alike.

Source: Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
"""

import cv2
import numpy as np

from transforms.imaging.fixes.noise_level import noise_level
from transforms.imaging.types import Pixels


def denoise_bilateral(pixels: Pixels, strength: float = 3.0, reach: float = 1.8) -> Pixels:
    """Average within `strength` times the noise found in luma.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: multiple of the noise's standard deviation below which two values count as alike.
        reach: standard deviation of the neighbourhood in pixels.
    """
    level = noise_level(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8))
    if level <= 0 or strength <= 0:
        return pixels.copy()
    return np.asarray(cv2.bilateralFilter(pixels, 7, strength * level, reach), np.uint8)
