"""How one measure is declared: its name, unit, range, what its ends mean, and where it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that `measure(view)` of the same file returns under `name`: finite within `low..high`, or NaN.

    NaN means that the photo offers nothing to measure it on (no plain ground, no flat patch).
    """

    name: str
    unit: str
    low: float
    high: float
    meaning: str
    """What a low and what a high value mean, in one sentence."""
    source: str
    """The paper, standard or reasoning that it follows."""
