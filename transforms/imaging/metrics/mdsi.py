"""MDSI: the deviation of gradient and chroma similarity; 0 is the same photo, higher is worse.

Source: Nafchi, Shahkolaei, Hedjam and Cheriet, "Mean deviation similarity index: efficient and reliable full-reference
image quality evaluator", IEEE Access 2016; constants as given there.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

Plane = npt.NDArray[Any]

_C1, _C2, _C3 = 140.0, 55.0, 550.0
_GRADIENT_SHARE = 0.6
_POWER, _ROOT = 0.25, 0.25
_PREWITT = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]], np.float32) / 3
_CHANNELS = np.array([[0.2989, 0.5870, 0.1140], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]], np.float32)
"""Luminance and the two chromaticity channels H and M of RGB."""


def mdsi(pixels: Pixels, reference: Pixels) -> float:
    """How far `pixels` are from `reference`: both height x width x 3, uint8, sRGB, of the same size; 0 or more."""
    light1, h1, m1 = _channels(reference)
    light2, h2, m2 = _channels(pixels)
    edge1, edge2, fused = _gradient(light1), _gradient(light2), _gradient((light1 + light2) / 2)
    gradients = _similar(edge1, edge2, _C1) + _similar(edge2, fused, _C2) - _similar(edge1, fused, _C2)
    chroma = (2 * (h1 * h2 + m1 * m2) + _C3) / (h1**2 + h2**2 + m1**2 + m2**2 + _C3)
    together = _GRADIENT_SHARE * gradients + (1 - _GRADIENT_SHARE) * chroma
    # A negative similarity has a complex root, as in the source.
    rooted = np.power(together.astype(np.complex64), _POWER)
    return float(np.abs(rooted - rooted.mean()).mean() ** _ROOT)


def _channels(pixels: Pixels) -> tuple[Plane, Plane, Plane]:
    factor = max(1, round(min(pixels.shape[:2]) / 256))
    photo: Plane = pixels.astype(np.float32)
    if factor > 1:
        photo = cv2.blur(photo, (factor, factor), borderType=cv2.BORDER_REFLECT)[::factor, ::factor]
    first, second, third = np.moveaxis(photo @ _CHANNELS.T, -1, 0)
    return np.ascontiguousarray(first), second, third


def _gradient(light: Plane) -> Plane:
    across = cv2.filter2D(light, -1, _PREWITT, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(light, -1, _PREWITT.T, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _similar(one: Plane, other: Plane, constant: float) -> Plane:
    return (2 * one * other + constant) / (one**2 + other**2 + constant)
