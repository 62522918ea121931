"""How long a photo takes to decode, by size and format, beside plain Pillow.

    python bench/decode.py [--photos samples]

CPU milliseconds of one thread, the best of a few runs; HEIC and AVIF decode in another process and are given in
milliseconds by the clock. "header" is `read_header`. Larger photos are mosaics of the given ones.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps

from transforms.errors import RefusalError
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.header import read_header
from transforms.imaging.codec.limits import DecodeLimits

SIZES = {"400 px": (400, 533), "1.4 MP": (1080, 1340), "12 MP": (4000, 3000)}
RARE = ("HEIC", "AVIF")
LIMITS = DecodeLimits()


def mosaic(photos: list[Path], width: int, height: int) -> Image.Image:
    made = Image.new("RGB", (width, height))
    tiles = []
    for path in photos:
        with contextlib.suppress(RefusalError):  # There may be a file among them that is no photo.
            tiles.append(Image.fromarray(decode(path.read_bytes(), LIMITS).pixels))
    side = tiles[0].width
    for number, (top, left) in enumerate((y, x) for y in range(0, height, side) for x in range(0, width, side)):
        made.paste(ImageOps.fit(tiles[number % len(tiles)], (side, side)), (left, top))
    return made


def stored(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(picture).save(out, quality=70)
    elif form == "AVIF":
        picture.save(out, "AVIF", quality=60, speed=10)
    elif form == "PNG":
        picture.save(out, "PNG", compress_level=6)
    elif form == "WebP":
        picture.save(out, "WEBP", quality=80, method=2)
    else:
        profile = wide_profile() if form == "JPEG wide" else None
        picture.save(out, "JPEG", quality=85, progressive=form == "JPEG prog.", icc_profile=profile)
    return out.getvalue()


def wide_profile() -> bytes:
    """sRGB with red and green exchanged: as much work as any other profile of matrix and curves."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def plain_pillow(data: bytes) -> None:
    picture = Image.open(io.BytesIO(data))
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), inPlace=True)
    np.asarray(picture)


def milliseconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    work()
    best, spent = float("inf"), 0.0
    while spent < 0.5:
        begun = clock()
        work()
        took = clock() - begun
        best, spent = min(best, took), spent + max(took, 1e-4)
    return best * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path(__file__).parent.parent / "samples")
    photos = sorted(parser.parse_args().photos.glob("*.jpg"))
    pillow_heif.register_heif_opener()
    print(f"{'photo':8} {'format':11} {'kB':>6} {'header':>8} {'decode':>8} {'Pillow':>8} {'ratio':>6}")
    for size, (width, height) in SIZES.items():
        picture = mosaic(photos, width, height)
        for form in ("JPEG", "JPEG prog.", "JPEG wide", "PNG", "WebP", *RARE):
            data = stored(picture, form)
            clock = time.perf_counter if form in RARE else time.thread_time
            header = milliseconds(lambda data=data: read_header(data, LIMITS), clock)
            ours = milliseconds(lambda data=data: decode(data, LIMITS), clock)
            theirs = milliseconds(lambda data=data: plain_pillow(data), clock)
            print(
                f"{size:8} {form:11} {len(data) // 1000:6} {header:8.2f} {ours:8.1f} {theirs:8.1f} {ours / theirs:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
