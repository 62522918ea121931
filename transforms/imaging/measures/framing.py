"""How the product sits in the frame: how much it fills, and whether an edge cuts it."""

import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SOURCE = "share of the bounding box, as marketplaces state it; contact of the mask with the frame"

MEASURES = (
    Measure("fill", "share", 0.0, 1.0, "area of the product's bounding box: small is far away", _SOURCE),
    Measure(
        "cut_off", "share", 0.0, 1.0, "longest run of one edge of the frame along which the product is cut", _SOURCE
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return fill and contact with the frame; NaN where no product could be told apart."""
    if view.region.confidence < 0.3:
        return {"fill": float("nan"), "cut_off": float("nan")}
    mask, box = view.product, view.region.box
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return {"fill": box.width * box.height, "cut_off": max(_longest_run(edge) for edge in edges)}


def _longest_run(touched: npt.NDArray[np.bool_]) -> float:
    """Return the length of the longest run of True as a share: trouser legs at an edge are two short ones."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], touched.astype(np.int8), [0]])))
    return float((changes[1::2] - changes[::2]).max() / touched.size) if changes.size else 0.0
