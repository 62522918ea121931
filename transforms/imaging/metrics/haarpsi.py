"""HaarPSI: similarity of Haar wavelet responses, weighted by where the coarse ones are strong; 1 is the same photo.

Source: Reisenhofer, Bosse, Kutyniok and Wiegand, "A Haar wavelet-based perceptual similarity index for image quality
assessment", Signal Processing: Image Communication 2018; colour form, constants as given there.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

Plane = npt.NDArray[Any]

_C, _ALPHA = 30.0, 4.2
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)


def haarpsi(pixels: Pixels, reference: Pixels) -> float:
    """How similar two photos look: both height x width x 3, uint8, sRGB, of the same size; 0..1, higher is closer."""
    luma1, i1, q1 = _channels(reference)
    luma2, i2, q2 = _channels(pixels)
    similarities: list[Plane] = []
    weights: list[Plane] = []
    for turned in (False, True):
        one = [_haar(luma1, scale, turned) for scale in (1, 2, 3)]
        other = [_haar(luma2, scale, turned) for scale in (1, 2, 3)]
        similarities.append((_similar(one[0], other[0]) + _similar(one[1], other[1])) / 2)
        weights.append(np.maximum(one[2], other[2]))
    colour = [_similar(_mean(one), _mean(other)) for one, other in ((i1, i2), (q1, q2))]
    similarities.append((colour[0] + colour[1]) / 2)
    weights.append((weights[0] + weights[1]) / 2)
    total = float(sum(weight.sum(dtype=np.float64) for weight in weights))
    if total == 0:
        # No coarse structure in either photo: all places count alike.
        weights, total = [np.ones_like(one) for one in weights], float(sum(one.size for one in weights))
    mean = sum(
        float((_sigmoid(similar) * weight).sum(dtype=np.float64))
        for similar, weight in zip(similarities, weights, strict=True)
    )
    mean /= total
    return float((np.log(mean / (1 - mean)) / _ALPHA) ** 2)


def _channels(pixels: Pixels) -> tuple[Plane, Plane, Plane]:
    photo = cv2.blur(pixels.astype(np.float32), (2, 2), borderType=cv2.BORDER_REFLECT)[::2, ::2]
    luma, i, q = np.moveaxis(photo @ _YIQ.T, -1, 0)
    return np.ascontiguousarray(luma), np.ascontiguousarray(i), np.ascontiguousarray(q)


def _haar(luma: Plane, scale: int, turned: bool) -> Plane:
    side = 2**scale
    kernel = np.full((side, side), 2.0**-scale, np.float32)
    kernel[: side // 2] *= -1
    return np.abs(cv2.filter2D(luma, -1, kernel.T if turned else kernel, borderType=cv2.BORDER_CONSTANT))


def _mean(plane: Plane) -> Plane:
    return np.abs(cv2.blur(plane, (2, 2), borderType=cv2.BORDER_CONSTANT))


def _similar(one: Plane, other: Plane) -> Plane:
    return (2 * one * other + _C) / (one**2 + other**2 + _C)


def _sigmoid(value: Plane) -> Plane:
    return 1 / (1 + np.exp(-_ALPHA * value))
