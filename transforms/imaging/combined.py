"""What a measure and the model's probability of the same defect say together: one logistic line for each such pair.

Faint grain, slight blur, veils and slanting light are told by both together where either alone would call fine photos spoilt
(`docs/verdicts.md`). The lines are those of `bench/fit_combined.py`, fitted with the model that is shipped: one that is trained
anew wants them fitted anew.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

_LEAST = 1e-6
"""Probability that is taken for none, and its like for certainty: the served model's are rounded."""
REACH = 3.0
"""Deviations from the mean beyond which a number says no more."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A line over two numbers, the evidence of the measure and the log-odds of the probability, each brought to mean 0 and
    deviation 1 and clipped at `REACH`.
    """

    mean: tuple[float, float]
    scale: tuple[float, float]
    weights: tuple[float, float]
    offset: float

    def odds(self, evidence: float, probability: float) -> float:
        """Return the log-odds that the photo has the defect; evidence that could not be had (NaN) says nothing."""
        numbers = zip((evidence, log_odds(probability)), self.mean, self.scale, self.weights, strict=True)
        return self.offset + sum(weight * _standard(value, mean, scale) for value, mean, scale, weight in numbers)


def log_odds(probability: float) -> float:
    """Log-odds of a probability 0..1, within some 14 either way."""
    bounded = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))


def _standard(value: float, mean: float, scale: float) -> float:
    return 0.0 if math.isnan(value) else min(max((value - mean) / scale, -REACH), REACH)


@functools.cache
def pairs() -> Mapping[str, Pair]:
    """Read the lines, by the name of the policy's curve that they are read with."""
    text = resources.files("transforms.imaging.measures").joinpath("combined_weights.json").read_text(encoding="utf-8")
    return {
        curve: Pair(tuple(line["mean"]), tuple(line["scale"]), tuple(line["weights"]), line["offset"])
        for curve, line in json.loads(text)["lines"].items()
    }
