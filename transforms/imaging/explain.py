"""A photo with what was found drawn over it: the product, the model's tiles, and the reasons with their places."""

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.measures import View, look
from transforms.imaging.measures.overlay import find_overlay
from transforms.imaging.policy import SEVERE
from transforms.imaging.types import Assessment, Box, Judgement, Pixels, Reason

_LONG_SIDE = 1200
_PRODUCT = (0, 190, 80)
_TILE = (80, 140, 255)
_SEVERE = (220, 30, 30)
_SLIGHT = (230, 150, 0)
_INK = (255, 255, 255)
_PAPER = (32, 32, 32)


def explain(
    pixels: Pixels,
    assessment: Assessment,
    judgement: Judgement,
    tiles: tuple[Box, ...] = (),
    score: float | None = None,
) -> Pixels:
    """Draw region, tiles and reasons over a copy of the photo, with a caption below it.

    Args:
        pixels: uint8 sRGB, height x width x 3, as they were assessed.
        assessment: its region's box is drawn green where one was found, and in it the product's outline.
        judgement: its reasons are listed, the worst first, and framed where they have a place: red when severe. Text laid
            over the photo is framed line by line, with the reason's code above the first.
        tiles: where the model looked, drawn blue; it looks at the whole photo besides.
        score: the model's, for the caption.

    Returns:
        uint8 sRGB, at most 1200 px long, higher than the photo by the caption.
    """
    scale = min(1.0, _LONG_SIDE / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    drawn = np.array(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    for box in tiles:
        _frame(drawn, box, _TILE, 1)
    written = next((reason for reason in judgement.reasons if reason.code == "overlay"), None)
    view = look(pixels) if written or assessment.region_confidence > 0 else None
    if view and assessment.region_confidence > 0:
        _frame(drawn, assessment.region, _PRODUCT, 2)
        if view.region.confidence > 0:
            _outline(drawn, view.region.mask)
    if view and written:
        _frame_text(drawn, view, written)
    for reason in reversed(judgement.reasons):
        if reason.region is not None:
            _frame(drawn, reason.region, _colour(reason.severity), 3)
    shown = "" if score is None else f"  score {score:.0f} {judgement.band or ''}"
    lines = [(f"{judgement.verdict}{shown}", _INK)]
    lines += [
        (_line(reason.code, reason.severity, reason.amount), _colour(reason.severity)) for reason in judgement.reasons
    ]
    if assessment.region_confidence > 0:
        lines.append((f"product, confidence {assessment.region_confidence:.2f}", _PRODUCT))
    return np.vstack([drawn, _caption(lines, size[0])])


def _line(code: str, severity: float, amount: float | None) -> str:
    return f"{code}  severity {severity:.2f}" + ("" if amount is None else f"  amount {amount:.3g}")


def _colour(severity: float) -> tuple[int, int, int]:
    return _SEVERE if severity >= SEVERE else _SLIGHT


def _frame(pixels: Pixels, box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    height, width = pixels.shape[:2]
    corner = int(box.x * (width - 1)), int(box.y * (height - 1))
    other = int((box.x + box.width) * (width - 1)), int((box.y + box.height) * (height - 1))
    cv2.rectangle(pixels, corner, other, colour, thickness)


def _frame_text(pixels: Pixels, view: View, reason: Reason) -> None:
    """Draw round each line that counts as laid over, with the reason's code at the uppermost."""
    found = find_overlay(view)
    if found is None or not found.lines:
        return
    height, width = pixels.shape[:2]
    colour = _colour(reason.severity)
    boxes = [np.rint(line.corners * (width - 1, height - 1)).astype(np.int32) for line in found.lines]
    cv2.polylines(pixels, boxes, True, colour, 2, cv2.LINE_AA)
    scale = max(0.3, min(0.6, width / 800))
    (long, high), _ = cv2.getTextSize(reason.code, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left, top = min(boxes, key=lambda box: box[:, 1].min()).min(axis=0)
    left, top = int(np.clip(left, 0, max(0, width - long - 4))), int(max(top, high + 6))
    cv2.rectangle(pixels, (left, top - high - 6), (left + long + 4, top), colour, cv2.FILLED)
    cv2.putText(pixels, reason.code, (left + 2, top - 3), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)


def _outline(pixels: Pixels, mask: npt.NDArray[np.bool_]) -> None:
    size = pixels.shape[1], pixels.shape[0]
    fitted = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR) > 127
    edges, _ = cv2.findContours(fitted.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(pixels, edges, -1, _PRODUCT, 2)


def _caption(lines: list[tuple[str, tuple[int, int, int]]], width: int) -> Pixels:
    """Write the lines on a dark strip of the photo's width, as large as fits it."""
    longest = max(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)[0][0] for text, _ in lines)
    scale = min(0.7, (width - 8) / longest)
    step = max(6, round(34 * scale))
    strip = np.full((step * len(lines) + step // 2, width, 3), _PAPER, np.uint8)
    for place, (text, colour) in enumerate(lines):
        at = 4, step * (place + 1)
        cv2.putText(strip, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return strip
