"""S3's notifications: `Records` as S3, MinIO and Ceph send them, S3's test message, and S3's events on EventBridge.

Schemas: S3 user guide, "Event message structure" (2.x) and "EventBridge event message structure"; MinIO, "Bucket
Notifications", which are S3's 2.0 with names that begin with `s3:`; Ceph, "Bucket Notifications". S3 and MinIO write the
key form-encoded into `Records`; Ceph, and S3 on EventBridge, write it as it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus

from transforms import identity
from transforms.errors import RefusalError
from transforms.events.fields import Skipped, event_of
from transforms.records import ImageEvent

_CREATED = frozenset(f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload"))
"""MinIO also calls changed tags, retention and legal hold `ObjectCreated`; the photo stays the same then."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_records(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON object is a notification with `Records`."""
    records = document.get("Records")
    return isinstance(records, list) and bool(records) and all(isinstance(r, dict) and "s3" in r for r in records)


def is_test(document: Mapping[str, Any]) -> bool:
    """Tell whether it is what S3 sends when a notification is set up."""
    return document.get("Event") == "s3:TestEvent"


def is_eventbridge(document: Mapping[str, Any]) -> bool:
    """Tell whether it is S3's event on EventBridge."""
    return document.get("source") == "aws.s3" and isinstance(document.get("detail"), dict)


def from_records(document: Mapping[str, Any], position: str) -> Iterator[ImageEvent | Skipped | RefusalError]:
    """Make an event of each record; a record that is none is its own dead letter, and the others go on."""
    for record in document["Records"]:
        try:
            yield _from_record(record, position)
        except RefusalError as refusal:
            yield refusal


def _from_record(record: Mapping[str, Any], position: str) -> ImageEvent | Skipped:
    name = str(record.get("eventName", "")).removeprefix("s3:")
    if name not in _CREATED:
        return Skipped(name[:80] or "no eventName")
    bucket, item = _inside(record["s3"], "bucket", "name"), _inside(record["s3"], "object", "key")
    version, key, maker = item.get("versionId"), item["key"], str(record.get("eventSource"))
    if maker.startswith("minio") and not _UUID.fullmatch(str(version)):
        version = None  # MinIO wrote "1" for every object before it kept versions
    if not maker.startswith("ceph"):
        key = unquote_plus(key)
    return _event(bucket["name"], key, item, version, item.get("eTag"), record.get("eventTime"), position)


def from_eventbridge(document: Mapping[str, Any], position: str) -> ImageEvent | Skipped:
    """Make an event of S3's `Object Created`; its other kinds are skipped.

    Raises:
        RefusalError: bad_uri, bad_event.
    """
    if document.get("detail-type") != "Object Created":
        return Skipped(str(document.get("detail-type"))[:80])
    bucket = _inside(document["detail"], "bucket", "name")
    item = _inside(document["detail"], "object", "key")
    sender, time = document.get("id"), document.get("time")
    return _event(bucket["name"], item["key"], item, item.get("version-id"), item.get("etag"), time, position, sender)


def _event(
    bucket: str,
    key: str,
    item: Mapping[str, Any],
    version: Any,
    tag: Any,
    time: Any,
    position: str,
    sender: Any = None,
) -> ImageEvent:
    sequencer = item.get("sequencer")
    try:
        generation = identity.sequencer_generation(sequencer) if isinstance(sequencer, str) and sequencer else None
    except ValueError as error:
        raise RefusalError("bad_event", str(error)) from None
    fields = {
        "uri": identity.object_uri("s3", bucket, key),
        "event_time": time,
        "event_id": sender if isinstance(sender, str) else None,
    }
    pin = None
    if isinstance(version, str) and version not in ("", "null"):
        pin = f"?versionId={quote(version, safe='')}"
    elif isinstance(tag, str) and tag.strip('"'):
        pin = f"?etag={quote(tag.strip(chr(34)), safe='')}"
    return event_of(fields, None, position, size=item.get("size"), generation=generation, pin=pin)


def _inside(document: Any, name: str, needed: str) -> Mapping[str, Any]:
    inner = document.get(name) if isinstance(document, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get(needed), str) or not inner[needed]:
        raise RefusalError("bad_event", f"the notification has no {name} with a {needed}")
    return inner
