"""How strong a photo's noise is, robustly: edges and texture count little, coarse-grained noise is found at half size.

Sources: Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994 (median of the
finest diagonal Haar coefficients).
"""

import cv2
import numpy as np
import numpy.typing as npt


def noise_level(plane: npt.NDArray[np.uint8]) -> float:
    """Standard deviation of the noise in grey values: the larger of that at full size and twice that at half size.

    Noise of neighbouring pixels is independent in a raw photo, and halving divides it by two; what a camera or a JPEG
    smoothed is coarser and is divided by less.

    Args:
        plane: height x width, uint8.

    Returns:
        0 or more; 0.0 where the plane is smaller than 16 pixels either way.
    """
    if min(plane.shape) < 16:
        return 0.0
    half = np.asarray(
        cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )
    return max(diagonal_level(plane), 2.0 * diagonal_level(half))


def diagonal_level(plane: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> float:
    """Standard deviation of white noise in `plane` (height x width) from its finest diagonal Haar coefficients."""
    height, width = (side - side % 2 for side in plane.shape)
    even = plane[:height, :width].astype(np.float32)
    diagonal = (even[0::2, 0::2] - even[0::2, 1::2] - even[1::2, 0::2] + even[1::2, 1::2]) / 2.0
    return float(np.median(np.abs(diagonal)) / 0.6745)
