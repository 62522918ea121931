"""The photos that a report shows: small copies within the page, and what the records say beside them."""

import base64
import json
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
from PIL import Image

from pipelines.config import Config
from pipelines.report_figures import Group, advice_on, meaning_of
from transforms.errors import RefusalError, UserError
from transforms.fetch import fetch
from transforms.imaging.codec.container import open_header, sniff
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.codec.raster import flatten
from transforms.imaging.guard import Bounds
from transforms.reasons import REFUSALS
from transforms.records import ImageEvent, Row
from transforms.sinks.images import FOLDER
from transforms.sinks.output import Output

SIDE = 320
"""Longest side of a small copy, px; a mended photo is shown larger, for it is looked at closely."""
PAIR_SIDE = 480
QUALITIES = (80, 60, 40)
MAX_BYTES = 40_000
"""Of one small copy: noise makes a large file, so the next quality of `QUALITIES` is taken until it fits."""

READERS = 8
"""Photos that are fetched at once; a store's answer takes longer than the small copy."""

BOUNDS = {bound.name: bound.metadata["why"] for bound in fields(Bounds)} | {
    "evidence": "there is no safe ground to compute the correction from",
}
"""Why a mend was declined: the bound's name -> what it holds."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A small copy, or why there is none; `share` is width over height."""

    data: str | None
    """As a `data:` URI."""
    share: float = 1.0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason of one photo."""

    code: str
    meaning: str
    severity: float
    advice: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Deed:
    """One operation, kept or declined."""

    operation: str
    parameters: str
    before: float | None
    after: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One photo as the page shows it; `boxes` are (label, x, y, width, height) in percent of the photo."""

    name: str
    uri: str
    row: Row
    original: Picture
    mended: Picture | None
    findings: tuple[Finding, ...]
    actions: tuple[Deed, ...]
    declined: tuple[Deed, ...]
    boxes: tuple[tuple[str, float, float, float, float], ...]

    @property
    def is_mended(self) -> bool:
        """Tell whether a mended photo was written."""
        return self.mended is not None

    @property
    def is_pair(self) -> bool:
        """Tell whether both pictures can be shown."""
        return self.mended is not None and None not in (self.original.data, self.mended.data)

    @property
    def shape(self) -> float:
        """Width over height of what is shown."""
        shown = self.mended if self.mended and not self.original.data else self.original
        return shown.share


@dataclass(frozen=True, slots=True)
class Section:
    """A group of the gallery."""

    group: Group
    cards: tuple[Card, ...]


def make_gallery(groups: Iterable[Group], output: Output, config: Config) -> list[Section]:
    """Make the cards of all groups; a photo that cannot be read any more has a placeholder that says why."""
    with ThreadPoolExecutor(READERS) as pool:
        waiting = [
            (group, [pool.submit(make_card, row, output, config) for row in group.rows]) for group in list(groups)
        ]
        return [Section(group, tuple(card.result() for card in cards)) for group, cards in waiting]


def make_card(row: Row, output: Output, config: Config) -> Card:
    """Make one photo's card from its row of `quality`."""
    mended = None
    if row["optimized_uri"]:
        mended = _mended(row, output, config)
    return Card(
        name=short_name(row["uri"]),
        uri=visible(row["uri"]),
        row=row,
        original=_picture(_event(row["uri"], row["generation"]), PAIR_SIDE if mended else SIDE, config),
        mended=mended,
        findings=tuple(
            Finding(
                r["code"],
                meaning_of(r["code"]),
                r["severity"] or 0.0,
                advice_on(r["code"], r["amount"], row["verdict"]),
            )
            for r in row["reasons"] or ()
        ),
        actions=tuple(_deed(action) for action in row["actions"] or ()),
        declined=tuple(_deed(action) for action in row["declined"] or ()),
        boxes=tuple(_boxes(row)),
    )


def thumbnail(data: bytes, side: int, limits: DecodeLimits) -> tuple[bytes, int, int]:
    """Make a small JPEG of a photo, upright and in sRGB, with nothing of the original's metadata.

    A JPEG is decoded at the least eighths of its size that still hold `side` pixels, which takes a fraction of the time.

    Returns:
        The file, its width and its height in pixels; the longer one is at most `side`.

    Raises:
        RefusalError: as `decode`.
    """
    pixels = _reduced(data, side, limits)
    if pixels is None:
        pixels = decode(data, limits).pixels
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    for quality in QUALITIES:
        encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= MAX_BYTES:
            break
    return encoded, *size


def _reduced(data: bytes, side: int, limits: DecodeLimits) -> "np.ndarray[Any, Any] | None":
    if sniff(data) != "jpeg":
        return None
    picture, header = open_header(data, limits)
    if picture.info.get("progressive"):
        # Each of its scans goes over the whole photo: decode() knows how many are too many.
        return None
    try:
        picture.draft(picture.mode, (side, side))
        picture.load()
        return np.asarray(flatten(picture, header)[0])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def visible(text: str) -> str:
    """Write what a reader could not see, or what turns the direction of writing, as an escape."""
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character)[0] == "C" else character for character in text
    )


def short_name(uri: str) -> str:
    """Return the last part of a URI as a person would write it."""
    return visible(unquote(uri.rstrip("/").rpartition("/")[2] or uri, errors="replace"))


def _event(uri: str, generation: str | None) -> ImageEvent:
    return ImageEvent(event_id="report", uri=uri, generation=generation or "")


def _picture(event: ImageEvent, side: int, config: Config) -> Picture:
    try:
        data, width, height = thumbnail(fetch(event, config.fetch, config.decode), side, config.decode)
    except RefusalError as error:
        return Picture(None, missing=_why(error))
    except UserError as error:
        return Picture(None, missing=str(error))
    return Picture("data:image/jpeg;base64," + base64.b64encode(data).decode("ascii"), width / height)


def _why(error: RefusalError) -> str:
    if error.code == "changed":
        return "written again since it was judged"
    return f"cannot be shown: {REFUSALS[error.code]} ({error.code})"


def _mended(row: Row, output: Output, config: Config) -> Picture:
    """Show the mended photo from this output, also where the folder was moved since; else from where the row says."""
    digest, uri = row["optimized_sha256"] or "", row["optimized_uri"]
    beside = f"{FOLDER}/{digest[:2]}/{digest}.{uri.rpartition('.')[2]}"
    if output.scheme == "file" and not Path(output.child(beside)).is_file():
        return _picture(_event(uri, None), PAIR_SIDE, config)
    return _picture(_event(output.uri(beside), None), PAIR_SIDE, config)


def _deed(action: Row) -> Deed:
    try:
        parameters = ", ".join(f"{name} {_short(value)}" for name, value in json.loads(action["parameters"]).items())
    except (TypeError, ValueError, AttributeError):
        parameters = action["parameters"] or ""
    bound = action["bound"]
    why = f"{bound}: {BOUNDS[bound]}" if bound in BOUNDS else bound or ""
    return Deed(action["operation"].replace("_", " "), parameters, action["before"], action["after"], why)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _boxes(row: Row) -> Iterable[tuple[str, float, float, float, float]]:
    """Yield the product's box where one was found, then each reason's own box that is not the same."""
    product = row["product_region"]
    if product and row["product_region_confidence"]:
        yield "product", *_percent(product)
    for reason in row["reasons"] or ():
        if reason["region"] and reason["region"] != product:
            yield reason["code"], *_percent(reason["region"])


def _percent(box: Row) -> tuple[float, float, float, float]:
    return (
        round(100 * box["x"], 2),
        round(100 * box["y"], 2),
        round(100 * box["width"], 2),
        round(100 * box["height"], 2),
    )
