"""Whether a reflection hides a part of the item: a spot that is burnt out, with light fading around it.

A white print or button is as bright, but its edge is at once the cloth's own tone; a reflection has a halo. The product's
mask has no part in it: a reflection is what tears holes into it.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_BURNT = 250
_LEAST, _MOST = 0.0008, 0.15
"""Share of the photo: less is a glint, more is a light ground."""
_NEAR, _FAR = (2, 4), (8, 10)
"""Pixels of the 256 px copy from a spot to where its halo is, and to where it has faded."""
_FADED = 20.0
"""Levels by which light falls from the one to the other."""
_LIGHT = 200.0
"""Luma around it from which a burnt-out spot is but the lightest of a light thing."""
_MOST_SPOTS = 32

MEASURES = (
    Measure(
        "glare",
        "share",
        0.0,
        1.0,
        "of the photo under burnt-out spots with a halo: 0 none, over .005 seen at once",
        "specular spots by clipping and their fading edge, as in highlight removal (Shafer's dichromatic model, 1985)",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the share of the photo under reflections; NaN under 64 px."""
    luma = view.luma
    if min(luma.shape) < 64:
        return {"glare": float("nan")}
    burnt = cv2.threshold(luma, _BURNT - 1, 1, cv2.THRESH_BINARY)[1]
    if cv2.countNonZero(burnt) < _LEAST * luma.size:
        return {"glare": 0.0}
    _, labels, stats, _ = cv2.connectedComponentsWithStats(burnt, connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    largest = np.argsort(-sizes, kind="stable")[:_MOST_SPOTS] + 1
    hidden = sum(int(stats[spot, cv2.CC_STAT_AREA]) for spot in largest if _fades(luma, labels, stats[spot], int(spot)))
    return {"glare": hidden / luma.size}


def _fades(luma: npt.NDArray[Any], labels: npt.NDArray[Any], stats: npt.NDArray[Any], spot: int) -> bool:
    """Whether light falls off all around a spot that lies wholly within the photo."""
    left, top, width, height, size = (int(value) for value in stats)
    rows, columns = luma.shape
    within = left > 0 and top > 0 and left + width < columns and top + height < rows
    if not within or not _LEAST * luma.size <= size <= _MOST * luma.size:
        return False
    reach = _FAR[1] + 1
    around = (
        slice(max(0, top - reach), min(rows, top + height + reach)),
        slice(max(0, left - reach), min(columns, left + width + reach)),
    )
    away = cv2.distanceTransform((labels[around] != spot).astype(np.uint8), cv2.DIST_L2, 3)
    y, x = np.mgrid[around]
    upper, left_half = y < top + height / 2, x < left + width / 2
    for side in (upper & left_half, upper & ~left_half, ~upper & left_half, ~upper & ~left_half):
        near, far = (luma[around][(away >= first) & (away <= last) & side] for first, last in (_NEAR, _FAR))
        if not near.size or not far.size:
            return False
        beyond = float(far.mean())
        if beyond >= _LIGHT or float(near.mean()) - beyond < _FADED:
            return False
    return True
