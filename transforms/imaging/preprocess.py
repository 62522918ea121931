"""Prepare the copy of a photo that is analysed; what is delivered is never made from these.

The other classic steps are the operations' own functions, on any copy: `fixes.baselines.equalize` (histogram equalization),
`fixes.contrast.stretch` (contrast stretching), `fixes.white_balance.shades_of_grey` and `ground_light` (the light's colour).
"""

import cv2
import numpy as np

from transforms.imaging.types import Pixels


def smooth_gaussian(pixels: Pixels, side: int = 3) -> Pixels:
    """Average each pixel with its neighbours by a Gaussian, so that single pixels' noise draws no borders.

    Args:
        pixels: height x width x 3, uint8.
        side: of the window in px, odd; sigma is .3 * ((side - 1) / 2 - 1) + .8, OpenCV's rule.

    Returns:
        The same shape. A flat photo stays as it is; no value leaves the range of those around it.
    """
    return np.asarray(cv2.GaussianBlur(pixels, (side, side), 0), np.uint8)


def smooth_median(pixels: Pixels, side: int = 3) -> Pixels:
    """Replace each channel's value by its window's median, which removes impulses and keeps edges (Tukey, 1977).

    Args:
        pixels: height x width x 3, uint8.
        side: of the window in px, odd.

    Returns:
        The same shape; only values that stand in the window.
    """
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(pixels), side), np.uint8)
