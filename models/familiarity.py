"""How unlike the photos that the opinion was taught by a photo may be before its score is doubted.

The Gaussian process leaves more unknown of a photo the further it lies from all training photos; the interval's half-width says
so in points. Where that is too much is found on real photos that the opinion was not fitted on: all but .5 % of them lie within.
"""

import numpy as np
import numpy.typing as npt

from models.dataset import Floats
from models.opinion import Features, Interval, Opinion, squared_distances

DOUBTED = 0.005
"""Share of real photos that are doubted: half of the one in a hundred that may be flagged at all."""


def reach(opinion: Opinion, interval: Interval, features: Features) -> Floats:
    """Half the interval of each photo, in points, before the scale's ends: of photos x tiles x features."""
    parts = opinion.parts
    kernel = sum(p.weight * np.exp(-opinion.gamma * squared_distances(p.scaled(features), p.support)) for p in parts)
    known = np.square(kernel @ interval.root.T.astype(np.float64)).sum(axis=1)
    width: Floats = interval.width * np.sqrt(np.maximum(1 - known, 0) + interval.floor)
    return width


def limit(reaches: npt.NDArray[np.floating]) -> float:
    """Half-width, in points, that all but `DOUBTED` of some photos' intervals lie within."""
    return round(float(np.quantile(reaches, 1 - DOUBTED)), 2)
