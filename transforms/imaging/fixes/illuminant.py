"""The light's colour as a probability: under which lights the photo would be what clean photos are.

In log chroma a light moves the photo's colours all alike. So learned filters are slid over histograms of the photo's
colours, and what each place scores is, through a softmax, the chance that the light has that colour. What a scene leaves
open (a red bag, or red light?) is left open: a flat or a split distribution, by which nobody should act.

Source: Barron, "Convolutional color constancy", ICCV 2015; Barron and Tsai, "Fast Fourier color constancy", CVPR 2017.
Here each photo has four histograms: all of it, its lightest part, its frame, where a studio has its ground, and its edges
(as in van de Weijer, Gevers and Gijsenij, "Edge-based color constancy", IEEE TIP 2007). `bench/fit_illuminant.py` learns
the filters.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from transforms.imaging.fixes.light import TO_LINEAR
from transforms.imaging.quantiles import byte_quantiles
from transforms.imaging.types import Pixels

Plane = npt.NDArray[np.float32]

WARM, MAGENTA = 64, 32
"""Places of a histogram: along log2 of red to blue, and along magenta to green."""
STEP = 0.125
"""log2 from place to place; the first is 0, the upper half are the negative ones (-4 to 4, -2 to 2)."""
KINDS = 4
"""Histograms of a photo."""
SHARPNESS = 8.0
"""Factor of the histograms, which are shares of 1, so that filters of some units make sure of a light."""

_SIDE = 192
_DARKEST = 1e-4
_LOGARITHM = np.log2(np.maximum(TO_LINEAR, _DARKEST))
"""sRGB byte -> log2 of linear light."""
_LIT, _LIGHTEST, _FRAME, _EDGE = 24, 0.85, 0.08, 0.02
"""Grey value under which a colour says nothing; the quantile from which the lightest part is; the frame's width as a share
of the shorter side; the least slope of an edge in linear light a pixel, Sobel's filter."""

_WARMTHS, _MAGENTAS = np.meshgrid(
    np.fft.fftfreq(WARM, 1 / WARM) * STEP, np.fft.fftfreq(MAGENTA, 1 / MAGENTA) * STEP, indexing="ij"
)
SEEN = 0.8
"""Warmth or coldness, log2 of red to blue, from which a light's colour is plainly seen: less is left as it is."""
_MAGENTA_COUNTS = 4.0
"""A step towards magenta is seen as two steps towards warm, squared."""


def _prior() -> npt.NDArray[np.float64]:
    """Half of all photos are in neutral light, the others in one of any warmth, of little green or magenta."""

    def bell(warm: float, magenta: float) -> Any:
        return np.exp(-((_WARMTHS / warm) ** 2 + (_MAGENTAS / magenta) ** 2) / 2) / (warm * magenta)

    return np.asarray(bell(0.2, 0.1) + bell(1.2, 0.25), np.float64)


_PRIOR = _prior()


@dataclass(frozen=True, slots=True)
class Illuminant:
    """The light that is to be expected, in log2 of linear light, and all that it may be.

    Attributes:
        warm: red to blue, above 0 is warm.
        magenta: red and blue to green, above 0 is magenta.
        chances: `WARM` x `MAGENTA`, float64, sum 1: of each light.
    """

    warm: float
    magenta: float
    chances: npt.NDArray[np.float64]

    def doubt(self, share: float) -> float:
        """The chance 0..1 that taking `share` (above 0) of the light away leaves colours further off than they are."""
        warm, magenta = share * self.warm, share * self.magenta
        along = 2 * (_WARMTHS * warm + _MAGENTA_COUNTS * _MAGENTAS * magenta)
        return float(self.chances[along < warm**2 + _MAGENTA_COUNTS * magenta**2].sum())

    def light(self) -> tuple[float, float, float]:
        """Linear red, green and blue of the light, green at 1."""
        return 2.0 ** (self.magenta + self.warm / 2), 1.0, 2.0 ** (self.magenta - self.warm / 2)


def find_illuminant(pixels: Pixels) -> Illuminant:
    """The light of a photo (height x width x 3, uint8, sRGB); one of which nothing is known is likely neutral."""
    return expect(likelihood(histograms(pixels)[None], _filters())[0])


def expect(likely: npt.NDArray[np.float64]) -> Illuminant:
    """The light to be expected, once what is known of photos' lights is added to what the photo says."""
    chances = _PRIOR * likely
    chances /= chances.sum()
    return Illuminant(float((chances * _WARMTHS).sum()), float((chances * _MAGENTAS).sum()), chances)


DOUBT, DOUBT_OF_WARMTH, DOUBT_ON_GROUND = 0.25, 0.05, 0.3
"""Most doubt with which a light is taken away: a cold one, a warm one (homes are lit warm, and such a photo shows what was
there), and one that a plain light ground shows, too."""
_PART = 0.7


def beyond_doubt(found: Illuminant, most: float) -> bool:
    """Whether the light's colour is plainly seen, and taking away the larger part of it leaves `most` doubt at most."""
    return abs(found.warm) >= SEEN and found.doubt(_PART) <= most


def likelihood(photos: Plane, filters: Plane) -> npt.NDArray[np.float64]:
    """How likely each light is by the histograms alone.

    Args:
        photos: photos x `KINDS` x `WARM` x `MAGENTA`, as `histograms` gives them.
        filters: `KINDS` x `WARM` x `MAGENTA`.

    Returns:
        photos x `WARM` x `MAGENTA`, sum 1 for each photo.
    """
    spectrum = (fft.rfft2(photos.astype(np.float64)) * np.conj(fft.rfft2(filters.astype(np.float64)))).sum(axis=1)
    scores = SHARPNESS * fft.irfft2(spectrum, s=(WARM, MAGENTA))
    odds = np.exp(scores - scores.max(axis=(1, 2), keepdims=True))
    return np.asarray(odds / odds.sum(axis=(1, 2), keepdims=True))


def histograms(pixels: Pixels) -> Plane:
    """How much a photo has of each colour (the root of it): `KINDS` x `WARM` x `MAGENTA`, float32, each with sum 1, or 0
    where there is nothing.

    Args:
        pixels: height x width x 3, uint8, sRGB; looked at on a copy of at most 192 px.
    """
    small = _shrink(pixels)
    peak = _largest(small)
    lit = (peak > _LIT).astype(np.float32)
    lightest = lit * (peak >= byte_quantiles(peak, _LIGHTEST)[0])
    wide = max(2, round(_FRAME * min(peak.shape)))
    frame = lit.copy()
    frame[wide:-wide, wide:-wide] = 0
    slopes = _slopes(small)
    steep = cv2.threshold(_largest(slopes), _EDGE, 0, cv2.THRESH_TOZERO)[1]
    colours = _places(cv2.LUT(small, _LOGARITHM))
    edges = _places(np.log2(np.maximum(slopes, _DARKEST)))
    return np.stack(
        [
            _histogram(colours, lit),
            _histogram(colours, lightest),
            _histogram(colours, frame),
            _histogram(edges, np.asarray(steep, np.float32)),
        ]
    )


def _largest(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    red, green, blue = cv2.split(planes)
    return cv2.max(cv2.max(red, green), blue)


def _shrink(pixels: Pixels) -> Pixels:
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _slopes(pixels: Pixels) -> Plane:
    """Length of each channel's gradient in linear light, after a blur of one pixel."""
    soft = cv2.GaussianBlur(TO_LINEAR[pixels], (0, 0), 1.0)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, x, 1 - x).reshape(-1, 3) for x in (1, 0))
    return np.asarray(cv2.magnitude(across, down), np.float32).reshape(soft.shape)


def _places(logarithms: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The place in a histogram of each colour, given as log2: its place along warm times `MAGENTA` plus that along magenta."""
    red, green, blue = cv2.split(logarithms)
    warm = np.rint((red - blue) / STEP).astype(np.intp).clip(-WARM // 2, WARM // 2 - 1) % WARM
    magenta = np.rint(((red + blue) / 2 - green) / STEP).astype(np.intp).clip(-MAGENTA // 2, MAGENTA // 2 - 1)
    return np.asarray(warm * MAGENTA + magenta % MAGENTA)


def _histogram(places: npt.NDArray[np.intp], weights: Plane) -> Plane:
    # The root lets a button that is grey count beside a red sheet.
    counts = np.sqrt(np.bincount(places.ravel(), weights.ravel(), WARM * MAGENTA)).reshape(WARM, MAGENTA)
    return np.asarray(counts / max(counts.sum(), 1e-9), np.float32)


@cache
def _filters() -> Plane:
    text = resources.files(__package__).joinpath("illuminant_weights.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    filters = np.asarray(stored["filters"], np.float32) * np.float32(stored["unit"])
    return np.asarray(filters.reshape(KINDS, WARM, MAGENTA), np.float32)
