"""Pictures that are no photos, drawn by the seed: noise, gradients, charts, screens, pages of text, drawings, patterns."""

from collections.abc import Callable

import cv2
import numpy as np

from transforms.imaging.types import Pixels

Rng = np.random.Generator
SENTENCE = (
    "size chest waist length sleeve hip width please wash cold iron low dry flat return within days of order new stock "
    "for all shops and sellers see below the table which tells more about each item before it is sent by post to you on Monday"
)
WORDS = tuple(SENTENCE.split())
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def _size(rng: Rng) -> tuple[int, int]:
    return int(rng.integers(400, 1200)), int(rng.integers(400, 1200))


def _colour(rng: Rng, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _write(canvas: Pixels, text: str, at: tuple[int, int], scale: float, colour: tuple[int, ...], font: int) -> None:
    cv2.putText(canvas, text, at, font, scale, colour, max(1, round(1.6 * scale)), cv2.LINE_AA)


def noise(rng: Rng) -> Pixels:
    """A field of noise: white or coloured, fine or coarse."""
    height, width = _size(rng)
    grain = rng.normal(size=(height, width, 3 if rng.random() < 0.6 else 1))
    coarse = rng.choice([0.0, 1.0, 3.0, 12.0])
    if coarse:
        grain = cv2.GaussianBlur(grain, (0, 0), coarse).reshape(height, width, -1)
    level = 127 + rng.uniform(25, 80) * grain / grain.std()
    return np.clip(np.broadcast_to(level, (height, width, 3)), 0, 255).astype(np.uint8)


def gradient(rng: Rng) -> Pixels:
    """One colour going over into another, straight or from a middle."""
    height, width = _size(rng)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle) if rng.random() < 0.6 else np.hypot(x - 0.5, y - 0.5)
    share = ((along - along.min()) / np.ptp(along))[..., None]
    return np.rint((1 - share) * np.array(_colour(rng)) + share * np.array(_colour(rng))).astype(np.uint8)


def chart(rng: Rng) -> Pixels:
    """Bars or lines over axes, with numbers."""
    height, width = _size(rng)
    canvas = np.full((height, width, 3), 255 if rng.random() < 0.7 else _colour(rng, 200), np.uint8)
    left, bottom = width // 9, height - height // 9
    for tick in range(6):
        level = bottom - tick * (bottom - height // 9) // 5
        cv2.line(canvas, (left, level), (width - left // 2, level), (205, 205, 205), 1)
        _write(canvas, str(tick * 20), (left // 4, level), width / 1600, (60, 60, 60), FONTS[0])
    values = rng.uniform(0.1, 0.95, int(rng.integers(4, 10)))
    step = (width - 2 * left) / len(values)
    tops = [(int(left + step * (i + 0.5)), int(bottom - v * (bottom - height // 9))) for i, v in enumerate(values)]
    if rng.random() < 0.6:
        colour = _colour(rng, 0, 200)
        for x, top in tops:
            cv2.rectangle(canvas, (int(x - step / 3), top), (int(x + step / 3), bottom), colour, -1)
    else:
        for _ in range(2):
            points = np.array([(x, np.clip(y + rng.integers(-40, 40), 0, bottom)) for x, y in tops], np.int32)
            cv2.polylines(canvas, [points], False, _colour(rng, 0, 200), 3, cv2.LINE_AA)
    _write(canvas, " ".join(rng.choice(WORDS, 4)), (left, height // 16), width / 900, (20, 20, 20), FONTS[1])
    return canvas


def screen(rng: Rng) -> Pixels:
    """A program's or phone's screen: bars, rows, buttons, words."""
    height, width = int(rng.integers(800, 1400)), int(rng.integers(450, 800))
    ground, ink = ((250, 250, 252), (40, 40, 45)) if rng.random() < 0.6 else ((28, 28, 32), (225, 225, 230))
    canvas = np.full((height, width, 3), ground, np.uint8)
    bar = _colour(rng)
    cv2.rectangle(canvas, (0, 0), (width, height // 14), bar, -1)
    _write(canvas, " ".join(rng.choice(WORDS, 2)), (width // 12, height // 22), width / 700, (255, 255, 255), FONTS[1])
    row = height // int(rng.integers(8, 13))
    for top in range(height // 12, height - 2 * row, row):
        cv2.circle(canvas, (row // 2 + 8, top + row // 2), row // 3, _colour(rng), -1, cv2.LINE_AA)
        _write(canvas, " ".join(rng.choice(WORDS, 3)), (row + 16, top + row // 2), width / 900, ink, FONTS[0])
        _write(
            canvas,
            " ".join(rng.choice(WORDS, 4)),
            (row + 16, top + 4 * row // 5),
            width / 1300,
            (130, 130, 130),
            FONTS[0],
        )
        cv2.line(canvas, (0, top + row), (width, top + row), (200, 200, 205), 1)
    cv2.rectangle(canvas, (width // 4, height - row), (3 * width // 4, height - row // 3), _colour(rng), -1)
    return canvas


def page(rng: Rng) -> Pixels:
    """A page of text, as printed or as scanned."""
    height, width = _size(rng)
    ground = 255 if rng.random() < 0.5 else _colour(rng, 190)
    canvas = np.full((height, width, 3), ground, np.uint8)
    scale, font = float(rng.uniform(0.45, 1.3)), int(rng.choice(FONTS))
    ink = _colour(rng, 0, 110)
    for line in range(int(36 * scale), height - 10, int(34 * scale)):
        if rng.random() < 0.9:
            words = " ".join(rng.choice(WORDS, max(2, int(width / (95 * scale)))))
            _write(canvas, words, (int(20 * scale), line), scale, ink, font)
    if rng.random() < 0.4:  # scanned: grain, uneven light
        fall = np.linspace(1, rng.uniform(0.75, 1), width)[None, :, None]
        canvas = np.clip(canvas * fall + rng.normal(0, 4, canvas.shape), 0, 255).astype(np.uint8)
    return canvas


def drawing(rng: Rng) -> Pixels:
    """Flat shapes with outlines, as clip-art; or lines on white, as a sketch."""
    height, width = _size(rng)
    canvas = np.full((height, width, 3), 255 if rng.random() < 0.6 else _colour(rng, 120), np.uint8)
    sketch = rng.random() < 0.4
    for _ in range(int(rng.integers(4, 14))):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        corners = int(rng.integers(3, 9))
        turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = rng.uniform(0.4, 1, corners) * min(height, width) / rng.uniform(3, 8)
        points = (np.array(centre) + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)).astype(np.int32)
        if not sketch:
            cv2.fillPoly(canvas, [points], _colour(rng), cv2.LINE_AA)
        cv2.polylines(canvas, [points], True, (15, 15, 15), int(rng.integers(1, 6)), cv2.LINE_AA)
    return canvas


def pattern(rng: Rng) -> Pixels:
    """A checkerboard, stripes or a code of squares."""
    height, width = _size(rng)
    side = int(rng.integers(6, 60))
    one, other = np.array(_colour(rng)), np.array(_colour(rng))
    rows, columns = np.arange(height)[:, None] // side, np.arange(width)[None] // side
    kind = rng.integers(3)
    if kind == 2:
        on = rng.random((height // side + 1, width // side + 1)) < 0.5
        one, other, chosen = np.zeros(3), np.full(3, 255), on[rows, columns]
    else:
        chosen = (rows + columns) % 2 == 0 if kind else np.broadcast_to(columns % 2 == 0, (height, width))
    return np.where(chosen[..., None], one, other).astype(np.uint8)


ODD: dict[str, Callable[[Rng], Pixels]] = {
    "noise": noise,
    "gradient": gradient,
    "chart": chart,
    "screen": screen,
    "page": page,
    "drawing": drawing,
    "pattern": pattern,
}
"""Kind -> what draws one of it."""


def drawn(kind: str, seed: int) -> bytes:
    """One picture of a kind as a file: PNG, or half the time JPEG, the same for the same seed."""
    rng = np.random.default_rng([seed, *kind.encode()])
    pixels = ODD[kind](rng)
    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR)
    if seed % 2:
        return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))])[1])
    return bytes(cv2.imencode(".png", bgr)[1])
