"""Rates with their intervals, as `vitrine evaluate verdicts` prints them."""

from collections.abc import Sequence

import numpy as np


def print_rate(name: str, hits: Sequence[bool]) -> None:
    """Print one line: the rate, its 95 % interval, and of how many."""
    low, high = interval(sum(hits), len(hits))
    rate = f"{100 * sum(hits) / len(hits):6.1f}%" if hits else "      -"
    print(f"{name:44}{rate}   {100 * low:5.1f} to {100 * high:5.1f}   {len(hits)}")


def interval(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate; 0..1 where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    z, rate = 1.96, hits / count
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * np.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))
