"""Whether the light has a colour: the tint of what should be neutral.

A red bag has no cast. What tells is the ground where it is plain and light; otherwise a tint that bright surfaces and
the edges between surfaces share.
"""

import math

import numpy as np

from transforms.imaging.fixes.white_balance import Gains, coloured_light, known_light
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.region import to_lab
from transforms.imaging.measures.view import View

_SOURCE = "shades of grey (Finlayson & Trezzi 2004) and grey edge (van de Weijer et al. 2007), the lesser of the two"
_LIGHT = (
    "convolutional colour constancy (Barron, ICCV 2015; Barron & Tsai, CVPR 2017), filters of bench/fit_illuminant.py"
)

MEASURES = (
    Measure("cast", "ΔE", 0.0, 60.0, "chroma of neutral tones: 0 true, over 12 a tint that is seen", _SOURCE),
    Measure("lamp", "ΔE", 0.0, 60.0, "of a grey card in the photo's light, where that is beyond doubt, else 0", _LIGHT),
    Measure("cast_a", "ΔE", -60.0, 60.0, "its green (low) to magenta (high) part", _SOURCE),
    Measure("cast_b", "ΔE", -60.0, 60.0, "its blue (low) to yellow (high) part", _SOURCE),
)


def measure(view: View) -> dict[str, float]:
    """Return size and direction of the cast; NaN where there is nothing to go by."""
    light = known_light(view.small)[0]
    sure = coloured_light(view.small)
    lamp = min(math.hypot(*_tint(sure[0].light())), 60.0) if sure else 0.0
    if light is None:
        return {"cast": math.nan, "lamp": lamp, "cast_a": math.nan, "cast_b": math.nan}
    a, b = _tint(light)
    return {
        "cast": min(math.hypot(a, b), 60.0),
        "lamp": lamp,
        "cast_a": min(max(a, -60.0), 60.0),
        "cast_b": min(max(b, -60.0), 60.0),
    }


def _tint(light: Gains) -> tuple[float, float]:
    """CIELAB a and b of a mid grey card in that light."""
    colour = np.asarray(light, np.float32) / np.mean(light)
    encoded = np.clip(np.power(0.2 * colour, 1 / 2.2), 0, 1) * 255
    _, a, b = to_lab(np.rint(encoded).astype(np.uint8)[None, None])[0, 0]
    return float(a), float(b)
