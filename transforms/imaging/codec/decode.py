"""Bytes to upright 8-bit sRGB pixels.

Three ways lead there, to the same pixels: a fast decoder for what nearly all photos are, Pillow for all else in the common
formats, and Pillow in another process for rare formats and for files under suspicion. What the fast one does not take goes
to Pillow, so Pillow alone decides what is refused.
"""

from dataclasses import replace

import cv2
import numpy as np
import simplejpeg
from PIL import ImageFile

from transforms.imaging.codec.colour import conversion_for, convert_rows
from transforms.imaging.codec.container import check_bytes, is_simple, open_header
from transforms.imaging.codec.isolation import decode_isolated
from transforms.imaging.codec.jpeg_quality import estimate_quality
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.codec.raster import decode_with_pillow
from transforms.imaging.types import Header, Photo, Pixels

MAX_SCAN_PIXELS = 3_000_000_000
"""Scans times pixels of a JPEG that is decoded in this process: some 10 s. Ordinary progressive files have ten scans."""


def decode(data: bytes, limits: DecodeLimits, *, isolated: bool = False) -> Photo:
    """Decode a photo, whatever its format.

    Args:
        data: the whole file.
        limits: what the file may ask for.
        isolated: decode in another process even where the format is a common one.

    Raises:
        RefusalError: one of the codes on files and decoders in `transforms.reasons.REFUSALS`.
    """
    check_bytes(data, limits)
    if isolated or not is_simple(data):
        return decode_isolated(data, limits)
    picture, header = open_header(data, limits)
    if _has_too_many_scans(data, header):
        return decode_isolated(data, limits)
    pixels = _decode_fast(data, picture, header)
    if pixels is None:
        photo = decode_with_pillow(data, limits)
        # Pillow forgives what libjpeg warns of, such as a scan that breaks off; a reader should know.
        damaged = header.format == "jpeg" and _is_plain_jpeg(picture)
        return replace(photo, notes=(*photo.notes, "damaged")) if damaged else photo
    pixels, notes = _in_srgb(pixels, picture)
    turned = _turn(pixels, header.orientation)
    notes = header.notes + notes + (("turned_upright",) if header.orientation != 1 else ())
    return Photo(turned, header, notes, estimate_quality(picture))


def _decode_fast(data: bytes, picture: ImageFile.ImageFile, header: Header) -> Pixels | None:
    """Decode without Pillow; None where it is not certain that the pixels would be the same."""
    if header.format == "jpeg" and _is_plain_jpeg(picture):
        try:
            pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False, strict=True)
        except (ValueError, MemoryError):  # What libjpeg warns of is an error here.
            return None
    elif header.format == "webp" and picture.mode == "RGB" and header.frames == 1:
        bare = _bare_webp(data)
        try:
            pixels = cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            return None
    else:
        return None
    return pixels if pixels is not None and pixels.shape[1::-1] == picture.size else None


def _bare_webp(data: bytes) -> bytes:
    """Return the picture's chunk alone as a WebP; OpenCV would read on past its end, into the next chunk, as if it were pixels."""
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + (length & 1)
        if data[at : at + 4] in (b"VP8 ", b"VP8L"):
            return b"RIFF" + (end - at + 4).to_bytes(4, "little") + b"WEBP" + data[at:end]
        at = end
    return b"RIFF"


def _is_plain_jpeg(picture: ImageFile.ImageFile) -> bool:
    """Tell whether libjpeg gives RGB as it is: three channels of 8 bits, or grey without a profile of its own."""
    plain = picture.mode == "RGB" or (picture.mode == "L" and not picture.info.get("icc_profile"))
    return plain and getattr(picture, "bits", 8) == 8


def _in_srgb(pixels: Pixels, picture: ImageFile.ImageFile) -> tuple[Pixels, tuple[str, ...]]:
    profile = picture.info.get("icc_profile")
    if not profile:
        return pixels, ()
    conversion = conversion_for(profile, "RGB")
    if conversion is None:
        return pixels, ("icc_ignored",)
    if conversion.transform is None:
        return pixels, ()
    convert_rows(pixels, conversion.transform)
    return pixels, ("icc_converted",)


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Turn stored pixels upright by their EXIF orientation 1..8."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)  # type: ignore[return-value]


def _has_too_many_scans(data: bytes, header: Header) -> bool:
    """Tell whether a JPEG makes the decoder pass over its pixels for longer than a photo ever does."""
    return header.format == "jpeg" and data.count(b"\xff\xda") * header.width * header.height > MAX_SCAN_PIXELS
