"""Contrast stretch: the darkest and lightest half per cent become the ends of a wider range, one line for all
channels.

Source: Gonzalez and Woods, "Digital Image Processing", section on contrast stretching (percentile form).
"""

import numpy as np

from transforms.imaging.types import Pixels


def stretch_ends(pixels: Pixels, share: float = 0.5) -> tuple[float, float]:
    """The values 0..255 below and above which `share` per cent of the photo's luma lies.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        share: per cent at each end.
    """
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = np.percentile(luma, [share, 100.0 - share])
    return float(low), float(high)


def stretch(pixels: Pixels, low: float, high: float, to_low: float = 0.0, to_high: float = 255.0) -> Pixels:
    """Map `low` to `to_low` and `high` to `to_high` on a straight line, clipped to 0..255.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        low, high: values 0..255 with low < high.
        to_low, to_high: where they go, 0..255.

    Raises:
        ValueError: where low is not below high (a photo of one value has nothing to stretch).
    """
    if not high > low:
        raise ValueError(f"nothing to stretch between {low} and {high}")
    value = (np.arange(256) - low) * ((to_high - to_low) / (high - low)) + to_low
    table = np.rint(np.clip(value, 0, 255)).astype(np.uint8)
    return table[pixels]
