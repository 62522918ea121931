"""Clean photos spoilt on purpose: one seeded defect of known strength each, made the way a camera or an uploader makes
it.

Every function takes pixels (height x width x 3, uint8, sRGB), a strength in its own unit and a random generator.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.types import Pixels

Generator = np.random.Generator
Spoil = Callable[[Pixels, float, Generator], Pixels]


def dark(pixels: Pixels, stops: float, rng: Generator) -> Pixels:
    """Less light by `stops`."""
    return to_bytes(to_linear(pixels) * 2.0**-stops)


def low_contrast(pixels: Pixels, lost: float, rng: Generator) -> Pixels:
    """A share `lost` of the range of tones is gone, somewhere between veil (light) and murk (dark)."""
    offset = rng.uniform(0.3, 0.9) * lost * 255
    return np.rint(pixels * (1 - lost) + offset).astype(np.uint8)


def cast(pixels: Pixels, strength: float, rng: Generator) -> Pixels:
    """The light turns warm or cold, with some green or magenta: red and blue by `strength` in log2 linear light."""
    sign = rng.choice([-1.0, 1.0])
    tint = rng.uniform(-0.25, 0.25) * strength
    gains = 2.0 ** np.array([sign * strength / 2, tint, -sign * strength / 2])
    # A camera keeps its highlights: the strongest channel is not pushed over the top.
    return to_bytes(to_linear(pixels) * (gains / gains.max()).astype(np.float32))


def noise(pixels: Pixels, level: float, rng: Generator) -> Pixels:
    """A small sensor's noise: `level` grey values of luma at mid grey, after a camera's own processing.

    Shot and read noise on a Bayer mosaic in linear light, demosaicked, encoded, and kept as JPEG 95: coarse grain, more
    of it in colour than in luma, stronger in the shade than in the light.
    """
    linear = to_linear(pixels).astype(np.float64)
    mosaic = _mosaic(linear)
    # At mid grey (.216 linear) the sRGB curve's slope is 1.09; demosaicking averages luma noise to about .55.
    sigma = level / 255 / 1.09 / 0.55
    mosaic += rng.normal(size=mosaic.shape) * sigma * np.sqrt(0.2 + 0.8 * mosaic / 0.216)
    raw = np.clip(mosaic * 60000 + 2000, 0, 65535).astype(np.uint16)
    colour = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB)
    clean_raw = np.clip(_mosaic(linear) * 60000 + 2000, 0, 65535).astype(np.uint16)
    # Only the noise goes through the camera: what demosaicking does to the scene is no part of this defect.
    grain = colour.astype(np.float64) - cv2.cvtColor(clean_raw, cv2.COLOR_BayerRGGB2RGB)
    return jpeg(to_bytes(linear + grain / 60000), 5, rng)


def _mosaic(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One of three colours in each pixel: red, green; green, blue."""
    mosaic = np.empty(linear.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = linear[row::2, column::2, channel]
    return mosaic


def white_noise(pixels: Pixels, level: float, rng: Generator) -> Pixels:
    """Gaussian noise of standard deviation `level` in each sample."""
    return np.clip(np.rint(pixels + rng.normal(0, level, pixels.shape)), 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, lost: float, rng: Generator) -> Pixels:
    """Compressed as JPEG of quality 100 - `lost` and decoded."""
    quality = max(1, round(100 - lost))
    blob = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.cvtColor(cv2.imdecode(blob, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def defocus(pixels: Pixels, sigma: float, rng: Generator) -> Pixels:
    """Blurred by a Gaussian of `sigma` pixels in linear light."""
    return to_bytes(cv2.GaussianBlur(to_linear(pixels), (0, 0), sigma))


def uneven(pixels: Pixels, stops: float, rng: Generator) -> Pixels:
    """Light falls off by `stops` from one side to the other, in a direction at random."""
    height, width = pixels.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:height, :width]
    along = np.cos(angle) * columns / width + np.sin(angle) * rows / height
    along = (along - along.min()) / np.ptp(along)
    return to_bytes(to_linear(pixels) * (2.0 ** (-stops * along))[..., None])


@dataclass(frozen=True, slots=True)
class Defect:
    """A way to spoil a photo, the strengths drawn from, and the strength from which it counts as severe."""

    name: str
    spoil: Spoil
    weakest: float
    strongest: float
    severe: float
    unit: str


DEFECTS = (
    Defect("dark", dark, 0.5, 3.5, 2.0, "stops"),
    Defect("low_contrast", low_contrast, 0.2, 0.8, 0.6, "share of the range lost"),
    Defect("cast", cast, 0.3, 1.8, 1.0, "log2 of red to blue"),
    Defect("noise", noise, 3.0, 25.0, 10.0, "grey values of luma at mid grey"),
    Defect("compression", jpeg, 40.0, 96.0, 85.0, "100 - quality"),
)
"""The defects of the certificate; strengths from below what is seen, over the policy's cut, to gross."""
