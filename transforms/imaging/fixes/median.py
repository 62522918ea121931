"""Median of impulses: pixels far outside their neighbours' range are replaced by the neighbours' median, all else
stays.

Source: Wang and Zhang, "Progressive switching median filter for the removal of impulse noise from highly corrupted
images", IEEE TCAS-II 1999 (switching: only what is detected is replaced).
"""

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels


def impulses(pixels: Pixels, distance: int = 40) -> npt.NDArray[np.bool_]:
    """Where a sample is darker or lighter than all eight neighbours by more than `distance`; per sample, bool."""
    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
    above = cv2.subtract(pixels, cv2.dilate(pixels, ring))
    below = cv2.subtract(cv2.erode(pixels, ring), pixels)
    return np.asarray((above > distance) | (below > distance))


def impulse_share(pixels: Pixels, distance: int = 40) -> float:
    """Share 0..1 of samples that are impulses."""
    return float(impulses(pixels, distance).mean())


def remove_impulses(pixels: Pixels, distance: int = 40, rounds: int = 3) -> Pixels:
    """Replace impulses by the median of their 3 x 3 neighbours, until few are left or the rounds are over.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        distance: grey values, 1..254, by which an impulse exceeds all neighbours.
        rounds: the most passes; dense impulses hide each other.
    """
    mended = pixels
    for _ in range(rounds):
        found = impulses(mended, distance)
        if not found.any():
            break
        mended = np.where(found, cv2.medianBlur(mended, 3), mended)
    return mended.copy() if mended is pixels else mended
