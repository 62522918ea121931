"""Deblocking and de-ringing: the photo is compressed again on shifted grids, as strongly as it was, and averaged.

The blocks and rings of one grid are cut by the next one; what all grids agree on is the photo. Nothing is guessed: the
strength is the quantization that the file itself names.

Source: Nosratinia, "Denoising of JPEG images by re-application of JPEG", Journal of VLSI Signal Processing 2001.
"""

import cv2
import numpy as np

from transforms.imaging.types import Pixels

SHIFTS = ((0, 4), (4, 0), (4, 4), (2, 2), (2, 6), (6, 2), (6, 6), (1, 5), (5, 1), (3, 3), (7, 7))
"""Rows and columns by which the grid is moved: spread over the 64 places, the old grid left out."""


def deblock(pixels: Pixels, quality: int, strength: float = 0.6) -> Pixels:
    """Remove what JPEG compression of `quality` added.

    Args:
        pixels: height x width x 3, uint8, sRGB, as decoded.
        quality: 1..100, of the file that they were decoded from.
        strength: 0..1, the share of the change that is made; .6 came closest to the originals in all metrics.

    Raises:
        ValueError: for a quality out of range.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG qualities are 1 to 100: {quality}")
    if min(pixels.shape[:2]) < 8 or strength <= 0:
        return pixels.copy()
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), 8, 16, 8, 16, cv2.BORDER_REFLECT_101)
    total = np.zeros(pixels.shape, np.uint16)
    for down, across in SHIFTS:
        moved = padded[down : down + height + 16, across : across + width + 16]
        blob = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        again = np.asarray(cv2.imdecode(blob, cv2.IMREAD_COLOR), np.uint8)
        top, left = 8 - down, 8 - across
        total += again[top : top + height, left : left + width]
    mean = np.asarray(cv2.convertScaleAbs(total, alpha=1.0 / len(SHIFTS)), np.uint8)
    mended = cv2.cvtColor(mean, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.addWeighted(pixels, 1.0 - strength, mended, strength, 0.0), np.uint8)
