import hashlib
import io
import json
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.defects import DEFECTS
from transforms.errors import RefusalError
from transforms.imaging.assess import assess
from transforms.imaging.measures import MEASURES
from transforms.imaging.types import Action, Assessment, Box, Header, Judgement, Mended, Prediction, Reason
from transforms.records import (
    MAX_MESSAGE,
    DeadLetter,
    ImageEvent,
    Maker,
    dead_letter,
    dead_letter_row,
    dead_letters_schema,
    event_from_payload,
    event_payload,
    quality_row,
    quality_schema,
    raw_payload,
    unread_dead_letter,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = ImageEvent("e1", "file:///a.jpg", "mtime:1", product_id="p", extra={"shelf": 7})
MAKER = Maker("0.1.0", "m1", "litert", "0123456789abcdef")
CONTRACT = """event_id, uri, generation, revision, source_position, product_id, seller_id, category, role, event_time,
    sha256, phash, format, bytes, width, height, score, score_low, score_high, band, verdict, reasons, measures, defects,
    actions, declined, score_after, delivered_uri, optimized_uri, optimized_sha256, optimized_bytes, schema_version,
    pipeline_version, model_version, model_form, config_digest, processed_at, elapsed_ms, dt,
    duplicate_of, distance, compliance, renditions"""
DEAD_CONTRACT = "event_id, uri, generation, source_position, stage, code, message, attempts, failed_at, payload, dt"


def names(text):
    return text.replace("\n", " ").replace(" ", "").split(",")


def assessment(measures=None, confidence=0.5, **other):
    return Assessment(
        Header("jpeg", 8, 6, "RGB"), "0" * 64, "f" * 16, measures or {}, Box(0, 0, 1, 1), confidence, None, **other
    )


def row(**other):
    known = {
        "event": EVENT,
        "assessment": assessment(),
        "prediction": Prediction(61.5, 50.0, 70.0, {"blur": 0.25}),
        "judgement": Judgement("accept", "good", (Reason("dark", 0.5, None, 1.8),)),
        "maker": MAKER,
        "size": 1234,
        "processed_at": NOON,
        "elapsed_ms": 12.5,
    } | other
    return quality_row(**known)


def test_the_tables_begin_with_the_contract_in_its_order():
    assert quality_schema().names[: len(names(CONTRACT))] == names(CONTRACT)
    assert dead_letters_schema().names[: len(names(DEAD_CONTRACT))] == names(DEAD_CONTRACT)


def test_a_row_has_exactly_the_columns():
    assert list(row()) == quality_schema().names
    letter = dead_letter(EVENT, "fetch", RefusalError("not_found", "gone"), NOON)
    assert list(dead_letter_row(letter)) == dead_letters_schema().names


def test_a_row_fills_every_measure_and_defect():
    measured = assessment({measure.name: 0.5 for measure in MEASURES})
    table = pa.Table.from_pylist([row(assessment=measured)], schema=quality_schema()).to_pylist()[0]
    assert set(table["measures"].values()) == {0.5}
    assert table["defects"] == {name: 0.25 if name == "blur" else None for name in DEFECTS}


def test_what_is_not_known_is_null_and_never_nan():
    odd = row(
        assessment=assessment(
            {MEASURES[0].name: math.nan, MEASURES[1].name: math.inf}, confidence=math.nan, unscored="blank"
        ),
        prediction=None,
        judgement=Judgement("retake", None, (Reason("blank", 1.0),)),
    )
    table = pa.Table.from_pylist([odd], schema=quality_schema()).to_pylist()[0]
    assert set(table["measures"].values()) == {None}
    assert (table["score"], table["score_low"], table["defects"], table["band"]) == (None, None, None, None)
    assert (table["unscored"], table["product_region_confidence"]) == ("blank", None)
    assert table["reasons"] == [{"code": "blank", "severity": 1.0, "region": None, "amount": None}]


@pytest.mark.parametrize(
    ("verdict", "delivered"), [("improve", "file:///m.jpg"), ("retake", "file:///a.jpg"), ("accept", "file:///a.jpg")]
)
def test_a_mended_photo_is_delivered_only_when_it_passes(verdict, delivered):
    mended = Mended(
        None,
        (Action("gain", {"stops": 1.5, "kind": "linear"}, 0.8, 0.1),),
        (Action("denoise", {}, 0.5, 0.4, "texture"),),
    )
    found = row(
        judgement=Judgement(verdict, "good", ()),
        mended=mended,
        score_after=70.0,
        optimized=b"mended",
        optimized_uri="file:///m.jpg",
    )
    assert found["delivered_uri"] == delivered
    assert found["optimized_uri"] == "file:///m.jpg"
    assert (found["optimized_sha256"], found["optimized_bytes"]) == (hashlib.sha256(b"mended").hexdigest(), 6)
    assert json.loads(found["actions"][0]["parameters"]) == {"kind": "linear", "stops": 1.5}
    assert found["declined"][0]["bound"] == "texture"
    pa.Table.from_pylist([found], schema=quality_schema())


def test_without_a_mend_the_original_is_delivered():
    found = row()
    assert found["delivered_uri"] == EVENT.uri
    assert (found["optimized_uri"], found["optimized_sha256"], found["optimized_bytes"]) == (None, None, None)
    assert found["actions"] == found["declined"] == []


def test_the_day_is_that_of_utc():
    tokyo = datetime(2026, 3, 2, 3, tzinfo=timezone(timedelta(hours=9)))
    assert row(processed_at=tokyo)["dt"].isoformat() == "2026-03-01"
    letter = dead_letter(EVENT, "fetch", RefusalError("not_found", "gone"), tokyo)
    assert dead_letter_row(letter)["dt"].isoformat() == "2026-03-01"


def test_what_was_done_to_the_pixels_is_in_the_row():
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (200, 30, 30, 100)).save(file, "png")
    assert row(assessment=assess(file.getvalue()))["notes"] == ["alpha_on_white"]


def test_a_dead_letter_says_of_what_it_is():
    letter = dead_letter(EVENT, "fetch", RefusalError("not_found", "gone"), NOON, attempts=3)
    found = dead_letter_row(letter)
    assert (found["event_id"], found["uri"], found["code"], found["message"]) == ("e1", EVENT.uri, "not_found", "gone")
    assert (found["attempts"], found["stage"]) == (3, "fetch")
    assert event_from_payload(found["payload"]) == EVENT


def test_unknown_fields_are_json_that_others_can_read():
    def refuse(name):
        raise AssertionError(name)

    odd = ImageEvent("e", "file:///a.jpg", extra={"ratio": math.nan, "most": [math.inf], "when": NOON})
    for text in (row(event=odd)["extra"], event_payload(odd)):
        json.loads(text, parse_constant=refuse)
    assert json.loads(row(event=odd)["extra"]) == {"ratio": "NaN", "most": ["Infinity"], "when": str(NOON)}


def test_an_input_that_was_no_event_is_kept_as_it_came():
    letter = unread_dead_letter("e9", "a,b\n", "source", RefusalError("bad_manifest_row", "no uri"), NOON, "m.csv:3")
    assert (letter.payload, letter.source_position, letter.uri) == ("a,b\n", "m.csv:3", None)
    assert json.loads(raw_payload(b"\xff\xfe")) == {"base64": "//4="}
    assert raw_payload("é".encode()) == "é"


def test_a_decoders_endless_message_is_cut():
    letter = DeadLetter("e", "assess", "corrupt", "x" * 50_000, "{}", NOON)
    assert len(dead_letter_row(letter)["message"]) == MAX_MESSAGE


texts = st.text(st.characters(), max_size=20)
"""Lone surrogates included."""

events = st.builds(
    ImageEvent,
    event_id=texts,
    uri=texts,
    generation=texts,
    source_position=st.none() | texts,
    product_id=st.none() | texts,
    role=st.sampled_from(["main", "detail", "size_chart", "unknown"]),
    event_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    revision=st.integers(0, 9),
    extra=st.dictionaries(
        texts, st.none() | st.booleans() | st.integers(-9, 9) | texts | st.lists(texts, max_size=2), max_size=3
    ),
    data=st.none() | st.binary(max_size=30),
    location=st.none() | texts,
    size=st.none() | st.integers(0, 10**12),
)


@given(events)
def test_every_event_comes_back_from_its_payload(event):
    payload = event_payload(event)
    json.loads(payload)
    assert event_from_payload(payload) == event


@given(events)
def test_every_event_can_be_written_to_both_tables(event):
    pa.Table.from_pylist([row(event=event)], schema=quality_schema())
    letter = dead_letter(event, "fetch", RefusalError("not_found", event.uri), NOON)
    pa.Table.from_pylist([dead_letter_row(letter)], schema=dead_letters_schema())


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).map(json.dumps)
)
def test_a_payload_that_is_no_event_is_refused(text):
    with pytest.raises(RefusalError) as error:
        event_from_payload(text)
    assert error.value.code == "bad_event"


def test_a_row_needs_neither_arrow_nor_beam():
    script = "import sys, transforms.records; print({'pyarrow', 'apache_beam', 'tensorflow', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
