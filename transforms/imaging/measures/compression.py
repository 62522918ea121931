"""Whether the blocks of strong JPEG compression are to be seen.

At the edges of 8 x 8 blocks neighbouring columns differ more than elsewhere. Which of the eight possible grids is the
file's own is found from the photo, so that a crop does not hide it. A reduced photo has no grid left, and no blocks to see.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View
from transforms.imaging.quantiles import medians

_BLOCK = 8
_MOST = 60.0

MEASURES = (
    Measure(
        "blocks",
        "levels of 255",
        0.0,
        _MOST,
        "how much more neighbours differ across block edges than inside: 0 none, 2 plainly seen",
        "Wang, Bovik & Evans, Blind measurement of blocking artifacts, ICIP 2000, with the grid's phase searched",
    ),
    Measure(
        "jpeg_quality", "1..100", 1.0, 100.0, "as the file's quantization tables say", "Annex K of ITU-T T.81, scaled"
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the height of block edges, NaN under 64 px, 0 where the photo was reduced to be viewed; and the file's quality."""
    quality = float("nan") if view.jpeg_quality is None else float(view.jpeg_quality)
    if min(view.detail.shape) < 64:
        return {"blocks": float("nan"), "jpeg_quality": quality}
    columns = cv2.reduce(view.across, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    rows = cv2.reduce(view.down, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    blocks = min(max(_step(columns), 0.0), max(_step(rows), 0.0), _MOST)
    return {"blocks": blocks, "jpeg_quality": quality}


def _step(differences: npt.NDArray[Any]) -> float:
    """Return by how much the strongest of eight phases stands over the middle one."""
    usable = differences[: len(differences) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    phases = np.sort(medians(usable))
    return float(phases[-1] - phases[_BLOCK // 2])
