"""One tiny network over numbers that are cheap to have: log-odds of a yes or no, as stored beside the measure that asks."""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CLIPPED = 3.0
"""Deviations from the mean beyond which a number says no more."""


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer (ReLU) over numbers that are brought to mean 0 and deviation 1, and clipped: `bench/network.py` fits it.

    `mean` and `scale` have one value for each number, `hidden` is units x numbers, `offset` and `out` have one for each unit.
    """

    mean: Array
    scale: Array
    hidden: Array
    offset: Array
    out: Array
    bias: float

    def odds(self, numbers: Array) -> Array:
        """Return the log-odds of each row of numbers (or of whatever has the numbers last)."""
        standard = np.clip((numbers - self.mean) / self.scale, -CLIPPED, CLIPPED)
        odds: Array = np.maximum(standard @ self.hidden.T + self.offset, 0.0) @ self.out + self.bias
        return odds


@functools.cache
def load_network(file: str) -> Network:
    """Read a network that lies beside the measures."""
    stored = json.loads(resources.files(__package__).joinpath(file).read_text(encoding="utf-8"))
    mean, scale, hidden, offset, out = (np.array(stored[name]) for name in ("mean", "scale", "hidden", "offset", "out"))
    return Network(mean, scale, hidden, offset, out, float(stored["bias"]))
