"""Exposure gain in linear light with a soft shoulder.

The gain is one factor for all three channels of a pixel, taken from its largest channel, so that chromaticity stays
where it is even on the shoulder. Shoulder: the curve with a white point of Reinhard et al., "Photographic tone
reproduction for digital images", SIGGRAPH 2002, started only above `knee` so that all below is a plain product.
"""

import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import TO_LINEAR, to_bytes
from transforms.imaging.types import Pixels


def exposure_gain(pixels: Pixels, target: float = 0.8, percentile: float = 98.0, cap: float = 8.0) -> float:
    """The factor in linear light that brings the `percentile` of the largest channel to `target`, within 1..`cap`.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        target: linear light 0..1 where that percentile should lie.
        percentile: 0..100; near 100, so that a dark product on a light ground is not called dark.
        cap: the largest factor, as more only brings up noise.

    Returns:
        1.0 where the photo is light enough or black throughout.
    """
    peak = float(TO_LINEAR[int(np.percentile(pixels.max(axis=2), percentile))])
    if peak <= 0.0:
        return 1.0
    return float(np.clip(target / peak, 1.0, cap))


def expose(pixels: Pixels, gain: float, knee: float = 0.8) -> Pixels:
    """Multiply linear light by `gain`; what would pass `knee` rolls off towards 1 and never clips.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        gain: factor in linear light, above 0; 2 is one stop.
        knee: linear light 0..1 up to which the product is exact.

    Returns:
        The same shape, uint8; the same pixels for a gain of 1.
    """
    if not np.isfinite(gain) or gain <= 0:
        raise ValueError(f"a gain is above 0: {gain}")
    if gain == 1.0:
        return pixels.copy()
    factor = _factor_by_peak(gain, knee)
    # One table entry for each pair (largest channel, own channel): exact, and one lookup a sample.
    table = to_bytes(TO_LINEAR[None, :] * factor[:, None]).ravel()
    index = pixels.max(axis=2).astype(np.uint16)[..., None] << 8
    return table[index | pixels]


def _factor_by_peak(gain: float, knee: float) -> npt.NDArray[np.float32]:
    peak = np.maximum(TO_LINEAR, 1e-6)
    raised = peak * gain
    if gain > 1:
        # The curve meets the product at the knee with the same slope and reaches 1 where the input did (1 stays 1).
        room = 1.0 - knee
        excess, white = np.maximum(raised - knee, 0.0) / room, (gain - knee) / room
        rolled = knee + room * excess * (1.0 + excess / white**2) / (1.0 + excess)
        raised = np.where(raised > knee, np.minimum(rolled, 1.0), raised)
    return np.asarray(raised / peak, np.float32)
