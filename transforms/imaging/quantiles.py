"""Quantiles as `numpy.quantile` gives them (linear between neighbours), several from one order.

Sorting numbers is vectorized; the partition at several places that `numpy.quantile` makes is not, and takes ten times as long.
Bytes need no order at all: 256 counts tell.
"""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def quantiles(values: npt.NDArray[Any], *shares: float) -> list[float]:
    """Return quantiles of finite numbers.

    Args:
        values: any shape, at least one.
        shares: each 0..1; .5 is the median.
    """
    ordered = np.sort(values, axis=None)
    found = []
    for share in shares:
        place = share * (len(ordered) - 1)
        low, high = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
        found.append(low + (high - low) * (place % 1))
    return found


def byte_quantiles(plane: npt.NDArray[Any], *shares: float, where: npt.NDArray[np.uint8] | None = None) -> list[float]:
    """Return quantiles of a plane of bytes.

    Args:
        plane: height x width, uint8.
        shares: each 0..1.
        where: height x width, uint8: only where it is not 0, which is at least one pixel; None for everywhere.
    """
    reached = cv2.calcHist([plane], [0], where, [256], [0, 256]).ravel().cumsum(dtype=np.float64)
    found = []
    for share in shares:
        place = share * (reached[-1] - 1)
        low, high = reached.searchsorted((math.floor(place), math.ceil(place)), side="right")
        found.append(float(low + (high - low) * (place % 1)))
    return found


def medians(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the median over the first axis, which has one entry at least."""
    ordered = np.sort(values, axis=0)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
