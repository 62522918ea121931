"""CloudEvents 1.0 around any of the other schemas, or around the photo itself.

Structured: the whole event is a JSON object. Binary: the attributes are Kafka headers `ce_…` or Pub/Sub attributes `ce-…`
and the body is the data. (CloudEvents: JSON event format, Kafka protocol binding; Google's Pub/Sub protocol binding.)
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from transforms import identity
from transforms.errors import RefusalError
from transforms.events.fields import plain, text_of, time_of, utf8
from transforms.events.own import document_of
from transforms.records import ImageEvent

_REQUIRED = ("specversion", "id", "source", "type")
_OWN = frozenset(("specversion", "id", "time", "datacontenttype", "traceparent", "traceid", "productid", "sellerid"))
_STORAGE = "google.cloud.storage.object.v1."


class Envelope(NamedTuple):
    """The attributes of an event, and its data: a JSON value, or the bytes of a photo."""

    attributes: Mapping[str, Any]
    document: Any = None
    photo: bytes | None = None


def from_attributes(attributes: Mapping[str, str], data: bytes | None) -> Envelope | None:
    """Return the envelope of a message in binary mode; None for another message.

    Raises:
        RefusalError: bad_event, where the data is neither JSON nor a photo.
    """
    lower = {name.lower(): value for name, value in attributes.items()}
    found = {name[3:]: value for name, value in lower.items() if name.startswith(("ce_", "ce-"))}
    kind = lower.get("content-type") or found.get("datacontenttype") or ""
    if not all(name in found for name in _REQUIRED) or kind.lower().startswith("application/cloudevents"):
        return None
    return _envelope(found, kind, data)


def from_document(document: Any) -> Envelope | None:
    """Return the envelope of an event in structured mode; None for another JSON value.

    Raises:
        RefusalError: bad_event.
    """
    if not isinstance(document, dict) or not all(isinstance(document.get(name), str) for name in _REQUIRED):
        return None
    attributes = {name: value for name, value in document.items() if name not in ("data", "data_base64")}
    encoded = document.get("data_base64")
    if encoded is None:
        return _checked(Envelope(attributes, document.get("data")))
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise RefusalError("bad_event", "data_base64 is no base64 text") from None
    return _envelope(attributes, str(document.get("datacontenttype") or ""), data)


def why_skipped(envelope: Envelope) -> str | None:
    """Return why an event names no new photo; None where it may."""
    kind = str(envelope.attributes["type"])
    return kind if kind.startswith(_STORAGE) and kind != f"{_STORAGE}finalized" else None


def within(envelope: Envelope, event: ImageEvent, number: int) -> ImageEvent:
    """Return an event with what its envelope adds, where it says nothing itself: id, time, trace, product, seller.

    An id is unique only within its source (CloudEvents 1.0, `id`), so both name the event; further events of the same
    envelope have their number as well. The other attributes are kept in `extra` under `cloudevent`.
    """
    attributes = envelope.attributes
    texts = {name: utf8(value[:4_096]) for name, value in attributes.items() if isinstance(value, str) and value}
    time = event.event_time or time_of(texts.get("time"))
    derived = identity.event_id(None, event.uri, event.generation, event.source_position or "") == event.event_id
    sender = f"{attributes['source']}#{attributes['id']}" + (f"/{number}" if number else "")
    kept = {name: value for name, value in attributes.items() if name not in _OWN}
    return replace(
        event,
        event_id=text_of("id", sender) if derived else event.event_id,
        generation=event.generation or (identity.time_generation(time) if time else ""),
        event_time=time,
        trace_id=event.trace_id or texts.get("traceparent") or texts.get("traceid"),
        product_id=event.product_id or texts.get("productid"),
        seller_id=event.seller_id or texts.get("sellerid"),
        extra={**event.extra, "cloudevent": plain(kept)},
    )


def _envelope(attributes: Mapping[str, Any], kind: str, data: bytes | None) -> Envelope:
    kind = kind.partition(";")[0].strip().lower()
    if kind.startswith("image/"):
        return _checked(Envelope(attributes, photo=data or b""))
    return _checked(Envelope(attributes, document_of(data or b"")))


def _checked(envelope: Envelope) -> Envelope:
    version = str(envelope.attributes["specversion"])
    if not version.startswith("1."):
        raise RefusalError("bad_event", f"CloudEvents of version {version[:20]!r} are not known")
    return envelope
