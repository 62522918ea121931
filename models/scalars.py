"""The rule measures as a vector that a network can look at: which of them, in which order, NaN where one could not be made."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from transforms.imaging.measures import FAMILIES, look, measure, overlay, photographic, resolution
from transforms.imaging.types import Pixels

_LEFT_OUT = (overlay, resolution, photographic)
"""Text is costly to look for and no distortion makes any; how many pixels a photo has says nothing of how it was spoilt; and
`unphotographic` is made of the others."""
_OF_THE_FILE = "jpeg_quality"
"""What the file says of itself: pixels that were spoilt in memory have none."""

SCALARS: tuple[str, ...] = tuple(
    declared.name
    for family in FAMILIES
    if family not in _LEFT_OUT
    for declared in family.MEASURES
    if declared.name != _OF_THE_FILE
)
"""Names of the measures, in the order of the vector."""


def scalars_of(measures: Mapping[str, float]) -> npt.NDArray[np.float32]:
    """The vector of a photo's measures: scalars, float32; NaN where a measure could not be made."""
    return np.array([measures.get(name, np.nan) for name in SCALARS], np.float32)


def scalars_of_pixels(pixels: Pixels, jpeg_quality: int | None = None) -> npt.NDArray[np.float32]:
    """Measure a photo (height x width x 3, uint8, sRGB), as serving does, and give its vector."""
    return scalars_of(measure(look(pixels, jpeg_quality), writing=False))
