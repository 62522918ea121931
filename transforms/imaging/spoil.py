"""Photos spoilt on purpose, each in one known way: what the detectors are fitted on and measured with.

Every function takes sRGB pixels (uint8, height x width x 3) and returns as many, unless it says otherwise. Light is
changed in linear light, as a lamp or a lens would. `rng` decides what a real seller would: the direction, the side, the words.
"""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from transforms.imaging.types import Pixels

Rng = np.random.Generator

_LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)


def _encoded(linear: npt.NDArray[np.float32]) -> Pixels:
    linear = np.clip(linear, 0.0, 1.0)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(curve * 255).astype(np.uint8)


def defocus(pixels: Pixels, sigma: float) -> Pixels:
    """Blur with a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT101), np.uint8)


def shake(pixels: Pixels, length: float, angle: float) -> Pixels:
    """Blur along a straight line of `length` pixels at `angle` radians."""
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-(length - 1) / 2, (length - 1) / 2, int(length * 16)):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        left, top = int(x), int(y)
        right_share, low_share = x - left, y - top
        kernel[top, left] += (1 - right_share) * (1 - low_share)
        kernel[top, left + 1] += right_share * (1 - low_share)
        kernel[top + 1, left] += (1 - right_share) * low_share
        kernel[top + 1, left + 1] += right_share * low_share
    spread = cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT101)
    return np.asarray(spread, np.uint8)


def expose(pixels: Pixels, stops: float) -> Pixels:
    """Multiply the light by 2 to the `stops`: negative is darker, positive burns out what passes white."""
    return _encoded(_LINEAR[pixels] * np.float32(2.0**stops))


def veil(pixels: Pixels, span: float) -> Pixels:
    """Squeeze the tones to a share `span` of their range, about middle grey."""
    return np.clip(np.round((pixels.astype(np.float32) - 128) * span + 128), 0, 255).astype(np.uint8)


def tint(pixels: Pixels, gains: tuple[float, float, float]) -> Pixels:
    """Light of another colour: multiply red, green and blue in linear light, keeping the green's exposure."""
    return _encoded(_LINEAR[pixels] * np.asarray(gains, np.float32))


def shade(pixels: Pixels, stops: float, angle: float) -> Pixels:
    """Let the light fall off by `stops` across the photo, in the direction `angle` (radians)."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    along = x * np.cos(angle) + y * np.sin(angle)
    along = (along - along.min()) / np.ptp(along)
    return _encoded(_LINEAR[pixels] * (2.0 ** (-stops * along)).astype(np.float32)[..., None])


def grain(pixels: Pixels, sigma: float, rng: Rng) -> Pixels:
    """Add Gaussian noise of `sigma` levels to each channel."""
    return np.clip(np.round(pixels + rng.normal(0, sigma, pixels.shape)), 0, 255).astype(np.uint8)


def compress(pixels: Pixels, quality: int) -> Pixels:
    """Encode as JPEG and decode."""
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1])


def enlarge(pixels: Pixels, short_side: int, interpolation: int = cv2.INTER_CUBIC) -> Pixels:
    """Reduce to `short_side` pixels and bring back to the size that it had."""
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tiny = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=interpolation), np.uint8)


def cut_third(pixels: Pixels, side: int, share: float = 1 / 3) -> Pixels:
    """Cut a share of the photo off at the left, right, top or bottom (`side` 0..3); the result is smaller."""
    height, width = pixels.shape[:2]
    columns, rows = round(width * share), round(height * share)
    parts = (pixels[:, columns:], pixels[:, : width - columns], pixels[rows:], pixels[: height - rows])
    return np.ascontiguousarray(parts[side])


WORDS = (
    "NEW", "SALE", "ORIGINAL", "call 555-0142", "size M", "FREE SHIPPING", "50% OFF", "best price", "only today",
    "shop24.example", "HOT", "top quality", "write me", "In stock", "100% cotton", "no returns", "Discount", "vintage",
)  # fmt: skip


def write(pixels: Pixels, share: float, rng: Rng) -> Pixels:
    """Lay words over the photo until their boxes cover about a `share` of it, in one colour, from small to large."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image, "RGBA")
    height, width = pixels.shape[:2]
    colours = ((255, 255, 255), (0, 0, 0), (230, 20, 20), (255, 230, 0), (20, 60, 220), tuple(rng.integers(0, 256, 3)))
    colour = (*(int(c) for c in colours[rng.integers(len(colours))]), int(rng.choice([255, 255, 200])))
    covered = 0.0
    for _ in range(60):
        if covered >= share * width * height:
            break
        words = " ".join(rng.choice(WORDS, rng.integers(1, 4)))
        font = ImageFont.load_default(float(rng.uniform(0.05, 0.12) * min(height, width)))
        left, top, right, bottom = draw.textbbox((0, 0), words, font=font)
        x = rng.uniform(-0.1 * width, max(1.0, width - (right - left) * 0.9))
        y = rng.uniform(0, max(1.0, height - (bottom - top)))
        draw.text((x, y), words, font=font, fill=colour)
        covered += (min(right + x, width) - max(x, 0)) * (bottom - top)
    return np.asarray(image)


def stamp(pixels: Pixels, rng: Rng) -> Pixels:
    """Write one line over the photo, as a shop's name or a date is: 4 to 9 % of the short side high."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image, "RGBA")
    height, width = pixels.shape[:2]
    words = str(rng.choice([*WORDS, "2023-11-02 18:40", "06.07.2020 07:12"]))
    font = ImageFont.load_default(float(rng.uniform(0.04, 0.09) * min(height, width)))
    left, _, right, bottom = draw.textbbox((0, 0), words, font=font)
    x = rng.uniform(0.02 * width, max(0.03 * width, width * 0.98 - (right - left)))
    y = rng.choice([rng.uniform(0.01, 0.1), rng.uniform(0.8, 0.92), rng.uniform(0.1, 0.9)]) * height
    fill = [(255, 255, 255, 255), (0, 0, 0, 255), (255, 220, 0, 255), (220, 0, 0, 255), (255, 255, 255, 190)]
    draw.text((x, min(y, height - bottom - 2)), words, font=font, fill=fill[rng.integers(len(fill))])
    return np.asarray(image)


def frame(pixels: Pixels, thickness: float, rng: Rng) -> Pixels:
    """Add a border of one colour: all around, or bars at two sides; `thickness` is a share of the short side.

    The result is larger than the photo.
    """
    height, width = pixels.shape[:2]
    depth = max(2, round(thickness * min(height, width)))
    rows, columns = ((depth, depth), (depth, 0), (0, depth))[rng.integers(3)]
    colours = (
        (0, 0, 0),
        (255, 255, 255),
        (255, 255, 255),
        (200, 30, 30),
        (30, 90, 200),
        tuple(rng.integers(0, 256, 3)),
    )
    colour = tuple(int(c) for c in colours[rng.integers(len(colours))])
    bordered = cv2.copyMakeBorder(pixels, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=colour)
    return np.asarray(bordered, np.uint8)


def join(photos: list[Pixels], rng: Rng) -> Pixels:
    """Put two or four photos into one, with or without a gap between them, at the size of the first."""
    height, width = photos[0].shape[:2]
    gap = int(rng.choice([0, 4, 10]))
    if len(photos) >= 4:
        rows, columns = 2, 2
    else:
        rows, columns = (1, 2) if rng.random() < 0.7 else (2, 1)
    cell = (width - gap * (columns - 1)) // columns, (height - gap * (rows - 1)) // rows
    sheet = np.full((height, width, 3), 255, np.uint8)
    for index in range(rows * columns):
        top, left = (index // columns) * (cell[1] + gap), (index % columns) * (cell[0] + gap)
        sheet[top : top + cell[1], left : left + cell[0]] = _fill(photos[index], cell)
    return sheet


def _fill(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale and crop about the centre to exactly `size` (width, height)."""
    height, width = pixels.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    scaled = cv2.resize(pixels, (max(size[0], round(width * scale)), max(size[1], round(height * scale))))
    top, left = (scaled.shape[0] - size[1]) // 2, (scaled.shape[1] - size[0]) // 2
    return np.asarray(scaled[top : top + size[1], left : left + size[0]], np.uint8)


def screenshot(pixels: Pixels, rng: Rng) -> Pixels:
    """Show the photo on a phone's screen: a bar with clock and signs above, a bar or a page with words and buttons below."""
    height, width = pixels.shape[:2]
    dark = bool(rng.random() < 0.5)
    paper, ink = ((18, 18, 20), (235, 235, 235)) if dark else ((250, 250, 250), (30, 30, 30))
    above, below = round(rng.uniform(0.06, 0.12) * width * 1.6), round(rng.uniform(0.08, 0.6) * width)
    screen = Image.new("RGB", (width, above + height + below), paper)
    screen.paste(Image.fromarray(pixels), (0, above))
    draw = ImageDraw.Draw(screen)
    size = max(9.0, 0.032 * width)
    font = ImageFont.load_default(size)
    draw.text((0.05 * width, 0.25 * size), f"{rng.integers(24)}:{rng.integers(60):02}", font=font, fill=ink)
    for place in range(3):
        left = (0.93 - 0.06 * place) * width
        draw.rectangle((left, 0.4 * size, left + 0.035 * width, 1.3 * size), fill=ink)
    for row, y in enumerate(np.arange(above + height + 0.6 * size, above + height + below - 1.6 * size, 1.8 * size)):
        words = " ".join(rng.choice(WORDS, 2 if row else 1))
        draw.text((0.05 * width, float(y)), words, font=font, fill=ink)
    return np.asarray(screen)


def reflect(pixels: Pixels, y: float, x: float, radius: float) -> Pixels:
    """Add a lamp's reflection: a spot of `radius` pixels that is burnt out, fading around it."""
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    away = ((rows - y) ** 2 + (columns - x) ** 2) / np.float32(radius) ** 2
    return _encoded(_LINEAR[pixels] + (2.7 * np.exp(-away))[..., None])
