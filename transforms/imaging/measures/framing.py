"""How the product sits in the frame: how much it fills, and whether an edge cuts it."""

import math

from transforms.imaging.measures.cut import cut_odds, longest_run
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SURE = 0.3
_SOURCE = "share of the bounding box, as marketplaces state it; contact of the mask with the frame"

MEASURES = (
    Measure("fill", "share", 0.0, 1.0, "area of the product's bounding box: small is far away", _SOURCE),
    Measure(
        "cut_off", "share", 0.0, 1.0, "longest run of one edge of the frame along which the product is cut", _SOURCE
    ),
    Measure(
        "cut_odds",
        "log-odds",
        -20.0,
        20.0,
        "over 0: an edge likelier cuts the product than not, by how its mask meets the edges",
        "network of bench/fit_cut.py",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return fill and contact with the frame; NaN where no product could be told apart, or not surely."""
    region, mask = view.region, view.product
    odds = cut_odds(region) if region.confidence > 0 else math.nan
    if region.confidence < _SURE:
        return {"fill": math.nan, "cut_off": math.nan, "cut_odds": odds}
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    contact = max(longest_run(edge) for edge in edges)
    return {"fill": region.box.width * region.box.height, "cut_off": contact, "cut_odds": odds}
