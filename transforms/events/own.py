"""Our own events: a JSON object with `uri`, or with the photo itself as base64 in `data`; `docs/events.md` has the fields."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from transforms import identity
from transforms.errors import RefusalError
from transforms.events.fields import event_of
from transforms.records import ImageEvent

MAX_INLINE = 10_000_000
"""Bytes of a photo inside a message: more than a broker's usual limit, and little beside what is fetched ahead."""


def document_of(data: bytes) -> Any:
    """Read a body as JSON.

    Raises:
        RefusalError: bad_event.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RefusalError("bad_event", f"the message is no JSON: {str(error)[:200]}") from None


def is_own(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON object is an event of our own."""
    return isinstance(document.get("uri"), str) or isinstance(document.get("data"), str)


def from_document(document: Mapping[str, Any], position: str) -> ImageEvent:
    """Make an event of our own JSON.

    Raises:
        RefusalError: bad_uri, bad_event, too_many_bytes.
    """
    if document.get("data") is None:
        return event_of(document, None, position)
    return inline_event(_decoded(document["data"]), document, position)


def inline_event(photo: bytes, fields: Mapping[str, Any], position: str) -> ImageEvent:
    """Make an event that carries its photo. Without a `uri` it is named by its content: `inline:` and the SHA-256.

    Raises:
        RefusalError: bad_uri, bad_event, too_many_bytes.
    """
    if len(photo) > MAX_INLINE:
        raise RefusalError("too_many_bytes", f"{len(photo):,} bytes in the message; the limit is {MAX_INLINE:,}")
    rest = {name: value for name, value in fields.items() if name != "data"}
    if rest.get("uri") is not None:
        return replace(event_of(rest, None, position), data=photo, size=len(photo))
    digest = hashlib.sha256(photo).hexdigest()
    # A place that is sure to be a URI, so that the other fields are read by the one function that reads them.
    event = event_of(rest | {"uri": f"https://inline.invalid/{digest}"}, None, position)
    uri = f"inline:{digest}"
    id_ = event.event_id if rest.get("event_id") else identity.event_id(None, uri, event.generation, position)
    return replace(event, event_id=id_, uri=uri, location=None, data=photo, size=len(photo))


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str):
        raise RefusalError("bad_event", "data is no base64 text")
    if len(text) > MAX_INLINE * 4 // 3 + 4:
        raise RefusalError("too_many_bytes", f"{len(text):,} characters of base64; the limit is {MAX_INLINE:,} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusalError("bad_event", "data is no base64 text") from None
