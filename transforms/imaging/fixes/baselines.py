"""What is usually done to photos, kept for comparison: alpha and beta, histogram equalization, CLAHE.

No mend uses them; `docs/optimization.md` has the harm that they do. Sources: OpenCV's `convertScaleAbs`; Gonzalez and
Woods, "Digital Image Processing" (equalization); Zuiderveld, "Contrast limited adaptive histogram equalization",
Graphics Gems IV 1994.
"""

import cv2
import numpy as np

from transforms.imaging.types import Pixels


def alpha_beta(pixels: Pixels, alpha: float = 1.3, beta: float = 20.0) -> Pixels:
    """Contrast by a factor and brightness by an offset in encoded values, clipped: alpha * value + beta."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(pixels * np.float32(alpha) + np.float32(beta), 0)), np.uint8)


def equalize(pixels: Pixels) -> Pixels:
    """Histogram equalization of luma; chroma stays."""
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    planes[..., 0] = cv2.equalizeHist(np.ascontiguousarray(planes[..., 0]))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)


def clahe(pixels: Pixels, limit: float = 2.0, tiles: int = 8) -> Pixels:
    """Equalization of luma in `tiles` x `tiles` parts with the slope held to `limit`; chroma stays."""
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    operator = cv2.createCLAHE(clipLimit=limit, tileGridSize=(tiles, tiles))
    planes[..., 0] = operator.apply(np.ascontiguousarray(planes[..., 0]))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)
