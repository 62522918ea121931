"""Photos spoilt by degrees, as optics, light, sensor, processing and storage do it: what the defect outputs are trained on.

Each distortion takes a photo and a strength 0..1, where 0 is just about visible and 1 is gross; what it does grows with the
strength, so that steps of strength are steps of quality. What optics, light and sensor do is done to linear light, the rest to
stored pixels; several of them are done in the order in which they happen to a photo (`spoil_in_order`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.types import Pixels

Rng = np.random.Generator
Light = npt.NDArray[np.float32]
"""Height x width x 3, linear light, 0..1 where the sensor is not full."""


def _between(weak: float, gross: float, strength: float) -> float:
    """A parameter that grows by like ratios from weak to gross."""
    return float(weak * (gross / weak) ** strength)


def _convolved(light: Light, kernel: npt.NDArray[np.floating]) -> Light:
    spread = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT101)
    return np.asarray(spread, np.float32)


def defocus(light: Light, strength: float, rng: Rng) -> Light:
    """Optics out of focus: a disc of light in place of each point, or a Gaussian where the lens is soft."""
    radius = _between(1.5, 7.0, strength)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(light, (0, 0), radius / 1.8, borderType=cv2.BORDER_REFLECT101)
        return np.asarray(soft, np.float32)
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return _convolved(light, disc)


def shake(light: Light, strength: float, rng: Rng) -> Light:
    """A straight movement while the shutter was open."""
    length, angle = _between(5.0, 24.0, strength), rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    line = np.clip(length / 2 + 0.5 - abs(along), 0, 1) * np.clip(1 - abs(across), 0, 1)
    return _convolved(light, line)


def blur(light: Light, strength: float, rng: Rng) -> Light:
    """Out of focus, or shaken."""
    return (defocus if rng.random() < 0.6 else shake)(light, strength, rng)


def noise(light: Light, strength: float, rng: Rng) -> Light:
    """A sensor's shot and read noise in linear light, coarser where the camera smoothed it."""
    sigma = _between(0.025, 0.16, strength)
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    if rng.random() < 0.5:
        # Demosaicking and in-camera smoothing leave grain of more than a pixel, as strong as before.
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8), np.float32)
        grain /= grain.std()
    return light + np.float32(sigma) * grain * np.sqrt(0.05 + 0.8 * light)


def compression(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Stored as JPEG or WebP with too few bytes, half the time twice."""
    return read(compressed(pixels, strength, rng))


def compressed(pixels: Pixels, strength: float, rng: Rng) -> bytes:
    """The file of `compression`."""
    quality = round(_between(34.0, 5.0, strength))
    kind = "jpeg" if rng.random() < 0.75 else "webp"
    if rng.random() < 0.5:
        pixels = read(stored(pixels, "jpeg", int(rng.integers(80, 96))))
    return stored(pixels, kind, max(1, quality // 2) if kind == "webp" else quality)


def stored(pixels: Pixels, kind: str, quality: int) -> bytes:
    """A file of the pixels: `kind` is "jpeg" or "webp", quality 1..100; WebP over 100 is without loss."""
    suffix, flag = {"jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY), "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY)}[kind]
    return bytes(cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [flag, quality])[1])


def read(data: bytes) -> Pixels:
    """The pixels of a file that `stored` made."""
    found = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def under_exposure(light: Light, strength: float, rng: Rng) -> Light:
    """Too little light: 1.2 to 4 stops."""
    return light * np.float32(2.0 ** -_between(1.2, 4.0, strength))


def over_exposure(light: Light, strength: float, rng: Rng) -> Light:
    """Too much light: .8 to 2.6 stops, burnt out where it passes white."""
    return light * np.float32(2.0 ** _between(0.8, 2.6, strength))


def low_contrast(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Tones squeezed to .6 to .2 of their range, as by a veil of light or in murk."""
    span = _between(0.6, 0.2, strength)
    lift = rng.uniform(0.3, 0.9) * (1 - span) * 255
    return np.rint(pixels * span + lift).astype(np.uint8)


def cast(light: Light, strength: float, rng: Rng) -> Light:
    """Light of another colour: warm, cold, green or magenta, .5 to 1.8 stops between two channels."""
    stops = _between(0.5, 1.8, strength)
    warm = rng.choice([-1.0, 1.0]) * stops / 2
    gains = np.array([warm, rng.uniform(-0.3, 0.3) * stops, -warm])
    if rng.random() < 0.2:
        gains = np.array([-warm / 2, warm, -warm / 2])
    return light * (2.0 ** (gains - gains.max())).astype(np.float32)


def uneven_light(light: Light, strength: float, rng: Rng) -> Light:
    """Light falling off by 1.5 to 4 stops across the photo, or towards its corners."""
    stops = _between(1.5, 4.0, strength)
    height, width = light.shape[:2]
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    if rng.random() < 0.7:
        angle = rng.uniform(0, 2 * np.pi)
        fall = x * np.cos(angle) + y * np.sin(angle)
    else:
        fall = np.hypot(x - rng.uniform(-0.4, 0.4), y - rng.uniform(-0.4, 0.4))
    fall = (fall - fall.min()) / np.ptp(fall)
    return light * (2.0 ** (-stops * fall)).astype(np.float32)[..., None]


def low_resolution(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Enlarged from a picture 1.8 to 6 times smaller."""
    height, width = pixels.shape[:2]
    factor = _between(1.8, 6.0, strength)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[rng.integers(3)]
    return np.asarray(cv2.resize(small, (width, height), interpolation=how), np.uint8)


def over_sharpening(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """An unsharp mask laid on too thick: halos and harsh grain."""
    amount, sigma = _between(1.5, 6.0, strength), rng.uniform(0.8, 2.0)
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma).astype(np.float32)
    return np.clip(np.rint(pixels + amount * (pixels - soft)), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Distortion:
    """A way to spoil a photo, the defect that it makes, and the defects that it may be taken for."""

    defect: str
    change: Callable[[Any, float, Rng], Any]
    """Of linear light where `in_light`, else of stored pixels; its strength is 0..1."""
    akin: tuple[str, ...] = ()
    """Not told apart by looking: their absence is not asserted where this one is there."""
    in_light: bool = False

    def spoil(self, pixels: Pixels, strength: float, rng: Rng) -> Pixels:
        """A spoilt copy of a photo."""
        return spoil_in_order(pixels, [(self, strength)], rng)


DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("uneven_light", uneven_light, ("under_exposure",), in_light=True),
    Distortion("under_exposure", under_exposure, ("low_contrast",), in_light=True),
    Distortion("over_exposure", over_exposure, ("low_contrast",), in_light=True),
    Distortion("low_contrast", low_contrast),
    Distortion("cast", cast, ("under_exposure",), in_light=True),
    Distortion("blur", blur, ("low_resolution",), in_light=True),
    Distortion("noise", noise, in_light=True),
    Distortion("over_sharpening", over_sharpening),
    Distortion("low_resolution", low_resolution, ("blur",)),
    Distortion("compression", compression),
)
"""In the order in which the trained heads were taught; that of pairs of defects, too."""

PHYSICAL = (
    "blur",
    "uneven_light",
    "under_exposure",
    "over_exposure",
    "cast",
    "noise",
    "low_contrast",
    "over_sharpening",
    "low_resolution",
    "compression",
)
"""The defects in the order in which they happen to a photo: optics and motion, light, sensor, processing, resizing, storage."""


def in_physical_order(ways: Iterable[Distortion]) -> tuple[Distortion, ...]:
    """Distortions as they follow each other in a camera and on the way from it."""
    return tuple(sorted(ways, key=lambda way: PHYSICAL.index(way.defect)))


def spoil_in_order(pixels: Pixels, steps: Sequence[tuple[Distortion, float]], rng: Rng) -> Pixels:
    """Spoil a photo in several ways, one after the other: pairs of a distortion and its strength.

    Light stays linear, unrounded and unclipped as long as no step needs pixels: what a blur spreads was not burnt out before.
    """
    light: Light | None = None
    for distortion, strength in steps:
        if distortion.in_light:
            light = distortion.change(to_linear(pixels) if light is None else light, strength, rng)
            continue
        if light is not None:
            pixels, light = to_bytes(light), None
        pixels = distortion.change(pixels, strength, rng)
    return pixels if light is None else to_bytes(light)
