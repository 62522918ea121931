"""The span of tones that the photo uses, in the channel where it is widest: grey on red is contrast, though not of luma."""

import cv2
import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View
from transforms.imaging.quantiles import byte_quantiles

_ENDS = (0.01, 0.99)
_SOURCE = "percentile contrast: robust form of Michelson contrast on the encoded scale"

MEASURES = (
    Measure("contrast", "share", 0.0, 1.0, "1st to 99th percentile of the widest channel: 0 one tone, 1 all", _SOURCE),
    Measure("black_point", "share", 0.0, 1.0, "1st percentile of the darkest channel: high is a veil", _SOURCE),
    Measure("product_contrast", "share", 0.0, 1.0, "the same span within the product", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the tonal spans of the photo and of its product."""
    spans = [byte_quantiles(channel, *_ENDS) for channel in cv2.split(view.small)]
    low, high = byte_quantiles(view.luma, *_ENDS, where=view.product.view(np.uint8))
    return {
        "contrast": max(high - low for low, high in spans) / 255.0,
        "black_point": min(low for low, _ in spans) / 255.0,
        "product_contrast": (high - low) / 255.0,
    }
