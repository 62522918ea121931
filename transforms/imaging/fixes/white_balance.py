"""White balance: one gain a channel in linear light, so that what is known to be neutral becomes neutral.

Sources: von Kries (one gain a channel); Finlayson and Trezzi, "Shades of gray and colour constancy", CIC 2004 (the
Minkowski mean with p = 6 as the light's colour). The known-neutral ground comes first: a studio's plain light border
is white or grey.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.illuminant import (
    DOUBT,
    DOUBT_OF_WARMTH,
    DOUBT_ON_GROUND,
    Illuminant,
    beyond_doubt,
    find_illuminant,
)
from transforms.imaging.fixes.light import TO_LINEAR, to_bytes
from transforms.imaging.quantiles import byte_quantiles
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
    found = [byte_quantiles(channel, 0.25, 0.5, 0.75) for channel in cv2.split(_frame(pixels, border)[None])]
    if max(high - low for low, _, high in found) > spread or max(middle for _, middle, _ in found) < lightness:
        return None
    red, green, blue = (float(TO_LINEAR[round(middle)]) for _, middle, _ in found)
    return red, green, blue


def shades_of_grey(pixels: Pixels, power: float = 6.0) -> Gains | None:
    """The light's colour as the Minkowski mean of linear light; None for a photo that is black or clipped throughout.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        power: 1 is grey world, infinity is white patch; 6 did best in the source.
    """
    peak = cv2.max(cv2.max(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    lit = cv2.inRange(peak, 9, 249)
    count = cv2.countNonZero(lit)
    if count < 16:
        return None
    # By table: 256 powers instead of one for each sample.
    mean = cv2.mean(cv2.LUT(pixels, TO_LINEAR**power), lit)
    red, green, blue = (value ** (1.0 / power) for value in mean[:3])
    return red, green, blue


def known_light(pixels: Pixels) -> tuple[Gains | None, bool]:
    """The light's colour, and whether a plain light ground proves it.

    A ground may itself be coloured: it is believed only where surfaces and edges do not contradict it.

    Args:
        pixels: height x width x 3, uint8, sRGB.

    Returns:
        Linear light (None where there is nothing to go by); True for a proven one.
    """
    ground, seen = ground_light(pixels), common_light(pixels)
    if ground is None:
        return seen, False
    if seen is None or abs(warmth(ground) - warmth(seen)) < max(0.5, 0.6 * abs(warmth(ground))):
        return ground, True
    return seen, False


_AGREED = 0.3
"""log2 of red to blue by which a ground's colour may differ from the light's."""


def coloured_light(pixels: Pixels) -> tuple[Illuminant, bool] | None:
    """The light where it is coloured beyond doubt, and whether a plain light ground proves it; None where the ground has
    another colour than the light, too: what is known to be neutral comes first.

    Args:
        pixels: height x width x 3, uint8, sRGB.
    """
    found, ground = find_illuminant(pixels), ground_light(pixels)
    if ground is not None and abs(warmth(ground) - found.warm) > _AGREED:
        return None
    return (found, ground is not None) if beyond_doubt(found, allowed_doubt(found, ground is not None)) else None


def allowed_doubt(found: Illuminant, proven: bool) -> float:
    """The most doubt with which that light may be taken away."""
    if proven:
        return DOUBT_ON_GROUND
    return DOUBT if found.warm < 0 else DOUBT_OF_WARMTH


def common_light(pixels: Pixels) -> Gains | None:
    """The light's colour where its two witnesses agree: bright surfaces, and the edges between surfaces.

    A red bag tints the first witness and not the second, a print the second and not the first; a lamp tints both.
    Along warm to cold and along green to magenta the lesser of the two is taken, or none where they contradict each
    other.

    Sources: shades of grey with p = 10 as above; van de Weijer, Gevers and Gijsenij, "Edge-based color constancy",
        IEEE TIP 2007 (grey edge, p = 6).

    Args:
        pixels: height x width x 3, uint8, sRGB.

    Returns:
        Linear light with green at 1; None where there is nothing to go by.
    """
    surfaces, edges = _witnesses(pixels)
    if surfaces is None or edges is None:
        return None
    warm = _lesser(warmth(surfaces), warmth(edges))
    magenta = _lesser(_magenta(surfaces), _magenta(edges))
    return 2.0 ** (magenta + warm / 2), 1.0, 2.0 ** (magenta - warm / 2)


def _witnesses(pixels: Pixels) -> tuple[Gains | None, Gains | None]:
    small = _small(pixels)
    return shades_of_grey(small, 10.0), grey_edge(small)


def _small(pixels: Pixels, side: int = 256) -> Pixels:
    scale = min(1.0, side / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


_NO_SLOPE = 1e-10
"""Squares of slopes below this are rounding."""


def grey_edge(pixels: Pixels, power: float = 6.0) -> Gains | None:
    """The light's colour as the Minkowski mean of linear light's gradients; None for a photo without any edge."""
    if min(pixels.shape[:2]) < 3:
        return None
    smooth = cv2.GaussianBlur(cv2.LUT(pixels, TO_LINEAR), (0, 0), 1.0)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    squared = cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))
    # What rounding leaves on a flat ground has powers so small that each takes a hundred times as long.
    steep = cv2.threshold(squared, _NO_SLOPE, 0, cv2.THRESH_TOZERO)[1]
    mean = np.array(cv2.mean(cv2.pow(steep, power / 2))[:3]) ** (1.0 / power)
    if mean.min() <= 1e-4:
        return None
    red, green, blue = mean.tolist()
    return red, green, blue


def _magenta(light: Gains) -> float:
    return math.log2(max(light[0] * light[2], 1e-8)) / 2 - math.log2(max(light[1], 1e-4))


def _lesser(one: float, other: float) -> float:
    return 0.0 if one * other <= 0 else min(one, other, key=abs)


def warmth(light: Gains) -> float:
    """How warm (above 0) or cold (below 0) a light is: log2 of its red to its blue."""
    return math.log2(max(light[0], 1e-4) / max(light[2], 1e-4))


def balance_gains(light: Gains, strength: float = 1.0, limit: float = 3.5) -> Gains:
    """Gains that turn `light` neutral, each within 1..`limit`.

    The light's strongest channel stays as it is and the others come up to it: what the lamp left of white is not clipped,
    and a photo is not darkened by losing a tint.

    Args:
        light: linear red, green and blue of something known to be neutral.
        strength: 0..1, the share of the cast (in log light) that is taken away.
        limit: the largest factor.
    """
    colour = np.maximum(np.asarray(light, np.float64), 1e-4)
    gains = (colour.max() / colour) ** strength
    red, green, blue = np.clip(gains, 1.0, limit).tolist()
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
