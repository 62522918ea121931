"""Google Cloud Storage's notifications on Pub/Sub, and its object resource inside a CloudEvent.

Schemas: "Pub/Sub notifications for Cloud Storage" (attributes), JSON API v1 object resource (payload),
google.events.cloud.storage.v1.StorageObjectData (CloudEvents). The resource is the same in all of them.
"""

import json
from collections.abc import Mapping
from typing import Any

from transforms import identity
from transforms.errors import RefusalError
from transforms.events.fields import Skipped, event_of
from transforms.records import ImageEvent

_ATTRIBUTES = frozenset(
    (
        *("notificationConfig", "eventType", "eventTime", "payloadFormat", "bucketId", "objectId", "objectGeneration"),
        *("overwrittenByGeneration", "overwroteGeneration"),
    )
)


def is_notification(attributes: Mapping[str, str]) -> bool:
    """Tell whether a message's attributes are those of a notification."""
    return (
        attributes.get("eventType", "").startswith("OBJECT_") and "bucketId" in attributes and "objectId" in attributes
    )


def from_attributes(attributes: Mapping[str, str], data: bytes | None, position: str) -> ImageEvent | Skipped:
    """Make an event of a notification. The attributes suffice; the payload, if there is one, adds size and metadata.

    Raises:
        RefusalError: bad_uri, bad_event.
    """
    if attributes["eventType"] != "OBJECT_FINALIZE":
        return Skipped(attributes["eventType"])
    resource: dict[str, Any] = {}
    if attributes.get("payloadFormat") == "JSON_API_V1" and data:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            document = None
        resource = document if isinstance(document, dict) else {}
    given = {name: value for name, value in attributes.items() if name not in _ATTRIBUTES}
    return _event(
        attributes["bucketId"],
        attributes["objectId"],
        attributes.get("objectGeneration"),
        attributes.get("eventTime"),
        resource,
        given,
        position,
    )


def is_object(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON object is an object resource."""
    return document.get("kind") == "storage#object" or (
        all(isinstance(document.get(name), str) for name in ("bucket", "name", "generation"))
        and "metageneration" in document
    )


def from_object(document: Mapping[str, Any], position: str) -> ImageEvent | Skipped:
    """Make an event of an object resource; one that tells of its deletion is skipped.

    Raises:
        RefusalError: bad_uri, bad_event.
    """
    if document.get("timeDeleted"):
        return Skipped("a deleted object")
    bucket, name = document.get("bucket"), document.get("name")
    return _event(bucket, name, document.get("generation"), document.get("timeCreated"), document, {}, position)


def _event(
    bucket: Any,
    name: Any,
    generation: Any,
    created: Any,
    resource: Mapping[str, Any],
    given: Mapping[str, str],
    position: str,
) -> ImageEvent:
    """`given` and the object's own metadata may name product, seller, category and role; the rest of both is kept."""
    if not (isinstance(bucket, str) and isinstance(name, str) and bucket and name):
        raise RefusalError("bad_event", "the notification names no object")
    if not (isinstance(generation, str | int) and str(generation).isascii() and str(generation).isdigit()):
        raise RefusalError("bad_event", "the object's generation is no number")
    metadata = resource.get("metadata")
    fields = {**(metadata if isinstance(metadata, dict) else {}), **given}
    uri = identity.object_uri("gs", bucket, name)
    placed = {"uri": uri, "generation": str(generation), "event_time": created, "event_id": None}
    return event_of(fields | placed, None, position, size=resource.get("size"))
