"""Denoising by what kind of noise there is: impulses by the median, all else by the sliding DCT.

The sliding DCT reads the noise's spectrum from the photo, and with it was the best on white and on camera noise, light
and strong; the table is in `docs/optimization.md`.
"""

from transforms.imaging.fixes.median import impulse_share, remove_impulses
from transforms.imaging.fixes.sliding_dct import denoise_sliding_dct
from transforms.imaging.types import Pixels

IMPULSES = 0.004
"""Share of samples from which impulses are taken for noise: clean photos' sparkle and seams stay under .1 %."""


def denoise(pixels: Pixels, strength: float = 1.0) -> Pixels:
    """Remove the noise that the photo shows.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: multiple of the default thresholds of the sliding DCT.
    """
    if impulse_share(pixels) > IMPULSES:
        pixels = remove_impulses(pixels)
    return denoise_sliding_dct(pixels, strength)
