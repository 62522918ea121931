"""The ground of a studio-like photo: a nearly white one made white, and the product levelled and framed. Never
unasked.

A shadow keeps its shape: the ground is divided by its own level, so that what lay under it by a tenth lies under white
by a tenth; the product is not touched, and its edge takes a share by how much ground shows through.
"""

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import luminance, to_bytes, to_linear
from transforms.imaging.measures.region import Region, find_region
from transforms.imaging.types import Pixels

NEARLY_WHITE = 0.45
"""Linear luminance from which a ground counts as meant to be white (184 of 255)."""
MOST_TINT = 14.0
"""Grey values between the ground's lightest and darkest channel beyond which it is a coloured ground."""


def whiten_ground(pixels: Pixels, region: Region | None = None) -> Pixels:
    """Bring a plain, nearly white ground to white; any other photo is returned as it is.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        region: the product, as found by `find_region`; None to find it here.
    """
    region = region or find_region(pixels)
    ground = ~region.mask
    if not region.plain or region.confidence == 0 or ground.mean() < 0.05:
        return pixels.copy()
    level = np.median(pixels[ground], axis=0)
    if np.ptp(level) > MOST_TINT or float(luminance(level.astype(np.uint8)[None, None])[0, 0]) < NEARLY_WHITE:
        return pixels.copy()
    gain = 1.0 / to_linear(level.astype(np.uint8))
    linear = to_linear(pixels)
    share = _ground_share(linear, region.mask)[..., None]
    return to_bytes(linear * (1 + share * (gain - 1)))


def _ground_share(linear: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """How much of each pixel is ground, 0..1: none inside the product, all well outside, a soft step in between.

    A guided filter lets the step follow the product's own edge (He, Sun and Tang, "Guided image filtering", 2013).
    """
    guide = np.asarray(linear.mean(axis=2), np.float32)
    target = (~mask).astype(np.float32)
    radius = max(3, round(min(mask.shape) / 120)) * 2 + 1
    window = (radius, radius)
    mean_guide, mean_target = cv2.blur(guide, window), cv2.blur(target, window)
    covariance = cv2.blur(guide * target, window) - mean_guide * mean_target
    slope = covariance / (cv2.blur(guide * guide, window) - mean_guide**2 + 1e-4)
    offset = mean_target - slope * mean_guide
    share = cv2.blur(slope, window) * guide + cv2.blur(offset, window)
    inside = cv2.erode(mask.astype(np.uint8), np.ones(window, np.uint8))
    return np.where(inside > 0, 0, np.clip(share, 0, 1)).astype(np.float32)


def straighten_and_crop(pixels: Pixels, fill: float = 0.85, most: float = 12.0) -> Pixels:
    """Level the product by at most `most` degrees and crop so that its longer side fills `fill` of the frame.

    Only on a plain ground: the frame that turning and widening need is filled with the ground's own colour. The
    result's sides keep the photo's proportions.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        fill: share of the frame that the product's box shall take in its tighter direction.
        most: degrees; a product further off is meant to lie so.
    """
    region = find_region(pixels)
    if not region.plain or region.confidence == 0:
        return pixels.copy()
    height, width = pixels.shape[:2]
    points = np.argwhere(region.mask)[:, ::-1].astype(np.float32)
    turn = _lean(points)
    turn = turn if abs(turn) <= most else 0.0
    colour = np.median(pixels[~region.mask], axis=0)
    middle = points.mean(axis=0)
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), turn, 1.0)
    turned = points @ matrix[:, :2].T + matrix[:, 2]
    low, high = turned.min(axis=0), turned.max(axis=0)
    zoom = fill * min(width / max(high[0] - low[0], 1), height / max(high[1] - low[1], 1))
    zoom = float(np.clip(zoom, 0.5, 2.0))
    shift = np.array([width, height]) / 2 - zoom * (low + high) / 2
    whole = np.hstack([zoom * matrix[:, :2], (zoom * matrix[:, 2] + shift)[:, None]])
    border = tuple(float(value) for value in colour)
    return np.asarray(
        cv2.warpAffine(pixels, whole, (width, height), flags=cv2.INTER_AREA, borderValue=border), np.uint8
    )


def _lean(points: npt.NDArray[np.float32]) -> float:
    """Degrees by which the product's longer axis is off upright or level, whichever is nearer; positive is clockwise."""
    (_, (one, other), angle) = cv2.minAreaRect(points)
    if max(one, other) < 1.05 * min(one, other):
        return 0.0
    lean = angle % 90
    return float(lean if lean <= 45 else lean - 90)
