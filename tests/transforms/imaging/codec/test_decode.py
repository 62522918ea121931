"""What comes out of `decode`, for every layout that a photo may be stored in."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from transforms.errors import RefusalError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.header import read_header
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.codec.raster import decode_with_pillow

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
        (lambda: b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (lambda: bytes(4) + b"\x12\xaf" + bytes(200), "unsupported_format"),
        (lambda: b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100), "not_an_image"),
        (lambda: b"%PDF-1.7\n" + bytes(100), "not_an_image"),
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


def test_a_wide_gamut_comes_out_in_srgb(profiles: Any) -> None:
    # Adobe RGB (1998) of this value is sRGB (64, 160, 80) to a level, by the matrices of both standards.
    picture = Image.new("RGB", (32, 32), (103, 159, 86))
    for form, options in (("PNG", {}), ("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0})):
        photo = decode(stored(picture, form, icc_profile=profiles.wide_rgb, **options), LIMITS)
        assert photo.notes == ("icc_converted",)
        assert np.abs(photo.pixels.astype(int) - (64, 160, 80)).max() <= 3
    white = decode(stored(Image.new("RGB", (8, 8), "white"), "PNG", icc_profile=profiles.wide_rgb), LIMITS)
    assert white.pixels.min() >= 254


def test_the_fast_way_and_pillow_give_the_same_pixels(profiles: Any) -> None:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (83, 131, 3), np.uint8))
    for form, options in (
        ("JPEG", {"quality": 30}),
        ("JPEG", {"quality": 95, "subsampling": "4:2:2", "progressive": True}),
        ("JPEG", {"quality": 95, "subsampling": "4:4:4", "icc_profile": profiles.wide_rgb}),
        ("JPEG", {"quality": 80, "keep_rgb": True}),
        ("WEBP", {"quality": 60}),
        ("WEBP", {"lossless": True}),
    ):
        for picture in (noise, noise.convert("L")):
            if picture.mode == "L" and ("keep_rgb" in options or "icc_profile" in options):
                continue
            for orientation in range(1, 9):
                exif = Image.Exif()
                exif[0x0112] = orientation
                data = stored(picture, form, exif=exif, **options)
                fast, slow = decode(data, LIMITS), decode_with_pillow(data, LIMITS)
                assert np.array_equal(fast.pixels, slow.pixels)
                assert replace(fast, pixels=slow.pixels) == slow


def test_grey_by_its_own_profile(profiles: Any) -> None:
    picture = Image.new("L", (16, 16), 128)
    photo = decode(stored(picture, "PNG", icc_profile=profiles.linear_grey), LIMITS)
    # Half of the light is sRGB 188 (IEC 61966-2-1).
    assert np.abs(photo.pixels.astype(int) - 188).max() <= 2
    jpeg = decode(stored(picture, "JPEG", icc_profile=profiles.linear_grey), LIMITS)
    assert np.abs(jpeg.pixels.astype(int) - 188).max() <= 2


def test_a_profile_of_another_colour_space_is_ignored_and_said(profiles: Any) -> None:
    photo = decode(stored(gradient(), "PNG", icc_profile=profiles.linear_grey), LIMITS)
    assert photo.notes == ("icc_ignored",)
    assert np.array_equal(photo.pixels, np.asarray(gradient()))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_by_their_profile(form: str, profiles: Any) -> None:
    picture = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (16, 0, 32, 16))
    photo = decode(stored(picture, form, icc_profile=profiles.inks), LIMITS)
    assert photo.notes == ("icc_converted",)
    assert photo.pixels[:, :14].min() >= 250
    # Lab L = 128/255, about 50: sRGB 119.
    assert np.abs(photo.pixels[:, 18:].astype(int) - 119).max() <= 4


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_without_a_profile_are_mixed_and_said(form: str) -> None:
    picture = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    photo = decode(stored(picture, form), LIMITS)
    assert photo.notes == ("cmyk_without_profile",)
    assert np.abs(photo.pixels.astype(int) - (0, 255, 255)).max() <= 4


def test_sixteen_bits_keep_their_range() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256), (4, 1)).astype(np.uint16)
    for form in ("PNG", "TIFF"):
        photo = decode(stored(Image.fromarray(ramp), form), LIMITS)
        assert "sixteen_bit" in photo.notes
        assert np.abs(photo.pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1
        assert (photo.pixels == photo.pixels[..., :1]).all()


def test_sixteen_bits_of_colour_keep_their_range() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256), (2, 1)).astype(">u2")
    rows = b"".join(b"\0" + np.stack([line, line[::-1], line], axis=-1).tobytes() for line in ramp)
    photo = decode(png(256, 2, 16, 2, rows), LIMITS)
    assert np.abs(photo.pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert np.abs(photo.pixels[0, :, 1].astype(int) - np.arange(255, -1, -1)).max() <= 1


def png(width: int, height: int, bits: int, kind: int, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Write a PNG by hand, with chunks that Pillow would not write."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def test_floats_are_brought_to_eight_bits() -> None:
    unit = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (4, 1))
    photo = decode(stored(Image.fromarray(unit), "TIFF"), LIMITS)
    assert np.abs(photo.pixels[0, :, 0].astype(int) - np.linspace(0, 255, 64)).max() <= 1
    wild = unit * 1000 - 300
    wild[1, 1], wild[2, 2] = np.nan, np.inf
    photo = decode(stored(Image.fromarray(wild), "TIFF"), LIMITS)
    assert (photo.pixels[0, 0, 0], photo.pixels[0, -1, 0]) == (0, 255)


def test_white_is_zero_is_inverted_at_any_depth() -> None:
    for picture in (Image.new("I;16", (8, 8), 60000), Image.new("L", (8, 8), 234)):
        data = stored(picture, "TIFF", tiffinfo={262: 0})
        plain = decode(stored(picture, "TIFF"), LIMITS).pixels[0, 0, 0]
        assert abs(int(decode(data, LIMITS).pixels[0, 0, 0]) + int(plain) - 255) <= 1 or plain == 234


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_layout_of_png_is_read(mode: str) -> None:
    grey = np.tile(np.linspace(0, 255, 64), (32, 1)).astype(np.uint8)
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    photo = decode(stored(picture, "PNG"), LIMITS)
    assert photo.pixels.shape == (32, 64, 3)
    assert np.abs(photo.pixels.mean() - 127.5) < 3


def test_a_transparent_palette_entry_turns_white() -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    for form in ("GIF", "PNG"):
        photo = decode(stored(picture, form, transparency=1), LIMITS)
        assert photo.pixels.min() == 255
        assert photo.notes == ("alpha_on_white",)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_counts(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200))]
    data = stored(frames[0], form, save_all=True, append_images=frames[1:])
    photo = decode(data, LIMITS)
    assert photo.header.frames == 3
    assert "first_frame" in photo.notes
    assert np.abs(photo.pixels.astype(int) - (200, 30, 30)).max() <= 8
    with pytest.raises(RefusalError) as refusal:
        decode(data, DecodeLimits(max_frames=2))
    assert refusal.value.code == "too_many_frames"
    assert decode(data, DecodeLimits(max_frames=3)).header.frames == 3


def test_a_phones_multi_picture_file_is_its_first_picture() -> None:
    second = gradient().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    data = stored(gradient(), "MPO", save_all=True, append_images=[second], quality=95)
    photo = decode(data, LIMITS)
    assert (photo.header.format, photo.header.frames) == ("jpeg", 2)
    assert np.array_equal(photo.pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_heic_from_a_phone() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(gradient()).save(out, quality=95)
    photo = decode(out.getvalue(), LIMITS)
    assert photo.header.format == "heif"
    assert np.abs(photo.pixels.astype(int) - np.asarray(gradient())).mean() < 4
    with pytest.raises(RefusalError) as refusal:
        decode(out.getvalue()[:-100], LIMITS)
    assert refusal.value.code == "truncated"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_a_cut_file_is_named_truncated(form: str) -> None:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8))
    data = stored(noise, form)
    for share in (0.3, 0.6, 0.95):
        with pytest.raises(RefusalError) as refusal:
            decode(data[: int(len(data) * share)], LIMITS)
        assert refusal.value.code == "truncated", share


def test_a_scan_that_breaks_off_before_the_end_marker_is_accepted_as_damaged() -> None:
    data = stored(gradient(400, 300), "JPEG")
    photo = decode(data[: len(data) // 2] + b"\xff\xd9", LIMITS)
    assert "damaged" in photo.notes


def test_a_header_that_lies_about_its_size_is_refused_before_any_pixel() -> None:
    lying = png(30_000, 30_000, 8, 2, bytes(1000))
    for function in (decode, read_header):
        with pytest.raises(RefusalError) as refusal:
            function(lying, LIMITS)
        assert refusal.value.code == "too_many_pixels"
    with pytest.raises(RefusalError) as refusal:
        decode(png(5_000, 5_000, 8, 2, bytes(1000)), LIMITS)
    assert refusal.value.code in ("truncated", "corrupt")


def test_a_gif_whose_frame_is_larger_than_its_canvas_is_held_against_the_limit() -> None:
    data = bytearray(stored(Image.new("P", (8, 8)), "GIF"))
    at = data.index(b",", 13)
    data[at + 5 : at + 9] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(RefusalError) as refusal:
        decode(bytes(data), LIMITS)
    assert refusal.value.code == "too_many_pixels"


def test_a_text_chunk_that_explodes_does_not() -> None:
    bomb = (b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))
    with pytest.raises(RefusalError) as refusal:
        decode(png(1, 1, 8, 0, b"\0\0", bomb), LIMITS)
    assert refusal.value.code == "corrupt"


def test_exif_behind_the_pixels_of_a_png_turns_it_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    data = stored(gradient(), "PNG")
    late = data[:-12] + chunk + data[-12:]
    assert decode(late, LIMITS).pixels.shape == (64, 40, 3)
    assert (read_header(late, LIMITS).width, read_header(late, LIMITS).orientation) == (40, 6)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that are handed to the decoding process, which is this one for once."""
    files: list[bytes] = []
    monkeypatch.setattr(
        "transforms.imaging.codec.decode.decode_isolated",
        lambda data, limits: files.append(data) or decode_with_pillow(data, limits),
    )
    return files


def test_a_jpeg_of_very_many_scans_decodes_where_it_can_be_stopped(
    asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = stored(gradient(), "JPEG", progressive=True)
    ordinary = decode(data, LIMITS)
    assert asked == []
    monkeypatch.setattr("transforms.imaging.codec.decode.MAX_SCAN_PIXELS", 64 * 40 * 3)
    assert np.array_equal(decode(data, LIMITS).pixels, ordinary.pixels)
    assert asked == [data]


def test_a_file_of_very_many_parts_decodes_where_it_can_be_stopped(asked: list[bytes]) -> None:
    jpeg, image, webp = (stored(gradient(), form) for form in ("JPEG", "PNG", "WEBP"))
    chunk = struct.pack(">I4sI", 0, b"teSt", zlib.crc32(b"teSt"))
    body = webp[12:] + b"TEST\0\0\0\0" * 6_000
    for many in (
        jpeg[:2] + b"\xff\xfe\0\2" * 6_000 + jpeg[2:],
        jpeg[:2] + b"\xff" * 300_000 + jpeg[2:],
        jpeg[:20] + bytes(300_000) + jpeg[20:],
        image[:33] + chunk * 6_000 + image[33:],
        b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body,
    ):
        assert decode(many, LIMITS).pixels.shape == (40, 64, 3)
        assert asked.pop() == many
    for few in (jpeg, image, webp, jpeg[:2] + b"\xff\xfe\0\2" * 300 + b"\xff" * 500 + jpeg[2:]):
        decode(few, LIMITS)
    assert asked == []


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    data = stored(gradient(), "PNG", icc_profile=b"no profile" * 20)
    decode(data, LIMITS)
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        whole = stored(gradient(), form)
        for broken in (whole[:-50], whole[:300] + bytes(20) + whole[320:]):
            with contextlib.suppress(RefusalError):
                decode(broken, LIMITS)
    assert capfd.readouterr().err == ""


def test_an_uncompressed_tile_that_lies_about_its_height_is_read_as_pillow_reads_the_file(tmp_path: Path) -> None:
    data = bytearray(stored(gradient().convert("L"), "TIFF"))
    rows_per_strip = data.index(struct.pack("<H", 278), 8) + 8
    data[rows_per_strip : rows_per_strip + 4] = bytes(4)
    (tmp_path / "photo.tiff").write_bytes(data)
    with Image.open(tmp_path / "photo.tiff") as picture:
        expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(decode(bytes(data), LIMITS).pixels, expected)
