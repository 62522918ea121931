"""Whether the picture is a screenshot: bars of one colour with small signs on them, from side to side, as a phone draws them.

A bar is exactly one colour for most of each row and ends in all columns at once. A white ground has the first but a product
never stands out from it in one straight line; a plain border has both but nothing is drawn on it.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_SAME = 3
_MOST = 0.55
"""Share of a row in its commonest tone from which it may be a bar's: signs, words and buttons take up the rest."""
_BARE, _ENDED = 0.97, 0.25
"""That share in the last two rows of a bar, below its signs, and at most in the rows where the photo has begun."""
_DEEPEST = 0.6
_SIGNS = (0.02, 0.45)
"""Share of a row that signs take up."""
_LEAST_ROWS = 3

MEASURES = (
    Measure(
        "screen_bars",
        "share",
        0.0,
        1.0,
        "of the height in bars of one colour with signs on them at top and bottom: 0 a photo, over .05 a screenshot",
        "rows of one tone that end in a straight line, with marks on them",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the share of the height in bars with signs; NaN under 64 px."""
    if min(view.luma.shape) < 64:
        return {"screen_bars": float("nan")}
    top, bottom = (_bar(_in_one_tone(luma)) for luma in (view.luma, view.luma[::-1]))
    return {"screen_bars": float(min(1.0, (top + bottom) / len(view.luma)))}


def _in_one_tone(luma: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return for each row the share of its pixels that are within 3 levels of the first row's median."""
    middle = float(np.sort(luma[0])[luma.shape[1] // 2])
    return np.asarray((cv2.absdiff(luma, np.array([middle, 0, 0, 0])) <= _SAME).mean(axis=1), np.float64)


def _bar(shares: npt.NDArray[np.float64]) -> int:
    """Return how many rows from the first belong to a bar with signs on it; 0 for none."""
    reach = int(len(shares) * _DEEPEST)
    plain = shares[:reach] >= _MOST
    deep = reach if plain.all() else int(np.argmin(plain))
    if deep < _LEAST_ROWS or deep + 4 > len(shares):
        return 0
    # The row between may be a blend of both.
    straight = max(shares[deep - 2 : deep].min(), shares[deep - 3 : deep - 1].min()) >= _BARE
    straight = straight and float(np.median(shares[deep + 1 : deep + 4])) <= _ENDED
    marked = (1 - shares[:deep] > _SIGNS[0]) & (1 - shares[:deep] < _SIGNS[1])
    return deep if straight and 2 <= int(marked.sum()) < deep else 0
