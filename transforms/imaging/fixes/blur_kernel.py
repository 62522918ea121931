"""The kernel of a blur: a Gaussian's width or a motion line's length and angle, from the sharpest edges of the photo.

Edges of a product are steps before they are blurred. A step blurred by a Gaussian of sigma and blurred again by a
known one has a gradient that falls by a ratio which tells sigma; taken in directions all around, the ratio tells
motion from defocus.

Source: Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 2011 (ratio of gradients).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

Plane = npt.NDArray[np.float32]

_AGAIN = 1.5
"""Sigma of the second, known blur, in pixels."""
_DIRECTIONS = 8
_LEAST_EDGES = 40
_MOST_SIDE = 1200


@dataclass(frozen=True, slots=True)
class Blur:
    """An estimated blur.

    `sigma` is of the Gaussian in pixels (0 for pure motion); `length` and `angle` (degrees from the x axis, 0..180)
    are of the motion line (length 0 without); `confidence` is 0..1: how alike the edges' own estimates are.
    """

    sigma: float
    length: float
    angle: float
    confidence: float

    def kernel(self) -> Plane:
        """The point spread function, odd sides, sum 1, float32."""
        return motion_kernel(self.length, self.angle) if self.length > 0 else gaussian_kernel(self.sigma)


def gaussian_kernel(sigma: float) -> Plane:
    """A Gaussian, cut at three sigma; sum 1."""
    one = cv2.getGaussianKernel(2 * max(1, int(np.ceil(3 * sigma))) + 1, sigma, cv2.CV_32F)
    return np.asarray(one @ one.T, np.float32)


def motion_kernel(length: float, angle: float) -> Plane:
    """A line of `length` pixels at `angle` degrees from the x axis, drawn with shares of pixels; sum 1."""
    side = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((side, side), np.float64)
    along = np.linspace(-length / 2, length / 2, max(2, int(8 * length)))
    x = side // 2 + along * np.cos(np.radians(angle))
    y = side // 2 - along * np.sin(np.radians(angle))
    for down in (0, 1):
        for across in (0, 1):
            rows, columns = np.floor(y).astype(int) + down, np.floor(x).astype(int) + across
            np.add.at(kernel, (rows, columns), (1 - np.abs(y - rows)) * (1 - np.abs(x - columns)))
    return np.asarray(kernel / kernel.sum(), np.float32)


def estimate_blur(pixels: Pixels, least: float = 0.5) -> Blur | None:
    """Estimate the blur of a photo; None where it has too few clear edges, or is sharp.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        least: sigma in pixels under which a photo counts as sharp.
    """
    if min(pixels.shape[:2]) < 32:
        return None
    luma = np.asarray(cv2.cvtColor(_middle(pixels), cv2.COLOR_RGB2GRAY), np.float32)
    widths = [_width(luma, 180.0 * number / _DIRECTIONS) for number in range(_DIRECTIONS)]
    known = [(number, *width) for number, width in enumerate(widths) if width is not None]
    if len(known) < _DIRECTIONS // 2:
        return None
    sigmas = np.array([sigma for _, sigma, _ in known])
    spreads = np.array([spread for _, _, spread in known])
    confidence = float(np.clip(1.0 - np.median(spreads), 0.0, 1.0))
    # Motion widens edges across its line and leaves those along it: the widest direction against the narrowest.
    widest, narrowest = int(sigmas.argmax()), float(sigmas.min())
    if sigmas[widest] > 1.6 * max(narrowest, 0.6) and sigmas[widest] > 1.0:
        # A line of length l has the variance l^2 / 12.
        spread = np.sqrt(max(sigmas[widest] ** 2 - narrowest**2, 0.0))
        return Blur(0.0, float(np.sqrt(12.0) * spread), 180.0 * known[widest][0] / _DIRECTIONS, confidence)
    sigma = float(np.median(sigmas))
    return Blur(sigma, 0.0, 0.0, confidence) if sigma >= least else None


def _middle(pixels: Pixels) -> Pixels:
    """The middle of the photo at its own scale, where the product is; edges enough, and a bound on time."""
    top, left = (max((side - _MOST_SIDE) // 2, 0) for side in pixels.shape[:2])
    return pixels[top : top + _MOST_SIDE, left : left + _MOST_SIDE]


def _width(luma: Plane, angle: float) -> tuple[float, float] | None:
    """Sigma of edges crossed in the direction of `angle` degrees, and their relative spread."""
    across, up = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    x, y = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    size = cv2.magnitude(x, y)
    aligned = np.abs(x * across - y * up) > 0.95 * size
    strong = size > max(60.0, float(np.percentile(size, 90)))
    peak = size >= cv2.dilate(size, np.ones((3, 3), np.uint8)) - 1e-3
    places = aligned & strong & peak
    if places.sum() < _LEAST_EDGES:
        return None
    again = cv2.GaussianBlur(luma, (0, 0), _AGAIN)
    softer = cv2.magnitude(cv2.Sobel(again, cv2.CV_32F, 1, 0), cv2.Sobel(again, cv2.CV_32F, 0, 1))
    ratio = np.maximum(size[places] / np.maximum(softer[places], 1e-3), 1.001)
    # A step's gradient is 1 / (sqrt(2 pi) sigma); Sobel's own smoothing adds about .7 pixels of sigma.
    sigma2 = _AGAIN**2 / (ratio**2 - 1) - 0.5
    sigma = np.sqrt(np.maximum(sigma2, 0.0))
    # Edges are soft for many reasons and sharp for one, so the sharper third speaks.
    low, middle, high = np.percentile(sigma, [15, 30, 45])
    return float(middle), float((high - low) / max(middle, 0.3))
