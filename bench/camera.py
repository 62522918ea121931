"""Noise as a camera's JPEG has it: a clean photo is taken back to the sensor, made noisy there, and developed again.

Photons and the amplifier make the noise on a Bayer mosaic; demosaicking, white balance, the colour matrix, a camera's
own smoothing and sharpening, its tone curve and JPEG make of it what is seen: coarse grain, blotches of colour, more in
the shade, weaker where the camera smoothed. How much of each is drawn by photo, as cameras and their settings differ.

Source: Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019 (the order of the steps, the ranges of
gains and of shot and read noise); the demosaicking is Malvar, He and Cutler's, "High-quality linear interpolation for
demosaicing of Bayer-patterned color images", ICASSP 2004, or bilinear.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bench.spoil import jpeg
from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.types import Pixels

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera at one setting: what is drawn once for a photo."""

    shot: float
    """Variance of a sample per unit of its light, raw 0..1."""
    read: float
    """Variance of a sample in the dark."""
    lens: float
    """Sigma in pixels of what lens and low-pass filter leave of a point: a photo at its full size is soft."""
    red: float
    blue: float
    """White balance gains."""
    saturation: float
    """Of the colour matrix: 1 leaves colours as they are, more subtracts the other channels."""
    smoothing: float
    """Sigma of the range of the camera's own bilateral filter, in its noise's standard deviations; 0 is none."""
    blur_of_colour: float
    """Sigma in pixels by which the camera blurs chroma to hide its blotches; 0 is none."""
    sharpening: float
    bilinear: bool
    quality: int


def draw(rng: np.random.Generator) -> Camera:
    """A camera and its setting, drawn from what reflex cameras and phones do from base ISO in the sun to 6400 indoors."""
    shot = float(np.exp(rng.uniform(np.log(3e-5), np.log(6e-3))))
    return Camera(
        shot=shot,
        read=float(np.exp(2.18 * np.log(shot) + 1.2 + rng.normal(0, 0.26))),
        lens=float(rng.uniform(0.6, 1.1)),
        red=float(rng.uniform(1.6, 2.4)),
        blue=float(rng.uniform(1.4, 1.9)),
        saturation=float(rng.uniform(1.2, 1.7)),
        smoothing=float(rng.choice([0.0, rng.uniform(0.5, 3.0)])),
        blur_of_colour=float(rng.choice([0.0, rng.uniform(0.5, 2.5)])),
        sharpening=float(rng.choice([0.0, rng.uniform(0.1, 0.5)])),
        bilinear=bool(rng.random() < 0.3),
        quality=int(rng.integers(92, 100)),
    )


def shoot(clean: Pixels, camera: Camera, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Take one photo of a scene: as the camera writes it, and as the mean of many such photos would be.

    Args:
        clean: height x width x 3, uint8, sRGB; even sides are kept, an odd row or column is dropped.
        camera: whose noise and processing.
        rng: the noise.

    Returns:
        The noisy and the clean photo, both developed in the same way.
    """
    height, width = (side - side % 2 for side in clean.shape[:2])
    scene = cv2.GaussianBlur(to_linear(clean[:height, :width]), (0, 0), camera.lens)
    raw = _sensor(np.asarray(scene, np.float32), camera)
    noise = rng.normal(size=raw.shape) * np.sqrt(camera.shot * raw + camera.read)
    noisy = np.clip(raw + noise.astype(np.float32), 0.0, 1.0)
    # The mean of many JPEGs keeps what each of them does to colour, and nothing of its rounding.
    return jpeg(_develop(noisy, camera), 100 - camera.quality, rng), jpeg(_develop(raw, camera), 0, rng)


def _matrix(camera: Camera) -> Plane:
    own = camera.saturation
    other = (1.0 - own) / 2
    return np.full((3, 3), other, np.float32) + np.eye(3, dtype=np.float32) * np.float32(own - other)


def _sensor(linear: Plane, camera: Camera) -> Plane:
    """The mosaic that a sensor reads of linear sRGB light: red, green; green, blue."""
    colour = np.clip(linear @ np.linalg.inv(_matrix(camera)).T, 0.0, 1.0)
    colour = colour / np.array([camera.red, 1.0, camera.blue], np.float32)
    mosaic = np.empty(colour.shape[:2], np.float32)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = colour[row::2, column::2, channel]
    return mosaic


def _develop(mosaic: Plane, camera: Camera) -> Pixels:
    gains = np.array([camera.red, 1.0, camera.blue], np.float32)
    colour = _demosaic(mosaic, camera.bilinear) * gains
    linear = np.clip(colour, 0.0, 1.0) @ _matrix(camera).T
    developed = to_bytes(np.ascontiguousarray(linear, np.float32))
    if camera.smoothing:
        # What the noise is at mid grey, encoded: the slope of the sRGB curve there is 1.09.
        level = 255 * 1.09 * 0.55 * float(np.sqrt(camera.shot * 0.18 + camera.read))
        developed = np.asarray(cv2.bilateralFilter(developed, 5, 2.0 * camera.smoothing * level, 1.5), np.uint8)
    if camera.blur_of_colour:
        planes = cv2.cvtColor(developed, cv2.COLOR_RGB2YCrCb)
        planes[..., 1:] = cv2.GaussianBlur(planes[..., 1:], (0, 0), camera.blur_of_colour)
        developed = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)
    if camera.sharpening:
        soft = cv2.GaussianBlur(developed, (0, 0), 1.0)
        developed = np.asarray(
            cv2.addWeighted(developed, 1 + camera.sharpening, soft, -camera.sharpening, 0.0), np.uint8
        )
    return developed


_CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_FULL = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
_LAPLACIAN = np.zeros((5, 5), np.float32)
_LAPLACIAN[2, 2] = 4
_LAPLACIAN[0, 2] = _LAPLACIAN[4, 2] = _LAPLACIAN[2, 0] = _LAPLACIAN[2, 4] = -1


def _demosaic(mosaic: Plane, bilinear: bool) -> Plane:
    """Three channels from the mosaic: bilinear, and corrected by the local Laplacian of the channel that was read."""
    height, width = mosaic.shape
    masks = np.zeros((3, height, width), np.float32)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        masks[channel, row::2, column::2] = 1
    channels = []
    for channel, kernel in enumerate((_FULL, _CROSS, _FULL)):
        plane = cv2.filter2D(mosaic * masks[channel], -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        channels.append(np.where(masks[channel] > 0, mosaic, plane))
    if not bilinear:
        bend = cv2.filter2D(mosaic, -1, _LAPLACIAN, borderType=cv2.BORDER_REFLECT_101) / 8
        # Of green half the Laplacian of the colour read there, of red and blue five eighths of green's.
        channels[1] = channels[1] + np.where(masks[1] > 0, 0, bend)
        for channel in (0, 2):
            channels[channel] = channels[channel] + np.where(masks[channel] > 0, 0, 1.25 * bend * masks[1])
    return np.stack(channels, axis=-1).astype(np.float32)
