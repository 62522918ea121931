"""From the colours that a file is stored in to sRGB: embedded ICC profiles (ICC.1:2022) through Little CMS."""

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from transforms.imaging.types import Pixels

MAX_PROFILE_BYTES = 8_000_000
"""Press profiles have 0.5 to 3 MB; what is larger is no profile that a camera or an editor wrote."""

STRIP_PIXELS = 65_536
"""How much of a photo is converted at once: 256 kB, so that it stays in the cache."""

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
_INTENT = ImageCms.Intent.PERCEPTUAL


class _Conversion(NamedTuple):
    transform: ImageCms.ImageCmsTransform | None
    """None where the profile is sRGB already, to one level of 255."""


def to_srgb(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an 8-bit picture of mode RGB, L, CMYK or LAB to RGB in sRGB, by its profile where it has a usable one.

    Returns:
        The picture in mode RGB, and notes: "icc_converted", or "icc_ignored" for a profile that is broken or of another
        colour space, and "cmyk_without_profile" where the four inks had to be mixed by arithmetic.
    """
    profile = picture.info.get("icc_profile")
    if picture.mode == "LAB":
        return _apply(picture, _lab()), ()
    if profile:
        conversion = conversion_for(profile, picture.mode)
        if conversion is not None:
            if conversion.transform is None:
                return _as_rgb(picture), ()
            return _apply(picture, conversion.transform), ("icc_converted",)
    notes: tuple[str, ...] = ("icc_ignored",) if profile else ()
    if picture.mode == "CMYK":
        notes += ("cmyk_without_profile",)
    return _as_rgb(picture), notes


def _as_rgb(picture: Image.Image) -> Image.Image:
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def convert_rows(pixels: Pixels, transform: ImageCms.ImageCmsTransform) -> None:
    """Convert RGB pixels in place, a few rows at a time: they stay in the cache, and no second photo is allotted."""
    rows = max(1, STRIP_PIXELS // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows]
        picture = Image.frombuffer("RGB", strip.shape[1::-1], strip, "raw", "RGB", 0, 1)
        ImageCms.applyTransform(picture, transform, inPlace=True)
        strip[:] = np.frombuffer(picture.tobytes("raw", "RGB"), np.uint8).reshape(strip.shape)


def _apply(picture: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    made = ImageCms.applyTransform(picture, transform)
    assert made is not None  # None only where it works in place
    return made


@lru_cache(maxsize=64)
def conversion_for(profile: bytes, mode: str) -> _Conversion | None:
    """Build the conversion from a profile to sRGB; None where the profile does not fit the mode or cannot be used."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", _INTENT)
        probe = _probe(mode)
        changed = np.asarray(_apply(probe, transform)).astype(int) - np.asarray(probe.convert("RGB"))
    except Exception:  # Little CMS on a broken profile raises whatever it meets.
        return None
    same = mode != "CMYK" and int(np.abs(changed).max()) <= 1
    return _Conversion(None if same else transform)


@lru_cache(maxsize=1)
def _lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB", _INTENT)


def _probe(mode: str) -> Image.Image:
    """Make a picture of all combinations of nine levels for each channel."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    bands = len(mode) if mode != "L" else 1
    grid = np.stack(np.meshgrid(*[levels] * bands, indexing="ij"), axis=-1).reshape(1, -1, bands)
    return Image.fromarray(grid[..., 0] if bands == 1 else np.ascontiguousarray(grid), mode)
