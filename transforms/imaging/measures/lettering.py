"""How the letters of a line of writing look: drawn on the picture by a program, or part of the scene that a lens drew.

A program draws letters level to the pixel, with tops and bases on one height, in one colour that takes no part in the light
on the ground, over whatever lies below, with edges as sharp as pixels allow. A print follows cloth, light and perspective, and
lies on a patch of its own or on the product alone; what only looks like writing has strokes of all widths and no base line.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

Array = npt.NDArray[Any]

NAMES = (
    "level", "level_peak", "shaded_slope", "shaded_correlation", "patch_gap", "patch_edge", "halo", "stroke_variation",
    "stroke_width", "letters", "bases", "tops", "letter_height", "chroma", "luma", "ground_luma", "ink_noise",
    "ground_noise", "tilt", "upright", "edge_height", "edge_spread", "edge_over_ground", "hue_gap",
)  # fmt: skip
"""What `describe_lettering` gives of a line."""

_THREE, _FIVE, _NINE = (np.ones((side, side), np.uint8) for side in (3, 5, 9))
_FEWEST_INSIDE, _FEWEST = 12, 6
_TILTS = (-4.0, -2.0, 2.0, 4.0)
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class _Line:
    """A line's crop, taken apart: masks are uint8 0 or 1 of the crop's size."""

    crop: npt.NDArray[np.float32]
    luma: npt.NDArray[np.float32]
    plane: Array
    """The channel, or luma, in which letters and ground lie farthest apart."""
    inside: Array
    letters: Array
    core: Array
    """The half of the letters that is farthest from the ground: ink through and through."""
    ground: Array
    colour: Array
    ground_colour: Array
    contrast: float
    thickness: float
    along_rows: bool
    slope: Array
    """Magnitude of the luma's gradient, levels a pixel."""


def describe_lettering(crop: Pixels, corners: Array, angle: float) -> list[float]:
    """Describe a line of writing by `NAMES`; zeros where there is too little of it.

    Args:
        crop: uint8 sRGB, height x width x 3: the line and its surroundings.
        corners: float, 4 x 2: the line's box in pixels of the crop.
        angle: the line's tilt, degrees, -45..45.
    """
    line = _take_apart(crop, corners)
    if line is None:
        return [0.0] * len(NAMES)
    numbers = [
        *_level(line), *_shading(line), *_surroundings(line), *_strokes(line), *_letters(line), *_tones(line),
        float(np.log1p(4 * abs(angle))), float(not line.along_rows), *_edges(line), _hue_gap(line),
    ]  # fmt: skip
    return [float(number) for number in numbers]


def otsu(plane: Array) -> tuple[float, float]:
    """Return the cut that parts a plane's tones best, and the variance between its two sides."""
    cut, _ = cv2.threshold(plane, 0, 255, cv2.THRESH_OTSU)
    high = plane > cut
    share = float(high.mean())
    if share in (0.0, 1.0):
        return float(cut), 0.0
    gap = float(plane[high].mean()) - float(plane[~high].mean())
    return float(cut), share * (1 - share) * gap * gap


def _take_apart(crop: Pixels, corners: Array) -> _Line | None:
    inside = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(corners).astype(np.int32)], 1)
    rows, columns = np.nonzero(inside)
    if len(rows) < _FEWEST_INSIDE:
        return None
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    cuts = [(otsu(np.ascontiguousarray(plane[box])), plane) for plane in (*cv2.split(crop), luma)]
    (cut, _), plane = max(cuts, key=lambda each: each[0][1])
    bright = (plane > cut).astype(np.uint8)
    rim = inside - cv2.erode(inside, _THREE, borderValue=0)
    # The letters are the side that keeps away from the line's outline.
    letters = (bright if cv2.mean(bright, rim)[0] < cv2.mean(bright, inside)[0] else 1 - bright) & inside
    ground = np.where(cv2.dilate(letters, _THREE) > 0, 0, inside).astype(np.uint8)
    if letters.sum() < _FEWEST or ground.sum() < _FEWEST:
        return None
    wide = crop.astype(np.float32)
    aside = wide[ground > 0].mean(axis=0)
    ink = wide[letters > 0]
    strength = np.abs(ink - aside).sum(axis=1)
    full = strength >= np.median(strength)
    core = np.zeros_like(letters)
    core[letters > 0] = full
    colour = np.median(ink[full], axis=0)
    wide_luma = luma.astype(np.float32)
    across, down = cv2.Sobel(wide_luma, cv2.CV_32F, 1, 0), cv2.Sobel(wide_luma, cv2.CV_32F, 0, 1)
    sides = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[1])
    return _Line(
        crop=wide,
        luma=wide_luma,
        plane=plane,
        inside=inside,
        letters=letters,
        core=core,
        ground=ground,
        colour=colour,
        ground_colour=aside,
        contrast=float(np.abs(colour - aside).max()) + 1.0,
        thickness=float(min(sides)),
        along_rows=bool(np.ptp(columns) >= np.ptp(rows)),
        slope=cv2.magnitude(across, down) / 4,
    )


def _level(line: _Line) -> tuple[float, float]:
    """How much of the edges across the line lies on two rows, against the same with the line sheared by some degrees."""
    plane, inside = line.plane.astype(np.float32), line.inside
    if not line.along_rows:
        plane, inside = plane.T, inside.T
    steps = np.abs(np.diff(plane, axis=0)) * np.minimum(inside[1:], inside[:-1])
    height, width = steps.shape
    straight, best = _peak(steps), 0.0
    for degrees in _TILTS:
        shear = np.tan(np.deg2rad(degrees))
        matrix = np.array([[1, 0, 0], [shear, 1, -shear * width / 2]], np.float32)
        best = max(best, _peak(np.asarray(cv2.warpAffine(steps, matrix, (width, height)))))
    return float(np.log((straight + 0.01) / (best + 0.01))), straight


def _peak(steps: Array) -> float:
    rows = steps.sum(axis=1)
    return float(np.sort(rows)[-2:].sum() / (rows.sum() + 1e-3))


def _shading(line: _Line) -> tuple[float, float]:
    """Slope and correlation of the ink's luma on that of the ground around it: what was laid over takes no part in the light."""
    side = int(max(5, round(line.thickness))) | 1
    weight = line.ground.astype(np.float32)
    share = cv2.blur(weight, (side, side))
    here = (line.core > 0) & (share > 0.05)
    if here.sum() <= 10:
        return 0.0, 0.0
    around = cv2.blur(line.luma * weight, (side, side))[here] / share[here]
    ink = line.luma[here]
    together = float(((around - around.mean()) * (ink - ink.mean())).mean())
    return together / (float(around.var()) + 4), together / float(np.sqrt((around.var() + 1) * (ink.var() + 1)))


def _surroundings(line: _Line) -> tuple[float, float, float]:
    """Whether the line has a patch of its own (colour beyond it, an edge round it), and its letters an outline or a shadow."""
    grown = 2 * int(max(3, line.thickness * 0.25)) + 1
    wider = cv2.dilate(line.inside, np.ones((grown, grown), np.uint8)) > 0
    beyond = wider & (cv2.dilate(line.inside, _THREE) == 0)
    gap = float(np.abs(line.crop[beyond].mean(axis=0) - line.ground_colour).max()) if beyond.sum() > _FEWEST else 0.0
    band = (cv2.dilate(line.inside, _FIVE) > 0) & (cv2.erode(line.inside, _THREE) == 0)
    edge = float(line.slope[band].mean()) if band.sum() > 4 else 0.0
    near = (cv2.dilate(line.letters, _FIVE) > 0) & (cv2.dilate(line.letters, _THREE) == 0) & (line.inside > 0)
    far = (cv2.dilate(line.letters, _NINE) == 0) & (line.inside > 0)
    halo = 0.0
    if near.sum() > _FEWEST and far.sum() > _FEWEST:
        halo = float(np.abs(line.crop[near].mean(axis=0) - line.crop[far].mean(axis=0)).max()) / line.contrast
    return float(np.log1p(gap)), float(np.log1p(edge)), halo


def _strokes(line: _Line) -> tuple[float, float]:
    """How the width of strokes varies, and the width against the line's thickness."""
    depth = cv2.distanceTransform(line.letters, cv2.DIST_L2, 3)
    widths = depth[(depth >= cv2.dilate(depth, _THREE) - 1e-3) & (line.letters > 0)]
    mean = float(widths.mean())
    return float(widths.std()) / (mean + 0.1), float(np.log(mean / (line.thickness + 1) + 0.01))


def _letters(line: _Line) -> tuple[float, float, float, float]:
    """How many letters there are for the line's length, how far bases and tops lie apart, how high they are."""
    turned = line.letters if line.along_rows else np.ascontiguousarray(line.letters.T)
    found = cv2.connectedComponentsWithStats(turned)[2][1:]
    found = found[found[:, cv2.CC_STAT_AREA] >= 4]
    high = found[found[:, cv2.CC_STAT_HEIGHT] >= 0.35 * line.thickness]
    rows, columns = np.nonzero(line.inside)
    length = 1 + max(int(np.ptp(rows)), int(np.ptp(columns)))
    unit = line.thickness + 1
    count = float(np.log((len(high) + 0.5) / (length / unit + 0.5)))
    if not len(high):
        return count, 0.5, 0.5, -3.0
    tops, heights = high[:, cv2.CC_STAT_TOP], high[:, cv2.CC_STAT_HEIGHT]
    height = float(np.log(np.median(heights) / unit + 0.05))
    if len(high) == 1:
        return count, 0.5, 0.5, height
    return count, float(np.std(tops + heights)) / unit, float(np.std(tops)) / unit, height


def _tones(line: _Line) -> tuple[float, float, float, float, float]:
    """Chroma and luma of the ink, luma of the ground, and the noise within each."""
    rough = np.abs(line.luma - cv2.blur(line.luma, (3, 3)))
    noises = []
    for mask in (line.letters, line.ground):
        deep = cv2.erode(mask, _THREE) > 0
        noises.append(float(rough[deep if deep.sum() > _FEWEST else mask > 0].mean()))
    chroma = float(line.colour.max() - line.colour.min())
    return (
        float(np.log1p(chroma)),
        float(line.colour @ _LUMA) / 255,
        float(line.ground_colour @ _LUMA) / 255,
        float(np.log1p(noises[0])),
        float(np.log1p(noises[1])),
    )


def _edges(line: _Line) -> tuple[float, float, float]:
    """How steep the letters' edges are for their contrast, how unlike each other, and against what is steep in the ground."""
    on_edge = ((cv2.dilate(line.letters, _THREE) - cv2.erode(line.letters, _THREE)) > 0) & (line.inside > 0)
    edges = line.slope[on_edge]
    if edges.size <= 4:
        return 0.0, 0.0, 0.0
    middle, high, steep = np.quantile(edges, (0.5, 0.8, 0.9))
    of_ground = np.quantile(line.slope[line.ground > 0], 0.95)
    return (
        float(steep) / line.contrast,
        float(steep - middle) / line.contrast,
        float(np.log((high + 2) / (of_ground + 2))),
    )


def _hue_gap(line: _Line) -> float:
    own, ground = (colour - colour.mean() for colour in (line.colour, line.ground_colour))
    return float(np.log1p(np.abs(own - ground).max()))
