"""Named fields, from a manifest's row or a message, as an `ImageEvent`: known names are checked, the others kept."""

import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from transforms import identity
from transforms.errors import RefusalError
from transforms.records import ROLES, ImageEvent

TEXTS = ("event_id", "product_id", "seller_id", "category", "trace_id")
KNOWN = ("uri", "generation", "role", "event_time", *TEXTS)
"""The names that mean something here."""


class Skipped(NamedTuple):
    """What a message tells of that names no new photo, and why: a deletion, a test."""

    why: str


def event_of(
    fields: Mapping[str, Any],
    folder: str | None,
    position: str,
    *,
    stat_files: bool = False,
    generation: str | None = None,
    pin: str | None = None,
    size: Any = None,
) -> ImageEvent:
    """Make an event of named fields: those of `KNOWN` are checked, the others kept in `extra`. Null and "" are absent.

    Args:
        fields: name -> value; `uri` is needed.
        folder: canonical URI that a plain path is relative to; None: a plain path is refused.
        position: where the fields were read.
        stat_files: give a local file its size and, where the fields name no generation, its time of change.
        generation: already sortable; else made of the field.
        pin: what a store's own version of the object adds to its URI.
        size: in bytes, a number or its digits; anything else is not known.

    Raises:
        RefusalError: `bad_uri`, or `bad_event` for a field of the wrong type.
    """
    given = {name: value for name, value in fields.items() if not _absent(value)}
    named = given.get("uri")
    if not isinstance(named, str):
        raise RefusalError("bad_uri", "there is no uri" if named is None else "uri is no text")
    if folder is None and not identity.has_scheme(named):
        raise RefusalError("bad_uri", "the uri has no scheme: a message cannot name a file by its path alone")
    uri, location = identity.locate(named, folder)
    event_time = time_of(given.get("event_time"))
    generation = generation or _generation(given.get("generation"), event_time)
    status = _status(uri) if stat_files and uri.startswith("file:") else None
    if status is not None and "generation" not in given:
        generation = identity.mtime_generation(status.st_mtime_ns)
    texts = {name: text_of(name, given[name]) if name in given else None for name in TEXTS}
    role = _role(given.get("role"))
    extra = {name: plain(value) for name, value in given.items() if name not in KNOWN}
    if role == "unknown" and "role" in given:
        extra["role"] = plain(given["role"])
    return ImageEvent(
        event_id=identity.event_id(texts["event_id"], uri, generation, position),
        uri=uri,
        generation=generation,
        source_position=position,
        product_id=texts["product_id"],
        seller_id=texts["seller_id"],
        category=texts["category"],
        role=role,
        event_time=event_time,
        trace_id=texts["trace_id"],
        extra=extra,
        location=uri + pin if pin else location,
        size=status.st_size if status else _size(size),
    )


def _status(uri: str) -> os.stat_result | None:
    try:
        return os.stat(identity.file_path(uri))  # noqa: PTH116 - bytes
    except OSError:
        return None  # fetching it will say why


def _size(value: Any) -> int | None:
    digits = isinstance(value, str | int) and not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,15}", str(value))
    return int(value) if digits else None


def _absent(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def text_of(name: str, value: Any) -> str:
    """Return a text; a number counts as its digits (a table often turns ids into numbers)."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > 4_096:
        raise RefusalError("bad_event", f"{name} is no text of at most 4,096 characters")
    return utf8(value)


def _role(value: Any) -> str:
    """Return one of `ROLES`, written as a person may write it; "unknown" for another text.

    Raises:
        RefusalError: no text.
    """
    if value is None:
        return "unknown"
    if not isinstance(value, str):
        raise RefusalError("bad_event", "role is no text")
    name = value.strip().lower().replace(" ", "_").replace("-", "_")
    return name if name in ROLES else "unknown"


def time_of(value: Any) -> datetime | None:
    """Return an aware time: from ISO 8601 (UTC where it names no zone), or a number of s, ms, us or ns since 1970.

    Raises:
        RefusalError: it is neither, or not in the years 1 to 9999.
    """
    try:
        if value is None:
            return None
        if isinstance(value, str):
            # Eight digits are a date; as seconds they would be of 1973 or before.
            value = (
                float(value) if re.fullmatch(r"[0-9]{9,19}", value.strip()) else datetime.fromisoformat(value.strip())
            )
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # The four units are a factor of 1,000 apart, and 1e11 s is the year 5138.
            scale = next((s for s in (1, 1e3, 1e6) if abs(value) < 1e11 * s), 1e9)
            return datetime.fromtimestamp(value / scale, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise RefusalError("bad_event", f"event_time is no time: {str(value)[:80]!r}")


def _generation(value: Any, event_time: datetime | None) -> str:
    """Return what the sender counts, else the time that it names, else ""."""
    if value is None:
        return identity.time_generation(event_time) if event_time else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return identity.integer_generation(value)
    if isinstance(value, str) and len(value) <= 128 and value.isprintable():
        return value
    raise RefusalError("bad_event", "generation is neither a number of at most 20 digits nor a short text")


def plain(value: Any) -> Any:
    """Return a value as JSON can say it."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {utf8(str(name)): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else utf8(str(value))


def utf8(text: str) -> str:
    """Return a text without lone surrogates (bytes that were no UTF-8), which no table can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
