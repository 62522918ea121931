"""Every message ends as events, dead letters or reasons for skipping; each published schema has a golden file."""

import base64
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.events import attributes_of, own, parse
from transforms.records import DeadLetter, ImageEvent, dead_letter_row, event_from_payload, event_payload

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
PLACE = "topic:0:7"


def shown(item: ImageEvent | DeadLetter) -> dict[str, Any]:
    fields = {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
    if fields.get("event_time"):
        fields["event_time"] = fields["event_time"].isoformat()
    if fields.get("data"):
        fields["data"] = fields["data"].decode()
    return fields


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_message_of_each_schema_is_read_as_its_golden_file_says(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    body = None if golden["body"] is None else json.dumps(golden["body"]).encode()
    found = parse(body if body is not None else b"", golden.get("attributes", {}), PLACE)
    assert list(found.skipped) == golden.get("skipped", [])
    assert len(found.items) == len(golden["expected"])
    for item, expected in zip(found.items, golden["expected"], strict=True):
        assert {name: shown(item)[name] for name in expected} == expected
        if isinstance(item, ImageEvent):
            assert event_from_payload(event_payload(item)) == item


def message(document: Any, **attributes: str) -> Any:
    return parse(json.dumps(document).encode(), attributes, PLACE)


def only(document: Any, **attributes: str) -> ImageEvent | DeadLetter:
    (item,) = message(document, **attributes).items
    return item


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"{",
        b"null",
        b"[]",
        b"5",
        b'"gs://b/a.jpg"',
        b"{}",
        b'{"url": "gs://b/a.jpg"}',
        b'{"uri": 5}',
        b'{"uri": "a.jpg"}',
        b'{"uri": "ftp://h/a.jpg"}',
        b'{"uri": "https://user:pw@h/a.jpg"}',
        b'{"uri": "gs://b/a.jpg", "event_time": "yesterday"}',
        b'{"uri": "gs://b/a.jpg", "generation": [1]}',
        b'{"data": "no base64!"}',
        b'{"uri": "gs://b/a.jpg", "data": 5}',
        b'{"Records": []}',
        b'{"Records": [{"s3": 5, "eventName": "ObjectCreated:Put"}]}',
        b'{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}, "eventName": "ObjectCreated:Put"}]}',
        b'{"Records": [{"s3": {"bucket": {"name": "b b"}, "object": {"key": "a"}}, "eventName": "ObjectCreated:Put"}]}',
        b'{"kind": "storage#object"}',
        b'{"source": "aws.s3", "detail": {}, "detail-type": "Object Created"}',
        b'{"specversion": "0.3", "id": "1", "source": "s", "type": "t", "data": {"uri": "gs://b/a"}}',
        b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "!"}',
        b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t"}',
        b"[" * 200_000,
        b'{"uri": "gs://b/a.jpg", "n": ' + b"9" * 10_000 + b"}",
    ],
)
def test_anything_else_is_a_dead_letter_with_the_message_as_it_came(body: bytes) -> None:
    (letter,) = parse(body, {}, PLACE).items
    assert isinstance(letter, DeadLetter) and letter.code in ("bad_event", "bad_uri")
    assert letter.stage == "parse" and letter.source_position == PLACE
    try:
        assert letter.payload.encode() == body
    except AssertionError:
        assert base64.b64decode(json.loads(letter.payload)["base64"]) == body


def test_a_null_value_is_a_deletion_and_skipped() -> None:
    assert parse(None, {}, PLACE).items == () and len(parse(None, {}, PLACE).skipped) == 1


def test_two_letters_of_one_topic_have_two_ids_and_a_redelivery_has_the_same() -> None:
    ids = [parse(b"x", {}, place).items[0].event_id for place in (PLACE, "topic:0:8", PLACE)]
    assert ids[0] == ids[2] != ids[1]


def test_an_inline_photo_has_a_limit_and_a_name_of_its_own() -> None:
    event = only({"data": base64.b64encode(b"photo").decode()})
    assert isinstance(event, ImageEvent)
    assert event.uri == f"inline:{hashlib.sha256(b'photo').hexdigest()}" and event.data == b"photo"
    named = only({"uri": "gs://b/a.jpg", "data": base64.b64encode(b"photo").decode()})
    assert named.uri == "gs://b/a.jpg" and named.data == b"photo"
    large = only({"data": base64.b64encode(b"x" * (own.MAX_INLINE + 1)).decode()})
    assert isinstance(large, DeadLetter) and large.code == "too_many_bytes"


def test_two_sources_may_use_the_same_id() -> None:
    def envelope(source: str) -> dict[str, Any]:
        document = {"uri": "gs://b/a.jpg", "generation": 5}
        return {"specversion": "1.0", "id": "1", "source": source, "type": "t", "data": document}

    assert only(envelope("/a")).event_id != only(envelope("/b")).event_id
    assert only(envelope("/a")).event_id == only(envelope("/a")).event_id
    theirs = envelope("/a") | {"data": {"uri": "gs://b/a.jpg", "event_id": "mine"}}
    assert only(theirs).event_id == "mine"


def test_the_same_upload_told_by_two_transports_is_one_version() -> None:
    golden = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GOLDEN}
    versions = set()
    for name in ("cloud_storage", "cloud_storage_no_payload", "cloudevents_structured", "cloudevents_binary_pubsub"):
        body = json.dumps(golden[name]["body"]).encode()
        (event,) = parse(body, golden[name].get("attributes", {}), PLACE).items
        versions.add((event.uri, event.generation))
    assert len(versions) == 1


def test_a_trace_comes_in_by_header_unless_the_event_has_its_own() -> None:
    assert only({"uri": "gs://b/a.jpg"}, traceparent="00-1-2-01").trace_id == "00-1-2-01"
    assert only({"uri": "gs://b/a.jpg", "trace_id": "t"}, traceparent="00-1-2-01").trace_id == "t"


def test_kafka_headers_become_texts() -> None:
    headers = [("a", b"1"), ("a", b"2"), ("b", None), ("c", b"\xff"), ("d", "x")]
    assert attributes_of(headers) == {"a": "2", "c": "�", "d": "x"}
    assert attributes_of(None) == {} and attributes_of({"a": "1"}) == {"a": "1"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NAMES = ("uri", "data", "Records", "s3", "bucket", "object", "key", "name", "kind", "generation", "specversion", "id")
NAMES += ("source", "type", "time", "event_time", "role", "product_id", "detail", "detail-type", "eventName", "Event")
NAMES += (
    "sequencer",
    "versionId",
    "data_base64",
    "datacontenttype",
    "metadata",
    "size",
    "extra",
    "event_id",
    "productid",
    "sellerid",
)
VALUES = JSON | st.sampled_from(
    [
        "1.0",
        "gs://b/a",
        "s3://b/a?versionId=1",
        "https://h/a",
        "aws.s3",
        "storage#object",
        "Object Created",
        "1",
        "\ud800",
    ]
)
SHAPED = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner | VALUES | st.lists(inner, max_size=2), max_size=6),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["eventType", "bucketId", "objectId", "objectGeneration", "eventTime", "payloadFormat", "ce_id"])
    | st.sampled_from(["ce_source", "ce_type", "ce_specversion", "ce_time", "content-type", "ce-id", "traceparent"])
    | st.text(max_size=5),
    st.sampled_from(["OBJECT_FINALIZE", "1.0", "image/png", "application/json", "JSON_API_V1", "7"])
    | st.text(max_size=9),
)


def check(data: bytes | None, attributes: dict[str, str]) -> None:
    found = parse(data, attributes, PLACE)
    assert found.items or found.skipped
    assert len({item.event_id for item in found.items if isinstance(item, DeadLetter)}) == sum(
        isinstance(item, DeadLetter) for item in found.items
    )
    for item in found.items:
        if isinstance(item, DeadLetter):
            dead_letter_row(item)
        else:
            assert item.uri and item.event_id and item.role
            for text in (item.uri, item.event_id, item.generation, item.seller_id, item.trace_id, item.category):
                (text or "").encode()
            assert event_from_payload(event_payload(item)).uri == item.uri


@given(st.none() | st.binary(max_size=100), ATTRIBUTES)
def test_any_bytes_end_as_events_reasons_or_dead_letters(data: bytes | None, attributes: dict[str, str]) -> None:
    check(data, attributes)


@given(SHAPED | JSON, ATTRIBUTES)
def test_any_json_ends_as_events_reasons_or_dead_letters(document: Any, attributes: dict[str, str]) -> None:
    check(json.dumps(document).encode(), attributes)


@given(st.sampled_from(GOLDEN), st.data())
def test_a_known_message_with_any_field_spoilt_ends_likewise(path: Path, data: st.DataObject) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    inner: Any = golden["body"]
    while isinstance(inner, dict | list) and inner:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            inner[key] = data.draw(VALUES)
            break
        inner = inner[key]
    check(json.dumps(golden["body"]).encode(), golden.get("attributes", {}))
