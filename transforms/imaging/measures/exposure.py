"""How the photo is exposed: how far its light lies below what it should be, and how much of it is burnt out.

A black dress is not under-exposed: what tells is the photo's highlights, which any scene with a ground, a label or a
button has, and the mean of each pixel's strongest channel, which a red sheet in good light has high though its luminance
is low. And a white ground is not burnt out: light that is too strong clips one channel before the others, and clips
the middle of the photo, where the product is.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import TO_LINEAR
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View
from transforms.imaging.quantiles import quantiles

_WHITE = 0.8
_MEAN = 0.25
_MIDDLE_GREY = 0.18
_CLIPPED = 250
_SOURCE = "98th percentile of linear luminance against .8, mean of HSV value in linear light against .25; clipping by counting"

MEASURES = (
    Measure("dim_stops", "stops", -0.5, 12.0, "0: the highlights are bright; n: they are n stops below white", _SOURCE),
    Measure("mean_stops", "stops", -3.0, 12.0, "how far the mean of the strongest channel is below .25", _SOURCE),
    Measure("product_stops", "stops", -12.0, 2.5, "the product's median against middle grey", _SOURCE),
    Measure("clipped", "share", 0.0, 1.0, "of the photo at the top of the range, in all channels", _SOURCE),
    Measure(
        "clipped_partly",
        "share",
        0.0,
        1.0,
        "of the photo with just two channels at the top: neither white nor a pure colour",
        _SOURCE,
    ),
    Measure("clipped_centre", "share", 0.0, 1.0, "of the middle half with two channels at the top", _SOURCE),
    Measure("clipped_border", "share", 0.0, 1.0, "of the photo's border at the top, in all channels", _SOURCE),
    Measure("product_clipped", "share", 0.0, 1.0, "of the product at the top of the range", _SOURCE),
    Measure("crushed", "share", 0.0, 1.0, "of the photo at the bottom of the range", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the exposure measures of a photo."""
    red, green, blue = cv2.split(view.small)
    highlight = max(quantiles(view.linear, 0.98)[0], 1e-4)
    mean = max(cv2.mean(cv2.LUT(cv2.max(cv2.max(red, green), blue), TO_LINEAR))[0], 1e-4)
    middle = max(quantiles(view.linear[view.product], 0.5)[0], 1e-4)
    channels = (red >= _CLIPPED).view(np.uint8) + (green >= _CLIPPED) + (blue >= _CLIPPED)
    height, width = channels.shape
    centre = channels[height // 4 : height - height // 4, width // 4 : width - width // 4]
    border = np.concatenate([channels[0], channels[-1], channels[:, 0], channels[:, -1]])
    return {
        "dim_stops": min(max(math.log2(_WHITE / highlight), -0.5), 12.0),
        "mean_stops": min(max(math.log2(_MEAN / mean), -3.0), 12.0),
        "product_stops": min(max(math.log2(middle / _MIDDLE_GREY), -12.0), 2.5),
        "clipped": _share(channels == 3),
        "clipped_partly": _share(channels == 2),
        "clipped_centre": _share(centre >= 2),
        "clipped_border": _share(border == 3),
        "product_clipped": _share(channels[view.product] == 3),
        "crushed": _share(view.luma <= 4),
    }


def _share(true: npt.NDArray[np.bool_]) -> float:
    """Return how much of a mask is True."""
    return float(np.count_nonzero(true) / true.size)
