"""Whether light falls evenly: how much darker one side of the ground, or of the photo, is than the other."""

import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_LEAST_GROUND = 0.15

MEASURES = (
    Measure(
        "light_fall",
        "stops",
        0.0,
        12.0,
        "slope of light across the ground, from side to side: 0 even, 2 one side is a quarter as bright",
        "plane fitted to log luminance, as in flat-field correction",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the fall of light over the ground, over all where there is little ground; NaN under 8 px."""
    height, width = view.product.shape
    if min(height, width) < 8:
        return {"light_fall": float("nan")}
    ground = ~view.product
    where = ground if ground.mean() >= _LEAST_GROUND else np.ones_like(ground)
    weight = where.astype(np.float32)
    stops = np.log2(view.linear + np.float32(2e-3)) * weight
    # The sums of the fit of 1, across and down, first along rows.
    across, down = np.arange(width) / width - 0.5, np.arange(height) / height - 0.5
    powers = np.stack([np.ones(width), across, across**2], axis=1).astype(np.float32)
    ones, first, second = (weight @ powers).T.astype(np.float64)
    total, moment = (stops @ powers[:, :2]).T.astype(np.float64)
    terms = np.array(
        [
            [ones.sum(), first.sum(), down @ ones],
            [first.sum(), second.sum(), down @ first],
            [down @ ones, down @ first, down**2 @ ones],
        ]
    )
    slope = np.linalg.lstsq(terms, np.array([total.sum(), moment.sum(), down @ total]), rcond=None)[0][1:]
    return {"light_fall": float(min(np.hypot(*slope), 12.0))}
