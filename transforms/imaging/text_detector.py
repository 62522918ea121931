"""Where there is writing in a picture: the detection network that the package `rapidocr` carries, run by ONNX Runtime.

Only the network's file is taken from that package, never its code: that would load three networks, OmegaConf and Shapely for
one box. The network is PP-OCR's differentiable binarization (Liao et al., Real-time scene text detection, AAAI 2020).
Both packages are an extra (`text`); without them `find_text` returns None. Nothing is ever downloaded.
"""

import functools
import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels

_MODEL = "models/PP-OCRv6_det_small.onnx"
_SIDE = 384
"""Long side, pixels, at which text is looked for: a line of 4 % of a 400 px photo is 10 px high there."""
_MULTIPLE = 32
_LIKELY = 0.3
"""Share from which the network's map counts as text, as its makers set it."""
_SURE = 0.5
_MOST = 64
_THICKEST = 0.3
"""Share of the photo's longer side; what the network marks beyond it is a garment taken for one great letter."""
_GROWN = 0.8
"""The network marks the core of a line; a line is as much wider on each side as this share of the core's thickness."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of writing: its corners as shares of width and height (float, 4 x 2), its angle and how sure the network is.

    `angle` is the line's tilt in degrees, -45..45; `score` is 0..1; `length` and `thickness` are shares of the photo's
    longer side.
    """

    corners: npt.NDArray[np.float32]
    angle: float
    score: float
    length: float
    thickness: float


def find_text(pixels: Pixels) -> tuple[TextLine, ...] | None:
    """Find lines of writing in sRGB pixels (uint8, height x width x 3), the surest first; None where the extra is missing."""
    session = _session()
    if session is None:
        return None
    likely = _run(session, pixels)
    marked = (likely > _LIKELY).astype(np.uint8)
    outlines, _ = cv2.findContours(marked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([likely.shape[1], likely.shape[0]], np.float32)
    lines = [line for outline in outlines if (line := _line(outline, likely, scale)) is not None]
    return tuple(sorted(lines, key=lambda line: -line.score)[:_MOST])


def _line(outline: npt.NDArray[Any], likely: npt.NDArray[Any], scale: npt.NDArray[Any]) -> TextLine | None:
    centre, (width, height), angle = cv2.minAreaRect(outline)
    if min(width, height) < 2:
        return None
    left, top, wide, high = cv2.boundingRect(outline)
    inside = np.zeros((high, wide), np.uint8)
    cv2.drawContours(inside, [outline - np.array([left, top])], -1, 1, cv2.FILLED)
    score = float(cv2.mean(likely[top : top + high, left : left + wide], inside)[0])
    if score < _SURE:
        return None
    grown = _GROWN * min(width, height)
    width, height = width + grown, height + grown
    corners = cv2.boxPoints((centre, (width, height), angle)).astype(np.float32) / scale
    tilt = angle if width >= height else angle - 90
    longer = float(scale.max())
    if min(width, height) > _THICKEST * longer:
        return None
    return TextLine(corners, (tilt + 45) % 90 - 45, score, max(width, height) / longer, min(width, height) / longer)


def _run(session: Any, pixels: Pixels) -> npt.NDArray[np.float32]:
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = tuple(max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    blue_first = cv2.cvtColor(cv2.resize(pixels, size, interpolation=way), cv2.COLOR_RGB2BGR)
    planes = cv2.dnn.blobFromImage(blue_first, 1 / 127.5, mean=(127.5, 127.5, 127.5))
    (found,) = session.run(None, {session.get_inputs()[0].name: planes})
    return np.asarray(found[0, 0], np.float32)


_loading = threading.Lock()


def _session() -> Any | None:
    """Return the network, loaded once a process (about 50 ms) by whoever asks first; safe to run from several threads."""
    with _loading:
        return _load()


@functools.cache
def _load() -> Any | None:
    package = importlib.util.find_spec("rapidocr")
    if package is None or not package.submodule_search_locations or importlib.util.find_spec("onnxruntime") is None:
        return None
    file = Path(package.submodule_search_locations[0]) / _MODEL
    if not file.exists():
        return None
    import onnxruntime  # heavy, and only where text is looked for

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
