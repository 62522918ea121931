"""The guard: what a mend may change, and what it may not. It compares two photos and names the first bound broken.

A photo is mended only for a defect that was found and severe, and a mend is kept only if that defect fell, no other
rose, and structure, hue, chroma, clipping and text stayed within bounds. `Bounds` is the one table of those numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.metrics.ciede2000 import ciede2000, to_lab
from transforms.imaging.types import Pixels
from transforms.settings import setting

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The guard's numbers; those of a bound's name appear in `Action.bound`."""

    act: float = setting(0.35, unit="severity", decides=True, why="below this a defect is left as it is")
    removed: float = setting(
        0.20, unit="severity", decides=True, why="from here down a defect is gone: no more is done"
    )
    fall: float = setting(0.30, unit="share", decides=True, why="a mend must lower the defect's severity by this share")
    rise: float = setting(0.08, unit="severity", decides=True, why="no other defect may rise by more")
    structure: float = setting(
        0.90, unit="correlation", decides=True, why="least agreement of local luma structure, before and after"
    )
    hue: float = setting(
        4.0, unit="degrees", decides=True, why="mean turn of hue where there is colour (not for white balance)"
    )
    chroma: float = setting(0.35, unit="share", decides=True, why="mean chroma may change by this share at most")
    clipping: float = setting(0.01, unit="share", decides=True, why="share of pixels that may newly clip")
    colour: float = setting(
        12.0, unit="ΔE2000", decides=True, why="mean move of colour by white balance without a neutral ground"
    )
    text: float = setting(0.93, unit="correlation", decides=True, why="structure within text, which must stay readable")


class Touches(Enum):
    """What an operation is meant to change; all else is held to its bound."""

    TONE = "tone"
    COLOUR = "colour"
    COLOUR_PROVEN = "colour_proven"
    DETAIL = "detail"
    TONE_AND_GRAIN = "tone_and_grain"

    @property
    def grain(self) -> bool:
        """Whether grain is meant to go, so that detail is compared where it has been averaged out."""
        return self in (Touches.DETAIL, Touches.TONE_AND_GRAIN)


FRAMING = frozenset({"blank", "low_res", "small", "cut_off", "clutter", "border", "overlay", "collage", "screenshot"})
"""Defects of what was photographed and how it was cut: no operation here moves a pixel, so they cannot rise."""

HIDDEN = frozenset({"blur", "motion", "enlarged", "dark", "too_dark", "low_contrast", "uneven_light"})
"""Grain and block edges count as sharpness, as highlights and as contrast, so without them a photo measures softer,
darker
and flatter than before and is not: for what removes them, structure and text are looked at instead."""

_ROWS = 512
"""Rows compared at a time: memory is that of a strip."""

COMPARED_SIDE = 256
"""Colour and clipping are compared on copies of at most this long side: noise is averaged away, shares stay."""


def broken_by_severity(
    code: str, before: Mapping[str, float], after: Mapping[str, float], touches: Touches, bounds: Bounds
) -> str | None:
    """The name of the severity bound that a mend for `code` broke ("fall" or "rise"), or None."""
    if not after.get(code, 0.0) <= before.get(code, 0.0) * (1.0 - bounds.fall):
        return "fall"
    return "rise" if risen(code, before, after, touches, bounds) else None


def risen(
    code: str, before: Mapping[str, float], after: Mapping[str, float], touches: Touches, bounds: Bounds
) -> tuple[str, ...]:
    """The other defects that rose by more than the bound; a severity that is no number has risen."""
    exempt = {code} | FRAMING | (HIDDEN if touches.grain else set())
    return tuple(
        name for name in after if name not in exempt and not after[name] <= before.get(name, 0.0) + bounds.rise
    )


def broken_by_pixels(before: Pixels, after: Pixels, touches: Touches, bounds: Bounds) -> str | None:
    """The name of the first bound of structure, text, clipping, hue, chroma or colour that `after` breaks, or None.

    Args:
        before: height x width x 3, uint8, sRGB.
        after: the same shape.
        touches: what the operation is meant to change.
        bounds: the numbers.
    """
    if before.shape != after.shape:
        return "structure"
    luma_before, luma_after = _luma(before), _luma(after)
    marked = text_mask(luma_after)
    if touches.grain:
        # Noise is meant to go: what lies above it must stay, so both are looked at where noise has been averaged out.
        marked = _half(marked.astype(np.float32)) > 0.5
        luma_before, luma_after = _half(luma_before), _half(luma_after)
        kept = structure(_half(luma_before), _half(luma_after))
    else:
        kept = structure(luma_before, luma_after)
    if kept < bounds.structure:
        return "structure"
    if marked.any() and structure(luma_before, luma_after, marked) < bounds.text:
        return "text"
    # Grain has a hue of its own in every pixel: what a denoiser does to colours shows only where it is averaged away.
    side = COMPARED_SIDE // 16 if touches.grain else COMPARED_SIDE
    small_before, small_after = _small(before, side), _small(after, side)
    if clipped_share(small_after) > clipped_share(small_before) + bounds.clipping:
        return "clipping"
    return _broken_colour(to_lab(small_before), to_lab(small_after), touches, bounds)


def _broken_colour(before: Plane, after: Plane, touches: Touches, bounds: Bounds) -> str | None:
    if touches is Touches.COLOUR_PROVEN:
        return None
    if touches is Touches.COLOUR:
        return "colour" if float(ciede2000(before, after).mean()) > bounds.colour else None
    if hue_turn(before, after) > bounds.hue:
        return "hue"
    if touches is Touches.DETAIL:
        # Tone operations scale chroma with lightness by design; a denoiser has no reason to.
        chroma_before, chroma_after = (float(np.hypot(lab[..., 1], lab[..., 2]).mean()) for lab in (before, after))
        if abs(chroma_after - chroma_before) > bounds.chroma * max(chroma_before, 4.0):
            return "chroma"
    return None


def structure(before: Plane, after: Plane, where: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean local correlation of two luma planes, weighted by local contrast: 1 is the same up to a local gain and
    offset.

    The structure term of SSIM (Wang et al., IEEE TIP 2004) in windows of 8 x 8; gain and offset are what tone
    operations change.

    Args:
        before: height x width, float32, 0..255.
        after: the same shape.
        where: only these pixels, or all.

    Returns:
        -1..1; 1.0 where neither plane has any structure.
    """
    total = weights = 0.0
    for top in range(0, before.shape[0], _ROWS):
        # Eight rows more at either end give the windows of the strip's own rows what they look at.
        outer = slice(max(top - 8, 0), top + _ROWS + 8)
        inner = slice(top - outer.start, top - outer.start + _ROWS)
        correlation, weight = _local_correlation(before[outer], after[outer])
        weight = weight[inner] if where is None else weight[inner] * where[top : top + _ROWS]
        total += float((correlation[inner] * weight).sum())
        weights += float(weight.sum())
    return 1.0 if weights <= 0 else total / weights


def _local_correlation(before: Plane, after: Plane) -> tuple[Plane, Plane]:
    """Correlation in windows of 8 x 8, and the first plane's standard deviation there."""
    window = (8, 8)
    mean_before, mean_after = cv2.blur(before, window), cv2.blur(after, window)
    var_before = np.maximum(cv2.blur(before * before, window) - mean_before**2, 0)
    var_after = np.maximum(cv2.blur(after * after, window) - mean_after**2, 0)
    covariance = cv2.blur(before * after, window) - mean_before * mean_after
    # Grey-value rounding alone has a variance of 1/12: flat windows say nothing.
    floor = np.float32(0.5)
    return (covariance + floor) / (np.sqrt(var_before * var_after) + floor), np.sqrt(var_before)


def clipped_share(pixels: Pixels) -> float:
    """Share 0..1 of pixels that are black (largest channel under 3) or burnt out (smallest channel over 252)."""
    return float(((pixels.max(axis=2) < 3) | (pixels.min(axis=2) > 252)).mean())


def hue_turn(before: Plane, after: Plane, colourful: float = 8.0) -> float:
    """Mean turn of hue in degrees over pixels that have chroma above `colourful` before and after; CIELAB in.

    Returns:
        0..180; 0.0 where fewer than one pixel in a hundred has colour.
    """
    chroma_before = np.hypot(before[..., 1], before[..., 2])
    chroma_after = np.hypot(after[..., 1], after[..., 2])
    both = (chroma_before > colourful) & (chroma_after > colourful)
    if both.mean() < 0.01:
        return 0.0
    cross = before[..., 1] * after[..., 2] - before[..., 2] * after[..., 1]
    dot = before[..., 1] * after[..., 1] + before[..., 2] * after[..., 2]
    turn = np.abs(np.arctan2(cross[both], dot[both]))
    return float(np.degrees(np.average(turn, weights=chroma_before[both])))


def text_mask(luma: Plane) -> npt.NDArray[np.bool_]:
    """Where text or a logo may be: rows of dense, strong strokes; height x width, bool.

    A morphological gradient, thresholded, closed along the row and kept by the shape and fill of each piece, as in the
    classic text locators. Generous on purpose: what is no text is only held to a tighter bound.
    """
    strokes = cv2.morphologyEx(luma.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    strong = (strokes > 80).astype(np.uint8)
    rows = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rows)
    width, height, area = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    keep = (height >= 6) & (height <= luma.shape[0] // 4) & (width > 1.5 * height) & (area > 0.45 * width * height)
    keep[0] = False
    return np.asarray(keep[labels]) if count > 1 else np.zeros(luma.shape, np.bool_)


def _luma(pixels: Pixels) -> Plane:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def _half(plane: Plane) -> Plane:
    if min(plane.shape) < 2:
        return plane
    size = plane.shape[1] // 2, plane.shape[0] // 2
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _small(pixels: Pixels, side: int) -> Pixels:
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
