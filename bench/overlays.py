"""Text laid over photos in the ways of shops, sellers and cameras, and text printed on the product, to learn overlays from.

Each function takes sRGB pixels (uint8, height x width x 3) and a generator, and returns the new pixels with a map (float32,
0..1) of what was drawn. `lay_over` is what must be found, `print_on` what must be left alone.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from transforms.imaging.spoil import WORDS, Rng
from transforms.imaging.types import Pixels

Map = npt.NDArray[np.float32]
Drawn = tuple[Pixels, Map]

_FONT_FOLDER = Path("/usr/share/fonts/truetype/dejavu")
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)
_COMMON = ((255, 255, 255), (255, 255, 255), (0, 0, 0), (230, 20, 20), (255, 230, 0), (20, 60, 220), (255, 140, 0))
_MORE = (
    "MyShop.example", "www.bazaar.example", "+49 555 0142 77", "$19.90", "XL", "PRICE DOWN", "Do not copy", "© studio 7",
    "Size 38 / M", "cotton 80%", "limited offer", "A. Seller", "2 for 1", "sold", "contact @shop_77", "NEW ARRIVAL",
)  # fmt: skip


@functools.cache
def _fonts() -> tuple[Path, ...]:
    """The DejaVu fonts of a Debian machine, as far as they are there."""
    return tuple(sorted(_FONT_FOLDER.glob("*.ttf")))


def phrase(rng: Rng) -> str:
    """Words as a shop writes them, or a date as a camera does."""
    if rng.random() < 0.15:
        return date(rng)
    words = " ".join(str(word) for word in rng.choice([*WORDS, *_MORE], rng.integers(1, 3)))
    return words.upper() if rng.random() < 0.3 else words


def date(rng: Rng) -> str:
    """A date as cameras write it, with or without the hour."""
    year, month, day = rng.integers(2003, 2027), rng.integers(1, 13), rng.integers(1, 29)
    form = ("{0}-{1:02}-{2:02}", "{2:02}.{1:02}.{0}", "{0}/{1:02}/{2:02}", "{1:02}/{2:02}/{0}", "'{3:02} {1} {2}")
    words = form[rng.integers(len(form))].format(year, month, day, year % 100)
    hour = f" {rng.integers(24):02}:{rng.integers(60):02}" + (f":{rng.integers(60):02}" if rng.random() < 0.3 else "")
    return words + hour if rng.random() < 0.6 else words


def letters(words: str, height: int, rng: Rng) -> Map:
    """Draw words as a map of ink, about `height` pixels high.

    The fonts of `spoil` are not among them, so that what it writes is of a font that no fit has seen.
    """
    height = max(7, height)
    if rng.random() < 0.2:
        face, thick = int(rng.choice(_HERSHEY)), int(rng.integers(1, max(2, height // 10 + 1)))
        scale = height / 22
        (wide, high), below = cv2.getTextSize(words, face, scale, thick)
        canvas = np.zeros((high + below + 2 * thick + 4, wide + 2 * thick + 4), np.uint8)
        cv2.putText(canvas, words, (thick + 2, high + thick + 2), face, scale, 255, thick, cv2.LINE_AA)
        return canvas.astype(np.float32) / 255
    files = _fonts()
    chosen = str(files[rng.integers(len(files))]) if files else None
    font = ImageFont.truetype(chosen, height) if chosen else ImageFont.load_default(float(height))
    left, top, right, bottom = font.getbbox(words)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), words, font=font, fill=255)
    return np.asarray(image, np.float32) / 255


def _colour(rng: Rng) -> npt.NDArray[np.float32]:
    choice = _COMMON[rng.integers(len(_COMMON))] if rng.random() < 0.8 else tuple(rng.integers(0, 256, 3))
    return np.array(choice, np.float32)


def _paint(pixels: Pixels, ink: Map, colour: npt.NDArray[np.float32], opacity: float) -> Pixels:
    alpha = (ink * opacity)[..., None]
    return np.rint(pixels * (1 - alpha) + colour * alpha).astype(np.uint8)


def _place(ink: Map, piece: Map, x: float, y: float) -> None:
    """Put a piece on the map with its top left at (x, y), as much of it as lies within."""
    left, top = round(x), round(y)
    high, wide = ink.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(wide, left + piece.shape[1]), min(high, top + piece.shape[0])
    if x0 < x1 and y0 < y1:
        part = ink[y0:y1, x0:x1]
        np.maximum(part, piece[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def _turned(piece: Map, degrees: float) -> Map:
    """Turn a piece, with room for all of it."""
    high, wide = piece.shape
    radians = np.deg2rad(degrees)
    room = (
        int(abs(wide * np.cos(radians)) + abs(high * np.sin(radians))) + 2,
        int(abs(wide * np.sin(radians)) + abs(high * np.cos(radians))) + 2,
    )
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1.0)
    matrix[:, 2] += np.array(room) / 2 - np.array([wide, high]) / 2
    return np.asarray(cv2.warpAffine(piece, matrix, room), np.float32)


def one_line(pixels: Pixels, rng: Rng) -> Drawn:
    """A line anywhere, mostly near an edge: a shop's name, a price, a date."""
    height, width = pixels.shape[:2]
    piece = letters(phrase(rng), round(rng.uniform(0.04, 0.13) * min(height, width)), rng)
    piece = piece[:, : int(0.96 * width)]
    x = rng.uniform(0.01 * width, max(0.02 * width, 0.99 * width - piece.shape[1]))
    y = rng.choice([rng.uniform(0.01, 0.1), rng.uniform(0.82, 0.95), rng.uniform(0.1, 0.85)]) * height
    ink = np.zeros((height, width), np.float32)
    _place(ink, piece, x, min(y, 0.99 * height - piece.shape[0]))
    opacity = rng.choice([1.0, 1.0, 1.0, rng.uniform(0.5, 0.95)])
    return _finished(pixels, ink, opacity, rng)


def _finished(pixels: Pixels, ink: Map, opacity: float, rng: Rng) -> Drawn:
    """Paint ink plainly, with an outline, with a shadow, or on a panel."""
    colour = _colour(rng)
    other = np.full(3, 0.0 if colour.mean() > 110 else 255.0, np.float32)
    manner = rng.random()
    if manner < 0.15:
        around = cv2.dilate(ink, np.ones((3, 3), np.uint8))
        return _paint(_paint(pixels, around, other, opacity), ink, colour, opacity), np.asarray(around, np.float32)
    if manner < 0.25:
        pixels = _paint(pixels, np.roll(ink, (2, 2), (0, 1)), other, 0.6 * opacity)
    elif manner < 0.4:
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        if len(rows) and len(columns):
            panel, pad = np.zeros_like(ink), 6
            panel[max(0, rows[0] - pad) : rows[-1] + pad, max(0, columns[0] - pad) : columns[-1] + pad] = 1
            pixels = _paint(pixels, panel, other, rng.choice([1.0, 0.6]))
    return _paint(pixels, ink, colour, opacity), ink


def many_lines(pixels: Pixels, rng: Rng) -> Drawn:
    """Two to a dozen lines in one colour, covering a part of the photo."""
    height, width = pixels.shape[:2]
    ink = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(2, 13))):
        piece = letters(phrase(rng), round(rng.uniform(0.045, 0.14) * min(height, width)), rng)
        _place(ink, piece, rng.uniform(-0.1, 0.6) * width, rng.uniform(0, 0.92) * height)
    return _finished(pixels, ink, float(rng.choice([1.0, 1.0, 0.8])), rng)


def tiled(pixels: Pixels, rng: Rng) -> Drawn:
    """A watermark: the same words again and again, mostly aslant and half transparent."""
    height, width = pixels.shape[:2]
    ink = np.zeros((height, width), np.float32)
    piece = letters(phrase(rng), round(rng.uniform(0.045, 0.08) * min(height, width)), rng)
    piece = _turned(piece, float(rng.choice([0.0, 30.0, 45.0, rng.uniform(-45, 45)])))
    across, down = piece.shape[1] * rng.uniform(1.1, 1.5), max(piece.shape[0], 0.12 * height) * rng.uniform(1.1, 1.6)
    for row, y in enumerate(np.arange(0, height, down)):
        for x in np.arange(-across / 2 * (row % 2), width, across):
            _place(ink, piece, float(x), float(y))
    colour = np.full(3, float(rng.choice([255, 255, 0, 128])), np.float32)
    return _paint(pixels, ink, colour, rng.uniform(0.35, 0.8)), ink


def stamped_date(pixels: Pixels, rng: Rng) -> Drawn:
    """The date that a camera burns into a corner, mostly in orange, yellow or white: 2.5 to 6 % of the short side."""
    height, width = pixels.shape[:2]
    piece = letters(date(rng), round(rng.uniform(0.03, 0.06) * min(height, width)), rng)[:, : int(0.9 * width)]
    gap = rng.uniform(0.02, 0.08, 2) * min(height, width)
    right, low = rng.random() < 0.8, rng.random() < 0.9
    ink = np.zeros((height, width), np.float32)
    x = width - piece.shape[1] - gap[0] if right else gap[0]
    _place(ink, piece, x, height - piece.shape[0] - gap[1] if low else gap[1])
    colours = ((255, 140, 0), (255, 90, 30), (255, 210, 40), (255, 255, 255), (230, 40, 30))
    return _paint(pixels, ink, np.array(colours[rng.integers(len(colours))], np.float32), rng.uniform(0.8, 1.0)), ink


def banner(pixels: Pixels, rng: Rng) -> Drawn:
    """A bar of one colour from side to side, plain or half transparent, with a line on it."""
    height, width = pixels.shape[:2]
    piece = letters(phrase(rng), round(rng.uniform(0.04, 0.09) * min(height, width)), rng)[:, : int(0.94 * width)]
    deep = piece.shape[0] * rng.uniform(1.3, 2.2)
    top = rng.choice([0.0, height - deep, rng.uniform(0.05, 0.8) * height])
    bar, ink = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    bar[round(top) : round(top + deep)] = 1
    x = rng.choice([0.02 * width, (width - piece.shape[1]) / 2, 0.98 * width - piece.shape[1]])
    _place(ink, piece, x, top + (deep - piece.shape[0]) / 2)
    paper = _colour(rng)
    tone = _colour(rng)
    if np.abs(tone - paper).max() < 80:
        tone = np.full(3, 0.0 if paper.mean() > 127 else 255.0, np.float32)
    return _paint(_paint(pixels, bar, paper, rng.choice([1.0, 0.8, 0.5])), ink, tone, 1.0), ink


def watermark(pixels: Pixels, rng: Rng) -> Drawn:
    """One half transparent line, small in a corner or large over the middle, level or aslant."""
    height, width = pixels.shape[:2]
    large = rng.random() < 0.5
    piece = letters(phrase(rng), round((rng.uniform(0.08, 0.16) if large else rng.uniform(0.04, 0.07)) * height), rng)
    if large and rng.random() < 0.5:
        piece = _turned(piece, float(rng.choice([30.0, 45.0, rng.uniform(-45, 45)])))
    piece = piece[:, : int(0.98 * width)]
    ink = np.zeros((height, width), np.float32)
    room = max(1.0, width - piece.shape[1]), max(1.0, height - piece.shape[0])
    x, y = (0.5 + rng.uniform(-0.2, 0.2, 2)) * room if large else rng.choice([0.03, 0.5, 0.97], 2) * room
    _place(ink, piece, float(x), float(y))
    tone = np.full(3, float(rng.choice([255, 255, 0, 128])), np.float32)
    return _paint(pixels, ink, tone, rng.uniform(0.35, 0.75)), ink


def lay_over(pixels: Pixels, rng: Rng) -> tuple[str, Pixels, Map]:
    """Lay text over a photo in one of the ways above; the first value names it."""
    ways: Sequence = (
        (one_line, 0.4), (many_lines, 0.15), (tiled, 0.12), (stamped_date, 0.13), (banner, 0.1), (watermark, 0.1),
    )  # fmt: skip
    way = ways[rng.choice(len(ways), p=[share for _, share in ways])][0]
    return (way.__name__, *way(pixels, rng))


def print_on(pixels: Pixels, mask: npt.NDArray[np.bool_], rng: Rng) -> Pixels | None:
    """Print a word or two on the product (`mask`, of the pixels' size), as ink on cloth under the scene's light and lens.

    None where there is no room.
    """
    height, width = pixels.shape[:2]
    piece = letters(phrase(rng), round(rng.uniform(0.05, 0.14) * min(height, width)), rng)
    piece = _turned(piece, rng.uniform(-12, 12))
    room = cv2.erode(mask.astype(np.uint8), np.ones((piece.shape[0] | 1, piece.shape[1] | 1), np.uint8), borderValue=0)
    rows, columns = np.nonzero(room)
    if not len(rows):
        return None
    spot = rng.integers(len(rows))
    ink = np.zeros((height, width), np.float32)
    _place(ink, piece, columns[spot] - piece.shape[1] / 2, rows[spot] - piece.shape[0] / 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    swing, length = rng.uniform(0.3, 2.0), rng.uniform(0.05, 0.2) * width
    wave = (swing * np.sin((x + 0.6 * y) / length + rng.uniform(0, 6))).astype(np.float32)
    ink = cv2.GaussianBlur(cv2.remap(ink, x + wave, y + wave, cv2.INTER_LINEAR), (0, 0), rng.uniform(0.6, 1.3))
    light = pixels.astype(np.float32).mean(axis=2)
    shading = cv2.GaussianBlur(light, (0, 0), 0.02 * width)
    here = float(np.median(shading[ink > 0.5])) if (ink > 0.5).any() else 128.0
    weave = (light - shading) * rng.uniform(0.5, 1.0)
    tone = _colour(rng) * 0.85 + 12
    printed = tone * ((shading / max(here, 20.0)) ** rng.uniform(0.5, 1.0))[..., None] + weave[..., None]
    printed += rng.normal(0, rng.uniform(0.5, 3), light.shape)[..., None]
    alpha = (ink * rng.uniform(0.75, 1.0))[..., None]
    return np.clip(np.rint(pixels * (1 - alpha) + printed * alpha), 0, 255).astype(np.uint8)


def taken_again(pixels: Pixels, rng: Rng) -> Pixels:
    """The same thing as on another photo: nearer, slightly turned, mirrored, in other light, at another size.

    A product's real print is still a real print on it, which no drawing of one is.
    """
    height, width = pixels.shape[:2]
    share = rng.uniform(0.65, 1.0)
    high, wide = round(share * height), round(share * width)
    top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
    pixels = pixels[top : top + high, left : left + wide]
    if rng.random() < 0.3:
        turn = cv2.getRotationMatrix2D((wide / 2, high / 2), rng.uniform(-6, 6), 1.08)
        pixels = np.asarray(cv2.warpAffine(pixels, turn, (wide, high), borderMode=cv2.BORDER_REFLECT101), np.uint8)
    if rng.random() < 0.3:
        pixels = pixels[:, ::-1]
    curve = 255 * (np.arange(256) / 255) ** rng.uniform(0.75, 1.35) * rng.uniform(0.85, 1.08)
    pixels = cv2.LUT(np.ascontiguousarray(pixels), np.clip(curve, 0, 255).astype(np.uint8))
    scale = min(rng.uniform(0.8, 1.3) / share, 1.15)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (round(wide * scale), round(high * scale)), interpolation=way), np.uint8)


def settle(pixels: Pixels, rng: Rng) -> Pixels:
    """What an uploader does last: compress, and now and then resize before it."""
    if rng.random() < 0.25:
        scale = rng.uniform(0.75, 1.2)
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.25:
        return pixels
    quality = int(rng.choice([60, 70, 80, 85, 90, 95]))
    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
