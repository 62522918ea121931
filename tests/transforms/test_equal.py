"""Photos of the same content: one is judged, the others get its record."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines" / "streaming"))

from stream_parts import MAKER, event, row_of

from transforms.equal import CopyFindings, Equal, FirstOfContent, conclude
from transforms.errors import RefusalError
from transforms.park import Fetched
from transforms.records import dead_letter
from transforms.stage import Outcome

NOTED: list = []
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def afresh():
    yield
    NOTED.clear()


def _note(found, kind):
    NOTED.append((kind, found))


def noted(kind):
    return [found for each, found in NOTED if each == kind]


def fetched(number, content, **other):
    return Fetched(event(number, 1, **other), content)


def parted(*photos):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create(list(photos), reshuffle=False) | FirstOfContent(MAKER)
        _ = found.firsts | "First" >> beam.Map(_note, "first")
        _ = found.equals | "Equal" >> beam.Map(_note, "equal")
    return [one.event_id for one in noted("first")], {one.event.event_id: one.first for one in noted("equal")}


def test_the_first_of_a_content_goes_on_and_its_equals_are_sent_to_it():
    firsts, equals = parted(fetched(1, "a"), fetched(2, "b"), fetched(3, "a"), fetched(4, "a"))
    assert sorted(firsts) == ["e-1-1", "e-2-1"]
    assert equals == {"e-3-1": "e-1-1", "e-4-1": "e-1-1"}


def test_the_same_bytes_in_another_role_are_another_content():
    firsts, equals = parted(fetched(1, "a", role="main"), fetched(2, "a", role="detail"))
    assert len(firsts) == 2 and not equals


def test_what_is_to_be_judged_once_more_and_what_comes_again_goes_on():
    firsts, equals = parted(fetched(1, "a"), fetched(1, "a"), fetched(2, "a", revision=1))
    assert sorted(firsts) == ["e-1-1", "e-1-1", "e-2-1"] and not equals


def copied(rows, letters, equals):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        judged = Outcome(
            pipeline | "Rows" >> beam.Create(rows, reshuffle=False),
            (pipeline | "Letters" >> beam.Create(letters, reshuffle=False),),
        )
        found = (judged, pipeline | "Equals" >> beam.Create(equals, reshuffle=False)) | CopyFindings()
        _ = found.rows | "Row" >> beam.Map(_note, "row")
        _ = found.alone | "Alone" >> beam.Map(_note, "alone")
    return noted("row"), [one.event_id for one in noted("alone")]


def test_an_equal_gets_the_record_of_its_first_whichever_of_the_two_comes_first():
    first = row_of(event(1, 1), b"photo")
    equal = Equal(event(2, 1, product_id="p"), first["sha256"], "e-1-1")
    (row,), alone = copied([first], [], [equal])
    assert not alone
    assert (row["event_id"], row["uri"], row["product_id"]) == ("e-2-1", event(2).uri, "p")
    assert (row["duplicate_of"], row["delivered_uri"]) == ("e-1-1", event(2).uri)
    same = ("verdict", "score", "reasons", "sha256", "config_digest", "model_version")
    assert all(row[name] == first[name] for name in same)


def test_an_equal_of_a_photo_that_was_refused_is_judged_itself():
    letter = dead_letter(event(1, 1), "write", RefusalError("write_failed", "the store was away"), NOON)
    rows, alone = copied([], [letter], [Equal(event(2, 1), "a", "e-1-1")])
    assert not rows and alone == ["e-2-1"]


def test_an_equal_whose_first_never_comes_is_judged_itself():
    """FnApiRunner fires such a timer when nothing else is left to do."""
    rows, alone = copied([], [], [Equal(event(2, 1), "a", "e-1-1")])
    assert not rows and alone == ["e-2-1"]


def test_an_equal_of_other_bytes_than_those_that_were_judged_is_judged_itself():
    found = conclude(Equal(event(2, 1), "other", "e-1-1"), row_of(event(1, 1), b"photo"))
    assert (found.tag, found.value) == ("alone", event(2, 1))


def test_event_ids_that_are_no_utf_8_are_found_all_the_same():
    import dataclasses

    odd = dataclasses.replace(event(1, 1), event_id="e\ud800")
    _, equals = parted(Fetched(odd, "a"), fetched(2, "a"))
    assert equals["e-2-1"] == row_of(odd, b"photo")["event_id"]
