"""What comes out of `decode`, for every layout that a photo may be stored in."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from transforms.errors import RefusalError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.header import read_header
from transforms.imaging.codec.limits import DecodeLimits

LIMITS = DecodeLimits()


def stored(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def gradient(width: int = 64, height: int = 40) -> Image.Image:
    """Red rises to the right, green downwards; blue is constant."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 90)], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("form", ["PNG", "BMP", "DIB", "TIFF", "PPM"])
def test_lossless_formats_give_the_very_pixels(form: str) -> None:
    photo = decode(stored(gradient(), form), LIMITS)
    assert np.array_equal(photo.pixels, np.asarray(gradient()))
    assert photo.header.format == form.lower()
    assert photo.jpeg_quality is None


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_come_close(form: str) -> None:
    photo = decode(stored(gradient(), form, quality=95) if form != "JPEG2000" else stored(gradient(), form), LIMITS)
    assert np.abs(photo.pixels.astype(int) - np.asarray(gradient())).mean() < 3
    assert (photo.header.width, photo.header.height) == (64, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_resolved(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    picture = gradient(48, 16)
    data = stored(picture, form, exif=exif, **options)
    photo, header = decode(data, LIMITS), read_header(data, LIMITS)
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }[orientation](np.asarray(picture))
    assert photo.pixels.shape == turned.shape
    assert np.abs(photo.pixels.astype(int) - turned).max() <= (8 if form == "JPEG" else 0)
    assert (header.width, header.height, header.orientation) == (turned.shape[1], turned.shape[0], orientation)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda: b"", "empty_file"),
        (lambda: b"this is text, whatever its name says", "not_an_image"),
        (lambda: b"8BPS" + bytes(60), "unsupported_format"),
        (lambda: stored(gradient(), "JPEG")[:-200], "truncated"),
        (lambda: stored(gradient(), "PNG")[:-60], "truncated"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "truncated"),
    ],
)
def test_refusals_have_the_right_code(data: Callable[[], bytes], code: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        decode(data(), LIMITS)
    assert refusal.value.code == code


def test_limits_are_held_against_the_header() -> None:
    data = stored(gradient(), "PNG")
    for limits, code in (
        (DecodeLimits(max_bytes=len(data) - 1), "too_many_bytes"),
        (DecodeLimits(max_pixels=64 * 40 - 1), "too_many_pixels"),
    ):
        for function in (decode, read_header):
            with pytest.raises(RefusalError) as refusal:
                function(data, limits)
            assert refusal.value.code == code
    assert decode(data, DecodeLimits(max_bytes=len(data), max_pixels=64 * 40)).pixels.shape == (40, 64, 3)


def test_transparency_is_laid_on_white() -> None:
    picture = gradient().convert("RGBA")
    picture.putalpha(0)
    photo = decode(stored(picture, "PNG"), LIMITS)
    assert photo.notes == ("alpha_on_white",)
    assert photo.pixels.min() == 255


def test_an_alpha_channel_that_hides_nothing_is_not_worth_a_word() -> None:
    photo = decode(stored(gradient().convert("RGBA"), "PNG"), LIMITS)
    assert photo.notes == ()
    assert np.array_equal(photo.pixels, np.asarray(gradient()))


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = decode(stored(gradient(), "PNG", icc_profile=profile), LIMITS)
    assert photo.notes == ()
    assert np.array_equal(photo.pixels, np.asarray(gradient()))


def test_a_broken_profile_is_ignored_and_said() -> None:
    photo = decode(stored(gradient(), "PNG", icc_profile=b"no profile at all" * 20), LIMITS)
    assert photo.notes == ("icc_ignored",)
    assert np.array_equal(photo.pixels, np.asarray(gradient()))


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 90, 96, 100])
def test_jpeg_quality_is_estimated(quality: int) -> None:
    photo = decode(stored(gradient(), "JPEG", quality=quality), LIMITS)
    assert photo.jpeg_quality == quality
