"""Decode with Pillow in this process, whatever the format: the arbiter of what can be decoded, and of its pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, TiffImagePlugin

from transforms.errors import RefusalError
from transforms.imaging.codec.colour import STRIP_PIXELS, to_srgb
from transforms.imaging.codec.container import TURNED_BY_PILLOW, broken, open_header
from transforms.imaging.codec.jpeg_quality import estimate_quality
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Header, Photo, Pixels

_PHOTOMETRIC, _BITS = 262, 258
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_with_pillow(data: bytes, limits: DecodeLimits) -> Photo:
    """Decode to upright 8-bit sRGB pixels.

    Raises:
        RefusalError: all codes of `open_header`, and decode_memory.
    """
    picture, header = open_header(data, limits)
    quality = estimate_quality(picture)
    try:
        _span_raw_tile(picture)
        picture.load()
        _check_still_within(picture, limits)
        upright, notes = flatten(picture, header)
    except RefusalError:
        raise
    except MemoryError:
        raise RefusalError(
            "decode_memory", f"{header.width} x {header.height} pixels need more memory than there is"
        ) from None
    except Exception as error:  # Decoders raise nearly anything on broken data.
        raise broken(header.format, data, error) from error
    pixels = as_array(upright)
    return Photo(pixels, _with_size(header, pixels), header.notes + notes, quality)


def as_array(picture: Image.Image) -> Pixels:
    """Copy an RGB picture a few rows at a time: at once, Pillow would hold the photo three times over."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        pixels[top : top + rows] = np.frombuffer(strip.tobytes(), np.uint8).reshape(strip.height, strip.width, 3)
    return pixels


def _span_raw_tile(picture: ImageFile.ImageFile) -> None:
    """Let the one tile of an uncompressed file be the whole picture, whatever size it gives itself.

    Pillow does so where it maps a named file into memory; of bytes it would refuse what it loads from disk.
    """
    if len(picture.tile) == 1 and picture.tile[0].codec_name == "raw" and picture.mode in Image._MAPMODES:
        picture.tile = [picture.tile[0]._replace(extents=(0, 0, *picture.size))]


def flatten(picture: Image.Image, header: Header) -> tuple[Image.Image, tuple[str, ...]]:
    """Bring a loaded picture of any mode to RGB: 8 bits, on white, in sRGB, upright; and say what that took."""
    flat, depth_notes = _eight_bits(picture)
    opaque, alpha_notes = on_white(flat)
    rgb, colour_notes = to_srgb(opaque)
    if header.orientation != 1 and header.format not in TURNED_BY_PILLOW:
        rgb = rgb.transpose(_TURNS[header.orientation])
    turned = ("turned_upright",) if header.orientation != 1 else ()
    return rgb, depth_notes + alpha_notes + colour_notes + turned


def on_white(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Lay a picture with transparency on white; return one of mode RGB, L, CMYK or LAB."""
    if picture.mode in ("RGB", "L", "CMYK", "LAB") and "transparency" not in picture.info:
        return picture, ()
    if (
        picture.mode in ("1", "P", "YCbCr", "HSV", "RGBX")
        and "transparency" not in picture.info
        and not _palette_alpha(picture)
    ):
        return _keep_profile(picture.convert("L" if picture.mode == "1" else "RGB"), picture), ()
    rgba = picture.convert("RGBA")
    lowest, _ = rgba.getchannel("A").getextrema()
    if lowest == 255:
        return _keep_profile(rgba.convert("RGB"), picture), ()
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return _keep_profile(Image.alpha_composite(white, rgba).convert("RGB"), picture), ("alpha_on_white",)


def _palette_alpha(picture: Image.Image) -> bool:
    return picture.palette is not None and picture.palette.mode == "RGBA"


def _keep_profile(made: Image.Image, original: Image.Image) -> Image.Image:
    """Hand the ICC profile on, where the conversion stayed within RGB."""
    profile = original.info.get("icc_profile")
    made.info = {"icc_profile": profile} if profile else {}
    return made


def _eight_bits(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Bring grey pictures of 16 and 32 bits and of floats to 8 bits; leave the others.

    16 bits lose the lower byte, as Pillow has it for colour. A range that the file does not say is taken from the
    values.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture, ()
    values: npt.NDArray[Any] = np.asarray(picture)
    bits, inverted = 16, False
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        bits = int(max(picture.tag_v2.get(_BITS, (16,))))
        inverted = picture.tag_v2.get(_PHOTOMETRIC) == 0
    if picture.mode.startswith("I;16"):
        grey, notes = (values >> max(0, bits - 8)).clip(0, 255).astype(np.uint8), ("sixteen_bit",)
    else:
        grey, notes = _stretch(values), ("range_stretched",)
    return _keep_profile(Image.fromarray(255 - grey if inverted else grey), picture), notes


def _stretch(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Map 0..1 (floats), 0..255 or 0..65535 as they are meant, anything else from its least to its greatest value."""
    finite = np.where(np.isfinite(values), values, 0).astype(np.float64)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 1 and values.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 255.0 if high <= 255 else 65535.0
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return ((finite - low) * (255 / (high - low)) + 0.5).astype(np.uint8)


def _check_still_within(picture: ImageFile.ImageFile, limits: DecodeLimits) -> None:
    if picture.width * picture.height > limits.max_pixels:
        raise RefusalError("too_many_pixels", f"{picture.width} x {picture.height} pixels, more than its header says")


def _with_size(header: Header, pixels: Pixels) -> Header:
    """Correct the size where decoding found another than the header had."""
    height, width = pixels.shape[:2]
    if (header.width, header.height) == (width, height):
        return header
    return Header(header.format, width, height, header.mode, header.frames, header.orientation, header.notes)
