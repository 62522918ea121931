"""Whether the light has a colour: the tint of what should be neutral.

A red bag has no cast. What tells is the ground where it is near white or grey, and otherwise what shades-of-grey says
of the photo outside its strongly coloured parts.
"""

import numpy as np

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_NEUTRAL = 22.0
_SOURCE = "shades of grey (Finlayson & Trezzi 2004) over near-neutral pixels in CIELAB"

MEASURES = (
    Measure("cast", "ΔE", 0.0, 60.0, "chroma of neutral tones: 0 true, over 12 a tint that is seen", _SOURCE),
    Measure("cast_a", "ΔE", -60.0, 60.0, "its green (low) to magenta (high) part", _SOURCE),
    Measure("cast_b", "ΔE", -60.0, 60.0, "its blue (low) to yellow (high) part", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return size and direction of the cast; NaN where nothing near neutral is to be seen."""
    lightness, chroma = view.lab[..., 0], np.hypot(view.lab[..., 1], view.lab[..., 2])
    neutral = (lightness > 35) & (lightness < 97) & (chroma < _NEUTRAL)
    if neutral.mean() < 0.04:
        return dict.fromkeys(("cast", "cast_a", "cast_b"), float("nan"))
    weight = lightness[neutral] ** 3
    a, b = (float(np.average(view.lab[..., channel][neutral], weights=weight)) for channel in (1, 2))
    return {"cast": float(np.hypot(a, b)), "cast_a": a, "cast_b": b}
