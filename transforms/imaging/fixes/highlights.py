"""Highlight roll-off: bright but not yet clipped tones are brought down on a shoulder, so that detail in them shows.

What is clipped carries nothing and stays white. Source: the curve with a white point of Reinhard et al., "Photographic
tone reproduction for digital images", SIGGRAPH 2002, turned around a knee.
"""

import numpy as np

from transforms.imaging.fixes.light import TO_LINEAR, to_bytes
from transforms.imaging.types import Pixels


def roll_off(pixels: Pixels, strength: float = 0.5, knee: float = 0.45) -> Pixels:
    """Darken tones between `knee` and white, the middle of them by up to half at full strength; white stays white.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        strength: 0..1.
        knee: linear light 0..1 below which nothing changes.
    """
    peak = np.maximum(TO_LINEAR, 1e-6)
    share = np.clip((peak - knee) / (1 - knee), 0, 1)
    # 0 and 1 stay where they are, the slope at the knee stays 1 for strength 0 and falls with it.
    lowered = knee + (1 - knee) * share / (1 + 2 * strength * (1 - share))
    factor = np.where(peak > knee, lowered / peak, 1.0)
    table = to_bytes(TO_LINEAR[None, :] * factor[:, None].astype(np.float32)).ravel()
    index = pixels.max(axis=2).astype(np.uint16)[..., None] << 8
    return table[index | pixels]
