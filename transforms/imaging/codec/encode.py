"""Mended pixels to the bytes to deliver: sRGB, upright, with the original's harmless metadata and provenance."""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from PIL import Image, ImageCms

from transforms.errors import UserError
from transforms.imaging.codec import metadata
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Pixels
from transforms.settings import setting


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How a mended photo is written."""

    format: str = setting("jpeg", unit="", why="jpeg, webp or png; every shop takes JPEG", decides=True)
    quality: int = setting(90, unit="1..100", why="of JPEG and WebP: no visible loss on top of the mend", decides=True)
    subsampling: str = setting(
        "4:4:4", unit="", why="4:4:4 or 4:2:0 in JPEG; halved colour blurs red edges", decides=True
    )
    progressive: bool = setting(False, unit="", why="a little smaller in JPEG, but several times slower", decides=True)

    def __post_init__(self) -> None:
        if self.format not in ("jpeg", "webp", "png"):
            raise UserError(f"encode.format is {self.format!r}; it can be jpeg, webp or png")
        if not 1 <= self.quality <= 100:
            raise UserError(f"encode.quality is {self.quality}; it can be 1 to 100")
        if self.subsampling not in ("4:4:4", "4:2:0"):
            raise UserError(f"encode.subsampling is {self.subsampling!r}; it can be 4:4:4 or 4:2:0")


def encode(
    pixels: Pixels, original: bytes, settings: EncodeSettings, step: str = "", when: datetime | None = None
) -> bytes:
    """Encode mended pixels; the same arguments give the same bytes.

    Kept from the original: what `metadata` lists as harmless, and its provenance, to which our step is added. Not kept:
    position, serial numbers, maker notes, thumbnails, comments, and whatever is not on the list. Transparency does not
    come back: the pixels were laid on white when they were decoded.

    Args:
        pixels: height x width x 3, uint8, sRGB, upright.
        original: the bytes that the pixels were decoded from.
        settings: the format and how strongly it compresses.
        step: what was done, in words, for the history (e.g. "exposure +1.2 EV").
        when: when it was done; None leaves the time out of the history.
    """
    kept = metadata.of_original(original, DecodeLimits())
    picture = Image.fromarray(pixels)
    out = io.BytesIO()
    common = {
        "icc_profile": srgb_profile(),
        "exif": kept.exif,
        "xmp": metadata.xmp_with_step(kept, step, when),
    }
    if settings.format == "jpeg":
        picture.save(
            out,
            "JPEG",
            quality=settings.quality,
            subsampling=settings.subsampling,
            progressive=settings.progressive,
            optimize=False,
            **common,
        )
    elif settings.format == "webp":
        picture.save(out, "WEBP", quality=settings.quality, method=4, **common)
    else:
        xmp = common.pop("xmp")
        picture.save(out, "PNG", pnginfo=metadata.as_png_text(xmp), **common)
    return out.getvalue()


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return an sRGB profile whose bytes do not depend on the day (ICC.1:2022, 7.2: bytes 24 to 35 are the date)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07E8 0001 0001 0000 0000 0000")
    # Bytes 84 to 99 may hold a checksum that covered the date; zero means "not computed".
    profile[84:100] = bytes(16)
    return bytes(profile)
