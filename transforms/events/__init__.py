"""Events from messages: which published schema a message follows is told by its content."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from transforms import identity
from transforms.errors import RefusalError
from transforms.events import cloud_storage, cloudevents, own, s3
from transforms.events.fields import Skipped
from transforms.records import DeadLetter, ImageEvent, unread_dead_letter

STAGE = "parse"


class Parsed(NamedTuple):
    """What one message says: photos, dead letters, and why what else it tells of is skipped (a deletion, a test)."""

    items: tuple[ImageEvent | DeadLetter, ...]
    skipped: tuple[str, ...] = ()


def parse(data: bytes | None, attributes: Mapping[str, str], position: str) -> Parsed:
    """Read one message; whatever it holds, the answer is events, dead letters or reasons for skipping, never an error.

    Args:
        data: the message's body; None where Kafka's value is null.
        attributes: Pub/Sub attributes or Kafka headers: see `attributes_of`.
        position: where the message stands in its source, unique there.
    """
    items: list[ImageEvent | DeadLetter] = []
    skipped: list[str] = []
    for number, found in enumerate(_found(data, attributes, position)):
        place = f"{position}/{number}" if number else position
        if isinstance(found, RefusalError):
            event_id = identity.event_id(None, "", "", place)
            items.append(unread_dead_letter(event_id, data or b"", STAGE, found, datetime.now(UTC), place))
        elif isinstance(found, Skipped):
            skipped.append(found.why)
        else:
            items.append(_traced(replace(found, source_position=place), attributes))
    return Parsed(tuple(items), tuple(skipped))


def attributes_of(pairs: Iterable[tuple[str, bytes | str | None]] | Mapping[str, str] | None) -> dict[str, str]:
    """Return Kafka's headers or Pub/Sub's attributes as texts by name; of a name that comes twice, the last."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs or ()
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in items
        if value is not None
    }


def _found(
    data: bytes | None, attributes: Mapping[str, str], position: str
) -> Iterator[ImageEvent | Skipped | RefusalError]:
    try:
        yield from _read(data, attributes, position)
    except RefusalError as refusal:
        yield refusal


def _read(
    data: bytes | None, attributes: Mapping[str, str], position: str
) -> Iterator[ImageEvent | Skipped | RefusalError]:
    if cloud_storage.is_notification(attributes):
        yield cloud_storage.from_attributes(attributes, data, position)
        return
    envelope = cloudevents.from_attributes(attributes, data)
    if envelope is None:
        if data is None:
            yield Skipped("no value (a deletion in a compacted topic)")
            return
        document = own.document_of(data)
        envelope = cloudevents.from_document(document)
        if envelope is None:
            yield from _from_document(document, position)
            return
    if why := cloudevents.why_skipped(envelope):
        yield Skipped(why)
    elif envelope.photo is not None:
        yield cloudevents.within(envelope, own.inline_event(envelope.photo, {}, position), 0)
    else:
        for number, each in enumerate(_from_document(envelope.document, position)):
            yield cloudevents.within(envelope, each, number) if isinstance(each, ImageEvent) else each


def _from_document(document: Any, position: str) -> Iterator[ImageEvent | Skipped | RefusalError]:
    if isinstance(document, dict):
        if s3.is_records(document):
            yield from s3.from_records(document, position)
            return
        if s3.is_test(document):
            yield Skipped("test event")
            return
        if s3.is_eventbridge(document):
            yield s3.from_eventbridge(document, position)
            return
        if cloud_storage.is_object(document):
            yield cloud_storage.from_object(document, position)
            return
        if own.is_own(document):
            yield own.from_document(document, position)
            return
    raise RefusalError("bad_event", "no known event schema fits")


def _traced(event: ImageEvent, attributes: Mapping[str, str]) -> ImageEvent:
    trace = attributes.get("traceparent") or attributes.get("googclient_traceparent")
    return event if event.trace_id or not trace else replace(event, trace_id=trace[:200])
