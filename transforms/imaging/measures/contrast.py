"""The span of tones that the photo uses, in the channel where it is widest: grey on red is contrast, though not of luma."""

import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SOURCE = "percentile contrast: robust form of Michelson contrast on the encoded scale"

MEASURES = (
    Measure("contrast", "share", 0.0, 1.0, "1st to 99th percentile of the widest channel: 0 one tone, 1 all", _SOURCE),
    Measure("black_point", "share", 0.0, 1.0, "1st percentile of the darkest channel: high is a veil", _SOURCE),
    Measure("product_contrast", "share", 0.0, 1.0, "the same span within the product", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return the tonal spans of the photo and of its product."""
    low, high = np.percentile(view.small.reshape(-1, 3), (1, 99), axis=0) / 255.0
    product_low, product_high = np.percentile(view.luma[view.product], (1, 99)) / 255.0
    return {
        "contrast": float((high - low).max()),
        "black_point": float(low.min()),
        "product_contrast": float(product_high - product_low),
    }
