"""White balance: one gain a channel in linear light, so that what is known to be neutral becomes neutral.

Sources: von Kries (one gain a channel); Finlayson and Trezzi, "Shades of gray and colour constancy", CIC 2004 (the
Minkowski mean with p = 6 as the light's colour). The known-neutral ground comes first: a studio's plain light border
is white or grey.
"""

import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import TO_LINEAR, to_bytes, to_linear
from transforms.imaging.types import Pixels

Gains = tuple[float, float, float]

NEUTRAL: Gains = (1.0, 1.0, 1.0)


def ground_light(pixels: Pixels, border: float = 0.04, spread: float = 12.0, lightness: float = 120.0) -> Gains | None:
    """The light's colour as read from a plain light border, or None where the border is not plain or not light.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        border: the frame's width as a share of the shorter side.
        spread: the largest distance, in grey values, between the frame's lower and upper quarter in any channel.
        lightness: the least median grey value of the lightest channel.
    """
    frame = _frame(pixels, border)
    low, middle, high = np.percentile(frame, [25, 50, 75], axis=0)
    if (high - low).max() > spread or middle.max() < lightness:
        return None
    red, green, blue = (float(value) for value in to_linear(np.rint(middle).astype(np.uint8)))
    return red, green, blue


def shades_of_grey(pixels: Pixels, power: float = 6.0) -> Gains | None:
    """The light's colour as the Minkowski mean of linear light; None for a photo that is black or clipped throughout.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        power: 1 is grey world, infinity is white patch; 6 did best in the source.
    """
    peak = pixels.max(axis=2)
    lit = pixels[(peak > 8) & (peak < 250)]
    if lit.shape[0] < 16:
        return None
    # By histogram: 256 sums instead of a power for each sample.
    raised = TO_LINEAR.astype(np.float64) ** power
    mean = [float((np.bincount(lit[:, channel], minlength=256) * raised).sum() / lit.shape[0]) for channel in range(3)]
    red, green, blue = (value ** (1.0 / power) for value in mean)
    return red, green, blue


def balance_gains(light: Gains, strength: float = 1.0, limit: float = 2.0) -> Gains:
    """Gains that turn `light` neutral at the same luminance, each within 1/`limit`..`limit`.

    Args:
        light: linear red, green and blue of something known to be neutral.
        strength: 0..1, the share of the cast (in log light) that is taken away.
        limit: the largest factor either way.
    """
    colour = np.maximum(np.asarray(light, np.float64), 1e-4)
    gains = (colour.mean() / colour) ** strength
    gains /= np.sum(gains * colour * (0.2126, 0.7152, 0.0722)) / np.sum(colour * (0.2126, 0.7152, 0.0722))
    red, green, blue = np.clip(gains, 1.0 / limit, limit).tolist()
    return red, green, blue


def balance(pixels: Pixels, gains: Gains) -> Pixels:
    """Multiply each channel's linear light by its gain.

    What passes the range is clipped; the guard counts it.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        gains: factors for red, green and blue, above 0.
    """
    if min(gains) <= 0 or not np.isfinite(gains).all():
        raise ValueError(f"gains are above 0: {gains}")
    return np.stack([to_bytes(TO_LINEAR * gain)[pixels[..., channel]] for channel, gain in enumerate(gains)], axis=-1)


def _frame(pixels: Pixels, border: float) -> npt.NDArray[np.uint8]:
    wide = max(1, round(border * min(pixels.shape[:2])))
    parts = (pixels[:wide], pixels[-wide:], pixels[:, :wide], pixels[:, -wide:])
    return np.concatenate([part.reshape(-1, 3) for part in parts])
