"""What all measures look at, computed once a photo: the copies at several scales, and the product's mask.

Detail is measured on `detail`, the luma at the size that a buyer sees at most (1600 px); tone, colour and framing on
`small`, where noise and texture are averaged away and every operation is cheap.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import TO_LINEAR
from transforms.imaging.measures.region import Region, find_region, to_lab
from transforms.imaging.measures.structure import structure
from transforms.imaging.types import Pixels

Plane = npt.NDArray[Any]

_SMALL_SIDE = 256
DETAIL_SIDE = 1600
"""Long side, pixels, of the largest view that a shop shows."""
_GLANCE_SIDE = 400
_NEARLY = 0.9
"""A photo this near to 400 px is not resampled: that would blur it more than the size tells."""
_LUMINANCE = np.array([[0.2126, 0.7152, 0.0722]], np.float32)


@dataclass(frozen=True, slots=True)
class View:
    """A photo as the measures see it.

    Attributes:
        width: of the photo, pixels.
        height: of the photo, pixels.
        jpeg_quality: 1..100 as estimated from the file, None where unknown.
        detail: luma (BT.601), uint8, long side at most 1600 px, else native.
        across: absolute differences of neighbouring columns of `detail`, uint8, one column less.
        down: the same of rows, one row less.
        structure: the structure function of `detail` (see structure.py).
        structure_400: the same with the shorter side at 400 px; the very same array where `detail` is no larger.
        small: sRGB uint8, long side at most 256 px.
        luma: luma of `small`, uint8.
        linear: relative luminance of `small` in linear light, float32 0..1 (IEC 61966-2-1).
        lab: CIELAB of `small`, float32.
        chroma: C*ab of `small`, float32.
        product: bool mask over `small`; all True where no product could be told apart.
        region: the product as it was found on `small`.
        pixels: sRGB uint8, the photo itself; halved while its long side stays 1600 px or more.
    """

    width: int
    height: int
    jpeg_quality: int | None
    detail: npt.NDArray[Any]
    across: npt.NDArray[Any]
    down: npt.NDArray[Any]
    structure: npt.NDArray[Any]
    structure_400: npt.NDArray[Any]
    small: Pixels
    luma: npt.NDArray[Any]
    linear: Plane
    lab: Plane
    chroma: Plane
    product: npt.NDArray[np.bool_]
    region: Region
    pixels: Pixels


def look(pixels: Pixels, jpeg_quality: int | None = None) -> View:
    """Prepare a photo (uint8 sRGB, height x width x 3) for the measures."""
    height, width = pixels.shape[:2]
    pixels = _halve(pixels, DETAIL_SIDE)
    detail = luma_as_seen(pixels)
    found = structure(detail)
    scale = _GLANCE_SIDE / min(detail.shape)
    glance = shrink(detail, round(max(detail.shape) * scale)) if scale < _NEARLY else detail
    small = shrink(pixels, _SMALL_SIDE)
    region = find_region(small)
    lab = to_lab(small)
    return View(
        width=width,
        height=height,
        jpeg_quality=jpeg_quality,
        detail=detail,
        across=cv2.absdiff(detail[:, 1:], detail[:, :-1]) if detail.shape[1] > 1 else detail[:, 1:],
        down=cv2.absdiff(detail[1:], detail[:-1]) if len(detail) > 1 else detail[1:],
        structure=found,
        structure_400=found if glance is detail else structure(glance),
        small=small,
        luma=cv2.cvtColor(small, cv2.COLOR_RGB2GRAY),
        linear=cv2.transform(cv2.LUT(small, TO_LINEAR), _LUMINANCE),
        lab=lab,
        chroma=cv2.magnitude(lab[..., 1], lab[..., 2]),
        product=region.mask,
        region=region,
        pixels=pixels,
    )


def luma_as_seen(pixels: Pixels) -> npt.NDArray[Any]:
    """Return the luma at the size that a buyer sees at most: `View.detail`."""
    return shrink(cv2.cvtColor(_halve(pixels, DETAIL_SIDE), cv2.COLOR_RGB2GRAY), DETAIL_SIDE)


def shrink(pixels: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Reduce by area so that the long side is at most `side` pixels; never enlarge."""
    pixels = _halve(pixels, side)
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1.0:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _halve(pixels: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Halve while the long side stays `side` pixels or more: many times faster than any other reduction by area, and exact."""
    while max(pixels.shape[:2]) >= 2 * side and min(pixels.shape[:2]) >= 2:
        height, width = (length // 2 for length in pixels.shape[:2])
        pixels = cv2.resize(pixels[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return pixels
