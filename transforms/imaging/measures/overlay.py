"""Whether text was laid over the photo afterwards: a shop's name, a date, a price; a product's own print is none.

A network finds lines of writing (`text_detector.py`); a tiny one of ours tells from each line's looks and its letters
(`lettering.py`) whether it is in the scene or on top of it. What was laid over has one exact colour, whatever light, folds and
weave do around it; its edges are sharper than the lens draws; it lies level and often beside the product or across its edge.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures.declaration import Measure
from transforms.imaging.measures.lettering import describe_lettering, otsu
from transforms.imaging.measures.network import load_network
from transforms.imaging.measures.view import View, shrink
from transforms.imaging.text_detector import TextLine, find_text
from transforms.imaging.types import Pixels

Array = npt.NDArray[Any]

_SIDE = 800
"""Long side, pixels, at which a line's colours are looked at: small prints of larger photos would cost without telling more."""
_REACH = 20.0
_WEIGHTS = "overlay_weights.json"
_LIKELY, _ALIKE = 0.0, -2.0
"""Log-odds from which a line counts as laid over: by itself, or in the colour of a line that does."""
_SAME = 14.0
"""Levels by which colours of lines of one overlay differ at most after compression."""
_AROUND = 0.8
"""Share of a line's thickness by which its surroundings are looked at."""
_SMALLEST = 64
_FEWEST = 6

_SOURCE = "text lines by PP-OCR (DBNet, Liao et al. 2020), network of bench/fit_overlay.py"

_TEXT_SOURCE = "text lines by PP-OCR (DBNet, Liao et al. 2020)"

MEASURES = (
    Measure("overlay", "log-odds", -_REACH, _REACH, "over 0: a line of text was laid over the photo", _SOURCE),
    Measure("overlay_cover", "share", 0.0, 1.0, "of the photo under the lines that count as laid over", _SOURCE),
    Measure("text_lines", "lines", 0.0, 64.0, "of writing of any kind: a page has a dozen and more", _TEXT_SOURCE),
    Measure(
        "text_cover", "share", 0.0, 1.0, "of the picture under writing of any kind: .4 a page of text", _TEXT_SOURCE
    ),
)


def measure(view: View) -> dict[str, float]:
    """Return the log-odds of the likeliest overlay, the share it covers, and how much writing there is at all.

    All are NaN without the extra `text` or under 64 px.
    """
    found = find_overlay(view)
    if found is None:
        return dict.fromkeys((declared.name for declared in MEASURES), float("nan"))
    return {
        "overlay": float(np.clip(found.odds, -_REACH, _REACH)),
        "overlay_cover": _cover(found.lines),
        "text_lines": float(len(found.writing)),
        "text_cover": _cover(found.writing),
    }


@dataclass(frozen=True, slots=True)
class Overlay:
    """Writing on a photo.

    Attributes:
        odds: log-odds of the line that was likeliest laid over it, -20 where there is no writing.
        lines: those that count as laid over.
        writing: all lines.
    """

    odds: float
    lines: tuple[TextLine, ...]
    writing: tuple[TextLine, ...]


def find_overlay(view: View) -> Overlay | None:
    """Find the lines of writing on a photo, and which were laid over it; None without the extra `text` or under 64 px."""
    lines = find_text(view.pixels) if min(view.pixels.shape[:2]) >= _SMALLEST else None
    if lines is None:
        return None
    if not lines:
        return Overlay(-_REACH, (), ())
    looks = describe(view, lines)
    odds = load_network(_WEIGHTS).odds(looks.numbers)
    surest = int(odds.argmax())
    alike = np.abs(looks.colours - looks.colours[surest]).max(axis=1) <= _SAME
    counted = (odds >= _LIKELY) | (alike & (odds >= _ALIKE))
    laid_over = tuple(line for line, counts in zip(lines, counted, strict=True) if counts)
    return Overlay(float(odds[surest]), laid_over, tuple(lines))


@dataclass(frozen=True, slots=True)
class Looks:
    """What is seen of each line: `numbers`, float64, lines x 51, for the model; `colours` of the glyphs, lines x 3."""

    numbers: Array
    colours: Array


def describe(view: View, lines: tuple[TextLine, ...]) -> Looks:
    """Describe lines of writing: how flat, sharp and strong, where, and in what company."""
    pixels = shrink(view.pixels, _SIDE)
    sharpness = float(np.log(_ratio(view.structure.sum(axis=(0, 1))[[0, 2]])))
    seen = [_look_at(pixels, line) for line in lines]
    colours = np.array([colour for _, colour in seen])
    apart = np.abs(colours[:, None] - colours[None]).max(axis=2)
    company = np.log1p((apart <= _SAME).sum(axis=1) - 1.0)
    places = np.array([_place(view, line) for line in lines])
    own = np.array([numbers for numbers, _ in seen])
    shared = np.column_stack([company, np.full(len(lines), np.log1p(len(lines))), np.full(len(lines), sharpness)])
    plain = np.full(len(lines), float(view.region.plain))
    letters = np.array([_letters_of(pixels, line) for line in lines])
    return Looks(np.column_stack([own, places, shared, letters, plain]), colours)


def _letters_of(pixels: Pixels, line: TextLine) -> list[float]:
    """Describe a line's letters in a crop that shows what lies around it."""
    height, width = pixels.shape[:2]
    corners = line.corners * np.array([width, height], np.float32)
    beyond = round(_AROUND * float(np.ptp(corners, axis=0).min())) + 6
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - beyond, 0, (width - 2, height - 2))
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1 + beyond
    right, bottom = np.clip((right, bottom), (left + 2, top + 2), (width, height))
    return describe_lettering(np.ascontiguousarray(pixels[top:bottom, left:right]), corners - (left, top), line.angle)


def _look_at(pixels: Pixels, line: TextLine) -> tuple[list[float], Array]:
    """Return numbers of a line's colours and edges, and its glyphs' colour."""
    height, width = pixels.shape[:2]
    corners = line.corners * np.array([width, height], np.float32)
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 2, height - 2))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, (left + 2, top + 2), (width, height))
    crop = np.ascontiguousarray(pixels[top:bottom, left:right])
    inside = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(corners - (left, top)).astype(np.int32)], 1)
    rim = inside - cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    planes = [*cv2.split(crop), cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)]
    plane, cut = max(((p, otsu(p)) for p in planes), key=lambda each: each[1][1])
    bright = (plane > cut[0]).astype(np.uint8)
    # The glyphs are the side that keeps away from the line's outline.
    on_rim, overall = cv2.mean(bright, rim)[0], cv2.mean(bright, inside)[0]
    glyphs = bright if on_rim < overall else 1 - bright
    glyphs &= inside
    thick = np.asarray(cv2.dilate(glyphs, np.ones((3, 3), np.uint8)), np.uint8)
    ground = np.where(thick > 0, 0, inside)
    values, grounds = crop[glyphs > 0].astype(np.float32), crop[ground > 0].astype(np.float32)
    if len(values) < _FEWEST or len(grounds) < _FEWEST:
        values = grounds = crop.reshape(-1, 3).astype(np.float32)
    aside = grounds.mean(axis=0)
    # The half that is farthest from the ground is ink through and through, thin strokes' blended edges are not.
    strength = np.abs(values - aside).sum(axis=1)
    core = values[strength >= np.median(strength)]
    colour = np.median(core, axis=0)
    contrast = float(np.abs(colour - aside).max()) + 1.0
    flat, ground_flat = _spread(core), _spread(grounds)
    slope, ground_slope = _drift(crop, glyphs, colour), _drift(crop, ground, aside)
    steps = np.abs(np.diff(plane.astype(np.int16), axis=1)), np.abs(np.diff(plane.astype(np.int16), axis=0))
    steepest = float(np.mean([np.quantile(step, 0.97) for step in steps])) / contrast
    near = sum(float((step.astype(np.float32) ** 2).mean()) for step in steps)
    lag = min(4, *(side - 1 for side in plane.shape))
    wide = plane.astype(np.float32)
    far = float(((wide[:, lag:] - wide[:, :-lag]) ** 2).mean() + ((wide[lag:] - wide[:-lag]) ** 2).mean())
    extreme = float(np.minimum(colour, 255 - colour).max())
    numbers = [
        np.log(flat + 1),
        np.log(ground_flat + 1),
        np.log((flat + 2) / contrast),
        np.log((flat + 2) / (ground_flat + 2)),
        np.log(slope + 1),
        np.log(ground_slope + 1),
        np.log(contrast),
        steepest,
        np.log(_ratio(np.array([near, far]))),
        np.log(extreme + 2),
        np.log(255 - colour.min() + 2),
        np.log(colour.max() + 2),
        float(glyphs.sum() / max(1, inside.sum())),
    ]
    return [float(number) for number in numbers], colour


def _spread(values: Array) -> float:
    """Levels between the 10th and the 90th percentile, mean of the channels."""
    low, high = np.quantile(values, (0.1, 0.9), axis=0)
    return float((high - low).mean())


def _drift(crop: Pixels, mask: Array, colour: Array) -> float:
    """Levels by which a colour differs from one quarter of a line to another: shading, as light on cloth has."""
    along = 1 if mask.shape[1] >= mask.shape[0] else 0
    means = []
    for part, pixels in zip(np.array_split(mask, 4, axis=along), np.array_split(crop, 4, axis=along), strict=True):
        # The greatest of three planes: far faster than a maximum along an axis of three.
        red, green, blue = np.moveaxis(np.abs(pixels - colour), 2, 0)
        near = pixels[(part > 0) & (np.maximum(np.maximum(red, green), blue) < 60)]
        if len(near) >= _FEWEST:
            means.append(near.mean(axis=0))
    return float(np.std(means, axis=0).mean()) if len(means) > 1 else 0.0


def _ratio(pair: Array) -> float:
    return float((pair[0] + 1) / (pair[1] + 1))


def _place(view: View, line: TextLine) -> list[float]:
    """Return numbers of where a line lies: on the product, across its edge, near the frame, level, how large."""
    height, width = view.product.shape
    corners = line.corners * np.array([width, height], np.float32)
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), (left + 1, top + 1), (width, height))
    on = float(view.product[top:bottom, left:right].mean()) if view.region.confidence > 0 else 0.5
    x, y = line.corners.mean(axis=0)
    frame = float(np.clip(min(line.corners.min(), 1 - line.corners.max()), -0.05, 0.5))
    return [
        on,
        4 * on * (1 - on),
        view.region.confidence,
        float(abs(x - 0.5)),
        float(abs(y - 0.5)),
        frame,
        float(np.log1p(abs(line.angle))),
        float(np.log(line.length)),
        float(np.log(line.thickness)),
        line.score,
    ]


def _cover(lines: tuple[TextLine, ...]) -> float:
    """Share of the photo under some lines, counted once where they lie over each other."""
    side = 256
    map_ = np.zeros((side, side), np.uint8)
    for line in lines:
        cv2.fillPoly(map_, [np.rint(line.corners * side).astype(np.int32)], 1)
    return float(map_.mean())
