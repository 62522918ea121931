"""CIEDE2000: how different two colours look; about 1 is just visible, 2 to 3 is noticed side by side.

Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data,
and mathematical observations", Color Research and Application 2005.
"""

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

Plane = npt.NDArray[np.float32]


def to_lab(pixels: Pixels) -> Plane:
    """CIELAB (D65) of sRGB bytes: height x width x 3, float32, L 0..100, a and b about -110..110."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab), np.float32)


def mean_ciede2000(pixels: Pixels, reference: Pixels) -> float:
    """Mean CIEDE2000 over all pixels of two photos of the same size: 0 is the same; uint8 sRGB, height x width x 3."""
    return float(ciede2000(to_lab(pixels), to_lab(reference)).mean())


def ciede2000(lab: Plane, reference: Plane) -> Plane:
    """CIEDE2000 for each pair of CIELAB colours.

    Args:
        lab: any shape ending in 3, float; L 0..100.
        reference: the same shape.

    Returns:
        float32, the shape without its last axis, 0 or more.
    """
    light1, a1, b1 = np.moveaxis(np.asarray(lab), -1, 0)
    light2, a2, b2 = np.moveaxis(np.asarray(reference), -1, 0)
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0**7))
    chroma1, chroma2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    hue1 = np.degrees(np.arctan2(b1, a1 * stretch)) % 360
    hue2 = np.degrees(np.arctan2(b2, a2 * stretch)) % 360

    grey = chroma1 * chroma2 == 0
    turn = hue2 - hue1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    turn = np.where(grey, 0, turn)
    hue_difference = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2))

    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    total = hue1 + hue2
    far = np.abs(hue1 - hue2) > 180
    hue = np.where(grey, total, np.where(~far, total / 2, np.where(total < 360, (total + 360) / 2, (total - 360) / 2)))

    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    off50 = (light - 50) ** 2
    d_light = (light2 - light1) / (1 + 0.015 * off50 / np.sqrt(20 + off50))
    d_chroma = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    d_hue = hue_difference / (1 + 0.015 * chroma * t)
    chroma7 = chroma**7
    rotation = -2 * np.sqrt(chroma7 / (chroma7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    square = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)
