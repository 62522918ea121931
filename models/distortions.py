"""Photos spoilt by degrees, as optics, light, sensor, processing and storage do it: what the defect outputs are trained on.

Each distortion takes a photo and a strength 0..1, where 0 is just about visible and 1 is gross; what it does grows with the
strength, so that steps of strength are steps of quality. Light is changed in linear light, as a lamp or a lens would.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.types import Pixels

Rng = np.random.Generator
Spoil = Callable[[Pixels, float, Rng], Pixels]


def _between(weak: float, gross: float, strength: float) -> float:
    """A parameter that grows by like ratios from weak to gross."""
    return float(weak * (gross / weak) ** strength)


def _convolved(linear: npt.NDArray[np.float32], kernel: npt.NDArray[np.floating]) -> Pixels:
    spread = cv2.filter2D(linear, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT101)
    return to_bytes(np.asarray(spread, np.float32))


def defocus(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Optics out of focus: a disc of light in place of each point, or a Gaussian where the lens is soft."""
    radius = _between(1.5, 7.0, strength)
    linear = to_linear(pixels)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(linear, (0, 0), radius / 1.8, borderType=cv2.BORDER_REFLECT101)
        return to_bytes(np.asarray(soft, np.float32))
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return _convolved(linear, disc)


def shake(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """A straight movement while the shutter was open."""
    length, angle = _between(5.0, 24.0, strength), rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    line = np.clip(length / 2 + 0.5 - abs(along), 0, 1) * np.clip(1 - abs(across), 0, 1)
    return _convolved(to_linear(pixels), line)


def blur(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Out of focus, or shaken."""
    return (defocus if rng.random() < 0.6 else shake)(pixels, strength, rng)


def noise(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """A sensor's shot and read noise in linear light, coarser where the camera smoothed it."""
    sigma = _between(0.025, 0.16, strength)
    linear = to_linear(pixels)
    grain = rng.standard_normal(linear.shape, dtype=np.float32)
    if rng.random() < 0.5:
        # Demosaicking and in-camera smoothing leave grain of more than a pixel, as strong as before.
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8), np.float32)
        grain /= grain.std()
    return to_bytes(linear + sigma * grain * np.sqrt(0.05 + 0.8 * linear))


def compression(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Stored as JPEG or WebP with too few bytes, half the time twice."""
    quality = round(_between(34.0, 5.0, strength))
    kind, flag = (".jpg", cv2.IMWRITE_JPEG_QUALITY) if rng.random() < 0.75 else (".webp", cv2.IMWRITE_WEBP_QUALITY)
    if rng.random() < 0.5:
        pixels = _stored(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 96)))
    return _stored(pixels, kind, flag, max(1, quality // 2) if kind == ".webp" else quality)


def _stored(pixels: Pixels, kind: str, flag: int, quality: int) -> Pixels:
    data = cv2.imencode(kind, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [flag, quality])[1]
    read = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def under_exposure(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Too little light: 1.2 to 4 stops."""
    return to_bytes(to_linear(pixels) * 2.0 ** -_between(1.2, 4.0, strength))


def over_exposure(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Too much light: .8 to 2.6 stops, burnt out where it passes white."""
    return to_bytes(to_linear(pixels) * 2.0 ** _between(0.8, 2.6, strength))


def low_contrast(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Tones squeezed to .6 to .2 of their range, as by a veil of light or in murk."""
    span = _between(0.6, 0.2, strength)
    lift = rng.uniform(0.3, 0.9) * (1 - span) * 255
    return np.rint(pixels * span + lift).astype(np.uint8)


def cast(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Light of another colour: warm, cold, green or magenta, .5 to 1.8 stops between two channels."""
    stops = _between(0.5, 1.8, strength)
    warm = rng.choice([-1.0, 1.0]) * stops / 2
    gains = np.array([warm, rng.uniform(-0.3, 0.3) * stops, -warm])
    if rng.random() < 0.2:
        gains = np.array([-warm / 2, warm, -warm / 2])
    return to_bytes(to_linear(pixels) * (2.0 ** (gains - gains.max())).astype(np.float32))


def uneven_light(pixels: Pixels, strength: float, rng: Rng) -> Pixels:
    """Light falling off by 1.5 to 4 stops across the photo, or towards its corners."""
    stops = _between(1.5, 4.0, strength)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    if rng.random() < 0.7:
        angle = rng.uniform(0, 2 * np.pi)
        fall = x * np.cos(angle) + y * np.sin(angle)
    else:
        fall = np.hypot(x - rng.uniform(-0.4, 0.4), y - rng.uniform(-0.4, 0.4))
    fall = (fall - fall.min()) / np.ptp(fall)
    return to_bytes(to_linear(pixels) * (2.0 ** (-stops * fall)).astype(np.float32)[..., None])


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
    spoil: Spoil
    akin: tuple[str, ...] = ()
    """Not told apart by looking: their absence is not asserted where this one is there."""


DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("uneven_light", uneven_light, ("under_exposure",)),
    Distortion("under_exposure", under_exposure, ("low_contrast",)),
    Distortion("over_exposure", over_exposure, ("low_contrast",)),
    Distortion("low_contrast", low_contrast),
    Distortion("cast", cast, ("under_exposure",)),
    Distortion("blur", blur, ("low_resolution",)),
    Distortion("noise", noise),
    Distortion("over_sharpening", over_sharpening),
    Distortion("low_resolution", low_resolution, ("blur",)),
    Distortion("compression", compression),
)
"""In the order in which they happen to a photo: light, optics, sensor, processing, storage."""
