"""Which format the bytes are in, and what their header says: read in this process, without decoding a pixel.

The name of a file is never asked. Pillow's classes parse the headers; each is called by itself, because `Image.open`
would try others and judge sizes by a global limit of its own.
"""

import io
import re
import struct
import warnings
from collections.abc import Callable

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from transforms.errors import RefusalError
from transforms.imaging.codec.completeness import ends_early, is_of_many_parts, png_chunks
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Header

# What a parser has to say of a file goes into notes and refusals, not to stderr.
warnings.filterwarnings("ignore", module=r"PIL\.")

COMMON = frozenset({"jpeg", "png", "webp"})
"""The formats that decode in this process: nearly all photos are in them, and their decoders have been fuzzed long."""

TURNED_BY_PILLOW = frozenset({"tiff"})
"""The formats whose pictures Pillow turns upright by itself as they load, and whose size it gives as turned."""

ORIENTATION = 0x0112
"""The EXIF tag (CIPA DC-008, table 4): 1 upright; 2 to 8 mirrored or turned; from 5 on width and height swap."""


def sniff(data: bytes) -> str:
    """Name the format by the first bytes.

    Raises:
        RefusalError: empty_file, not_an_image, or unsupported_format for an image that is not decoded here.
    """
    if not data:
        raise RefusalError("empty_file", "the file has 0 bytes")
    head = data[:64]
    for name, prefixes in _PREFIXES.items():
        if head.startswith(prefixes):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _iso_media(data)
    if len(data) > 16 and int.from_bytes(head[:4], "little") in (40, 52, 56, 64, 108, 124) and head[12:14] == b"\1\0":
        return "dib"
    if (other := _other_image(data)) is not None:
        raise RefusalError("unsupported_format", f"{other} is not decoded here")
    raise RefusalError("not_an_image", "the first bytes are of no image format")


def open_header(data: bytes, limits: DecodeLimits) -> tuple[ImageFile.ImageFile, Header]:
    """Parse the header and hold it against the limits; the picture that is returned has decoded nothing yet.

    Raises:
        RefusalError: also too_many_bytes, too_many_pixels, too_many_frames, truncated, corrupt.
    """
    check_bytes(data, limits)
    name = sniff(data)
    if name == "webp":
        # libwebp allots the whole canvas as soon as it is asked for the header.
        _check_pixels(*_webp_canvas(data), limits)
    picture = _parse(name, data)
    _check_pixels(*picture.size, limits)
    frames, notes = _frames(name, data, picture, limits)
    orientation = _orientation(name, data, picture)
    width, height = picture.size if orientation < 5 or name in TURNED_BY_PILLOW else picture.size[::-1]
    return picture, Header(name, width, height, picture.mode, frames, orientation, notes)


def is_simple(data: bytes) -> bool:
    """Tell whether a file may be read in this process: of a common format, and not made to keep its parser busy."""
    name = sniff(data)
    return name in COMMON and not is_of_many_parts(name, data)


def check_bytes(data: bytes, limits: DecodeLimits) -> None:
    """Raise too_many_bytes where the file is larger than the limit."""
    if len(data) > limits.max_bytes:
        raise RefusalError("too_many_bytes", f"{len(data)} bytes; the limit is {limits.max_bytes}")


def _check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    if width * height > limits.max_pixels:
        raise RefusalError("too_many_pixels", f"{width} x {height} pixels; the limit is {limits.max_pixels} in all")
    if width < 1 or height < 1:
        raise RefusalError("corrupt", f"the header says {width} x {height} pixels")


def _parse(name: str, data: bytes) -> ImageFile.ImageFile:
    try:
        return _OPENERS[name](io.BytesIO(data))
    except RefusalError:
        raise
    except MemoryError:
        raise RefusalError("decode_memory", "the header alone asks for more memory than there is") from None
    except Image.DecompressionBombError as error:
        raise RefusalError("too_many_pixels", "the first frame asks for far more pixels than the limit") from error
    except Exception as error:  # Pillow's parsers raise nearly anything on broken headers.
        raise broken(name, data, error) from error


def broken(name: str, data: bytes, error: Exception) -> RefusalError:
    """Say of a file that its decoder gave up on: is it a variant not known here, did it end too early, or is it wrong?"""
    detail = str(error) or type(error).__name__
    if isinstance(error, NotImplementedError) or _UNKNOWN_VARIANT.match(detail):
        return RefusalError("unsupported_format", f"a variant of {name} that is not decoded here ({detail})")
    if ends_early(name, data):
        return RefusalError("truncated", f"the {name} file ends before its picture does ({detail})")
    return RefusalError("corrupt", f"the {name} file cannot be decoded ({detail})")


def _frames(name: str, data: bytes, picture: ImageFile.ImageFile, limits: DecodeLimits) -> tuple[int, tuple[str, ...]]:
    frames = int(getattr(picture, "n_frames", 1) or 1) if name not in ("jpeg", "gif", "tiff") else 1
    if name in ("gif", "tiff"):
        # Of a picture of its own: a broken later frame would leave its traces in the first.
        frames = _seek_frames(_parse(name, data), limits.max_frames)
    if name == "jpeg" and "mp" in picture.info:
        frames = _mpo_pictures(picture)
    if frames > limits.max_frames:
        raise RefusalError("too_many_frames", f"more than {limits.max_frames} frames")
    return frames, ("first_frame",) if frames > 1 else ()


def _seek_frames(picture: ImageFile.ImageFile, most: int) -> int:
    """Count frames of a GIF or pages of a TIFF, up to one more than the limit; a broken later one ends the count."""
    frames = 1
    try:
        while frames <= most:
            picture._seek(frames, False) if isinstance(picture, GifImagePlugin.GifImageFile) else picture.seek(frames)
            frames += 1
    except Exception:  # The first frame is what counts; what is wrong behind it is not asked.
        pass
    return frames


def _mpo_pictures(picture: ImageFile.ImageFile) -> int:
    """Count the pictures of a phone's Multi-Picture file (CIPA DC-007); the first is an ordinary JPEG."""
    try:
        index = picture._getmp()  # type: ignore[attr-defined]
        return max(1, int(index[0xB001])) if index else 1
    except Exception:  # A broken index leaves the first picture as it is.
        return 1


def _orientation(name: str, data: bytes, picture: ImageFile.ImageFile) -> int:
    try:
        if name == "png" and "exif" not in picture.info:
            # Asking Pillow would decode the picture, to look behind it.
            late = next((body for kind, body in png_chunks(data) if kind == b"eXIf"), None)
            exif = Image.Exif()
            exif.load(bytes(late) if late else b"")
            if not late:
                return 1
        else:
            exif = picture.getexif()
        orientation = exif.get(ORIENTATION, 1)
    except Exception:  # EXIF is a courtesy: a broken block says nothing.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """Read the canvas from a WebP's first chunk (RFC 9649, 2.5 to 2.7); 1 x 1 where it is none of the three."""
    if len(data) >= 30 and data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if len(data) >= 25 and data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(data) >= 30 and data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return max(1, width & 0x3FFF), max(1, height & 0x3FFF)
    return 1, 1


def _iso_media(data: bytes) -> str:
    """Tell HEIC, AVIF and what is neither by the brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    size = min(int.from_bytes(data[:4], "big") or len(data), 512)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data)), 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}:
        return "heif"
    brand = data[8:12].decode("latin-1").strip()
    if data[8:12] in (b"crx ", b"jxl ") or brands & {b"miaf", b"jpeg", b"j2ki", b"vvic", b"evbi"}:
        raise RefusalError("unsupported_format", f"an image of the brand {brand!r} is not decoded here")
    raise RefusalError("not_an_image", f"a media file of the brand {brand!r}, such as a video")


def _other_image(data: bytes) -> str | None:
    head = data[:1024]
    for what, prefixes in _UNSUPPORTED.items():
        if head.startswith(prefixes):
            return what
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return "a Targa picture"
    if head[4:6] in (b"\x11\xaf", b"\x12\xaf") and len(data) > 128:
        return "a FLI animation"
    if head[40:44] == b" EMF":
        return "a Windows metafile"
    if head[128:132] == b"DICM":
        return "a DICOM picture"
    if b"<svg" in head.lower():
        return "a drawing in SVG"
    return None


def _open_heif(file: io.BytesIO) -> ImageFile.ImageFile:
    # Imported where it is used: only the decoding process needs it.
    from pillow_heif import HeifImageFile

    return HeifImageFile(file)


# What Pillow says where a file is of a variant that it does not know; a bare number is a TIFF's compression.
_UNKNOWN_VARIANT = re.compile(
    r"unknown pixel mode|cannot handle \d+-bit layers|Unsupported BMP (bitfields|compression|pixel depth|header)|\d+$"
    r"|unable to determine J2K|Unknown compression method"
)

_PREFIXES: dict[str, tuple[bytes, ...]] = {
    "jpeg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "gif": (b"GIF87a", b"GIF89a"),
    "bmp": (b"BM",),
    "tiff": (b"II\x2a\0", b"MM\0\x2a", b"MM\x2a\0", b"II\0\x2a", b"MM\0\x2b", b"II\x2b\0"),
    "jpeg2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "ppm": tuple(
        b"P" + kind + space for kind in (b"1", b"2", b"3", b"4", b"5", b"6") for space in (b" ", b"\t", b"\n", b"\r")
    ),
}

_UNSUPPORTED: dict[str, tuple[bytes, ...]] = {
    "a Photoshop document": (b"8BPS",),
    "an icon": (b"\0\0\1\0", b"\0\0\2\0", b"icns"),
    "PostScript": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG XR": (b"II\xbc\x01",),
    "a raw camera file": (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"\0MRM"),
    "OpenEXR": (b"\x76\x2f\x31\x01",),
    "Radiance HDR": (b"#?RADIANCE", b"#?RGBE"),
    "a GIMP document": (b"gimp xcf",),
    "a DirectDraw surface": (b"DDS ",),
    "a Windows metafile": (b"\xd7\xcd\xc6\x9a", b"\1\0\0\0\x6c\0\0\0", b"\1\0\x09\0\0\3"),
    "FITS": (b"SIMPLE  =",),
    "QOI": (b"qoif",),
    "BPG": (b"BPG\xfb",),
    "FLIF": (b"FLIF",),
    "DjVu": (b"AT&TFORM",),
    "an SGI picture": (b"\x01\xda\0", b"\x01\xda\1"),
    "a Blizzard texture": (b"BLP1", b"BLP2"),
    "a Sun raster": (b"\x59\xa6\x6a\x95",),
    "a PCX picture": (b"\x0a\2\1", b"\x0a\3\1", b"\x0a\5\1", b"\xb1\x68\xde\x3a"),
    "an XPM picture": (b"/* XPM */",),
    "an XBM picture": (b"#define ",),
    "a portable map": (b"P7\n", b"PF\n", b"Pf\n"),
    "JBIG2": (b"\x97JB2\r\n\x1a\n",),
    "MNG": (b"\x8aMNG", b"\x8bJNG"),
}

_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "dib": BmpImagePlugin.DibImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "jpeg2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "ppm": PpmImagePlugin.PpmImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "heif": _open_heif,
}
