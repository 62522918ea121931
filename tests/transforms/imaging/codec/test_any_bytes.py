"""Whatever the bytes are: pixels or a refusal, and never a refusal of what Pillow loads."""

import contextlib
import io
import random
import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from transforms.errors import RefusalError
from transforms.imaging.codec.completeness import ends_early
from transforms.imaging.codec.container import COMMON, sniff
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.header import read_header
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Photo

LIMITS = DecodeLimits(max_pixels=2_000_000)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM")
ARBITER = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF"}
EXPECTED = {
    "truncated",
    "corrupt",
    "unsupported_format",
    "not_an_image",
    "too_many_pixels",
    "too_many_frames",
    "empty_file",
}


@cache
def valid(form: str) -> bytes:
    """A small photo with all that its format can carry beside the pixels."""
    x, y = np.meshgrid(np.arange(40), np.arange(25))
    picture = Image.fromarray(np.stack([x * 6, y * 10, (x ^ y) * 4], axis=-1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    options = {"exif": exif} if form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF") else {}
    out = io.BytesIO()
    picture.save(out, form, **options, **({"compression": "tiff_lzw"} if form == "TIFF" else {}))
    return out.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut, overwrite, double, drop or shift a few parts; more often near the front, where the sizes are."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(min(len(content), rng.choice((64, 400, 1_000_000))))
        kind = rng.randrange(6)
        if kind == 0:
            content[at] = rng.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del content[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            content[at:at] = content[at : at + rng.randrange(1, 200)]
        elif kind == 4:
            content[at : at + 4] = rng.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xd9\xff\xda")
            )
        else:
            del content[max(at, 12) :]
        if len(content) < 12:
            break
    return bytes(content)


def outcome(data: bytes) -> Photo | str:
    try:
        photo = decode(data, LIMITS)
    except RefusalError as refusal:
        return refusal.code
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.ndim == 3 and photo.pixels.shape[2] == 3
    assert (photo.header.width, photo.header.height) == photo.pixels.shape[1::-1]
    assert photo.pixels.shape[0] * photo.pixels.shape[1] <= LIMITS.max_pixels
    return photo


def pillow_loads(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
                within = picture.width * picture.height <= LIMITS.max_pixels
                return picture.format in ARBITER and within and getattr(picture, "n_frames", 1) <= LIMITS.max_frames
        except Exception:  # Whatever Pillow raises on broken bytes.
            return False


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_photo_is_pixels_or_a_refusal_and_pillow_is_the_arbiter(form: str) -> None:
    rng = random.Random(f"{form} 2026")
    loaded = 0
    for _ in range(80):
        data = damaged(valid(form), rng)
        result = outcome(data)
        if pillow_loads(data):
            assert isinstance(result, Photo), result
            loaded += 1
        if isinstance(result, str):
            assert result in EXPECTED
    # The mutations must reach the decoders on both sides of the line.
    assert loaded or form not in ARBITER


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damage_is_judged_alike_in_both_processes(form: str) -> None:
    rng = random.Random(f"{form} alike")
    for _ in range(40):
        data = damaged(valid(form), rng)
        here = outcome(data)
        try:
            there: Photo | str = decode(data, LIMITS, isolated=True)
        except RefusalError as refusal:
            there = refusal.code
        if isinstance(here, Photo) and isinstance(there, Photo):
            assert np.array_equal(here.pixels, there.pixels)
        else:
            assert here == there


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_answered(data: bytes) -> None:
    outcome(data)


MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"GIF89a",
    b"BM",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"P6\n",
    b"\x28\0\0\0\x05\0\0\0\x05\0\0\0\1\0",
)


@given(st.sampled_from(MAGIC), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_behind_a_formats_first_ones_are_answered(magic: bytes, rest: bytes) -> None:
    outcome(magic + rest)
    with contextlib.suppress(RefusalError):
        read_header(magic + rest, LIMITS)


@given(st.sampled_from(FORMATS), st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_cut_common_photo_is_truncated_or_whole_enough(form: str, share: float) -> None:
    whole = valid(form)
    data = whole[: max(len(whole) // 20, int(len(whole) * share))]
    result = outcome(data)
    if isinstance(result, str) and form.lower() in COMMON and len(data) > 30:
        assert result == "truncated"


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_file_does_not_end_early(form: str) -> None:
    assert not ends_early(sniff(valid(form)), valid(form))


@given(
    st.sampled_from(("jpeg", "png", "webp", "gif", "bmp", "tiff", "heif", "avif", "jpeg2000")), st.binary(max_size=200)
)
@settings(max_examples=300, deadline=None)
def test_looking_for_the_end_ends(form: str, data: bytes) -> None:
    assert ends_early(form, data) in (True, False)
