"""Whether light falls evenly: how much darker one side of the ground, or of the photo, is than the other."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

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
    stops = np.where(where, np.log2(view.linear + np.float32(2e-3)), 0)
    # The fit's sums, by rows and columns: the terms are 1, across and down.
    across, down = np.arange(width) / width - 0.5, np.arange(height) / height - 0.5
    in_columns, in_rows = _sums(where.astype(np.float32))
    terms = np.empty((3, 3))
    terms[0] = in_rows.sum(), in_columns @ across, in_rows @ down
    terms[1:, 0] = terms[0, 1:]
    terms[1, 1], terms[2, 2] = in_columns @ across**2, in_rows @ down**2
    terms[1, 2] = terms[2, 1] = down @ (where @ across)
    light_in_columns, light_in_rows = _sums(stops)
    light = np.array([light_in_rows.sum(), light_in_columns @ across, light_in_rows @ down])
    slope = np.linalg.lstsq(terms, light, rcond=None)[0][1:]
    return {"light_fall": float(min(np.hypot(*slope), 12.0))}


def _sums(plane: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the sums of each column and of each row."""
    columns, rows = (cv2.reduce(plane, along, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel() for along in (0, 1))
    return columns, rows
