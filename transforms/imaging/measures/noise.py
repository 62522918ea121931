"""How noisy the photo is: fine and middle-sized grain where the photo is quietest.

A camera's own processing makes noise coarse, so the finest differences alone miss it; texture looks like noise, so only
the quietest blocks speak.
"""

import numpy as np

from transforms.imaging.fixes.sliding_dct import SIDE, noise_spectrum
from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.view import View

_BLOCKS = 2500

MEASURES = (
    Measure(
        "noise",
        "levels of 255",
        0.0,
        128.0,
        "standard deviation of luma noise in the quietest blocks: 0 clean, 10 plainly visible",
        "Ponomarenko et al., Automatic estimation of the noise variance from the spectrum of quiet blocks, SPIE 2003",
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the noise; NaN for a photo with a side under 32 px."""
    if min(view.detail.shape) < 4 * SIDE:
        return {"noise": float("nan")}
    spectrum, _ = noise_spectrum(view.detail, view.detail, _BLOCKS)
    return {"noise": float(np.sqrt(np.square(spectrum[1:]).mean()))}
