"""Non-local means: patches that look alike, wherever they are nearby, are averaged.

Source: Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005. A fixed filter strength harms;
here it follows the noise.
"""

import cv2
import numpy as np

from transforms.imaging.fixes.noise_level import noise_level
from transforms.imaging.types import Pixels


def denoise_nonlocal_means(pixels: Pixels, strength: float = 0.8, window: int = 15) -> Pixels:
    """Average alike patches, filter strength `strength` times the noise found in luma and in chroma.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: multiple of the noise's standard deviation.
        window: side of the search window, pixels, odd; time grows with its square.
    """
    if min(pixels.shape[:2]) < 16 or strength <= 0:
        return pixels.copy()
    planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb), np.uint8)
    mended = np.empty_like(planes)
    for channel in range(3):
        plane = np.ascontiguousarray(planes[..., channel])
        level = noise_level(plane)
        mended[..., channel] = (
            cv2.fastNlMeansDenoising(plane, None, strength * level, 5, window) if level > 0 else plane
        )
    return np.asarray(cv2.cvtColor(mended, cv2.COLOR_YCrCb2RGB), np.uint8)
