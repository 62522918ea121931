"""How much of a clean photo's quality a spoilt copy kept: what its label is made of.

MDSI (a distance) and HaarPSI (a similarity) see detail; neither was made for light and colour, and on product photos both
overlook two stops or a tint. So their mean is multiplied by a factor for how far the tones moved.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from transforms.imaging.metrics.ciede2000 import mean_ciede2000
from transforms.imaging.metrics.haarpsi import haarpsi
from transforms.imaging.metrics.mdsi import mdsi
from transforms.imaging.types import Pixels

TONE_SIDE = 48
"""Long side, px, at which tones are compared: light and colour are left, detail and grain are not."""
TONE_HALF = 20.0
"""Mean CIEDE2000 that halves the label: a shift that makes one colour another."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A copy against its clean photo: `mdsi` 0 and more (0 is the same), `haarpsi` 0..1 (1 is the same), `tone` 0..1."""

    mdsi: float
    haarpsi: float
    tone: float

    @property
    def quality(self) -> float:
        """The label, 0..1: the geometric mean of both similarities times the tone factor; 1 is the clean photo itself."""
        return math.sqrt(max(0.0, 1.0 - self.mdsi) * min(1.0, self.haarpsi)) * self.tone


def likeness(pixels: Pixels, clean: Pixels) -> Likeness:
    """Compare two photos of one size: height x width x 3, uint8, sRGB."""
    return Likeness(mdsi(pixels, clean), haarpsi(pixels, clean), tone(pixels, clean))


def tone(pixels: Pixels, clean: Pixels) -> float:
    """1 where light and colour are those of the clean photo, .5 where they are `TONE_HALF` CIEDE2000 away on average."""
    return float(0.5 ** (mean_ciede2000(_glance(pixels), _glance(clean)) / TONE_HALF))


def _glance(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, TONE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
