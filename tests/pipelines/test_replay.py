import base64
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "streaming"))

from stream_parts import event, row_of, table_rows

from pipelines import cli
from pipelines.replay import chosen, items_of
from transforms.errors import RefusalError
from transforms.records import DeadLetter, dead_letter, dead_letter_row, unread_dead_letter
from transforms.sinks.output import open_output
from transforms.sinks.tables import Tables

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def output(tmp_path):
    return open_output(str(tmp_path / "out"))


def commit(output, rows=(), letters=()):
    tables = Tables(output)
    tables.commit_epoch(list(rows), [dead_letter_row(letter) for letter in letters])
    tables.close()


def failed(one, code="fetch_timeout", at=NOON):
    return dead_letter(one, "fetch", RefusalError(code, "why"), at)


def test_dead_letters_of_the_code_come_back_as_the_next_revision(output):
    commit(output, letters=[failed(event(1, 1, trace_id="t")), failed(event(2, 1), code="truncated")])
    (item,) = chosen(output, ["fetch_timeout"], EVER, Counter())
    assert (item.event_id, item.revision, item.trace_id) == (event(1, 1).event_id, 1, "t")


def test_only_those_since_a_time(output):
    commit(output, letters=[failed(event(n, 1), at=NOON + timedelta(days=n)) for n in range(4)])
    since = NOON + timedelta(days=2)
    assert [item.event_id for item in chosen(output, ["fetch_timeout"], since, Counter())] == ["e-2-1", "e-3-1"]


def test_what_was_run_again_is_not_chosen_again(output):
    commit(output, letters=[failed(event(1, 1)), failed(event(2, 1))])
    first, second = chosen(output, ["fetch_timeout"], EVER, Counter())
    commit(output, rows=[row_of(first, b"now it came")], letters=[failed(second)])
    (again,) = chosen(output, ["fetch_timeout"], EVER, Counter())
    assert (again.event_id, again.revision) == (second.event_id, 2)
    # A replay that was killed and begun anew writes nothing twice.
    commit(output, rows=[row_of(first, b"now it came")])
    assert len(table_rows(output)) == 1


def test_what_has_a_newer_generation_by_now_is_left_out(output):
    left_out = Counter()
    commit(output, rows=[row_of(event(1, 2), b"new")], letters=[failed(event(1, 1))])
    assert chosen(output, ["fetch_timeout"], EVER, left_out) == []
    assert left_out == {"superseded by a newer generation": 1}


@pytest.mark.parametrize("raw", [b"\xff\x00", b'{"base64": "/wA="}', b"plain"])
def test_a_message_that_still_says_nothing_is_the_same_dead_letter_again(output, raw):
    letter = unread_dead_letter("g1", raw, "parse", RefusalError("bad_event", "no JSON"), NOON, "kafka:t:0:7")
    commit(output, letters=[letter])
    (item,) = chosen(output, ["bad_event"], EVER, Counter())
    assert isinstance(item, DeadLetter)
    assert (item.event_id, item.revision, item.source_position) == ("g1", 1, "kafka:t:0:7")


def test_a_message_that_can_be_read_by_now_is_its_photos():
    raw = json.dumps({"uri": "https://photos.example/1.jpg"})
    for payload in (raw, json.dumps({"base64": base64.b64encode(raw.encode()).decode()})):
        row = {"stage": "parse", "payload": payload, "revision": 0, "source_position": "kafka:t:0:1", "event_id": "g"}
        (item,) = items_of(row)
        assert item.uri == "https://photos.example/1.jpg"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--code", "no_such"], "--code no_such is not known"),
        (["--code", "truncated", "--since", "yesterday"], "--since yesterday is no time"),
        (["--code", "truncated"], "no table"),
    ],
)
def test_a_wrong_wish_is_told(tmp_path, capsys, argv, said):
    assert cli.main(["replay", str(tmp_path / "out"), *argv]) == 2
    assert said in capsys.readouterr().err


def test_the_exit_code_says_whether_one_was_refused_again(output, tmp_path, capsys):
    import cv2
    import numpy as np

    from transforms.records import ImageEvent

    place = tmp_path / "photo.png"
    one = ImageEvent("e1", place.as_uri(), source_position="manifest:1")
    commit(output, letters=[failed(one, code="not_found")])
    again = ["replay", output.root, "--code", "not_found", "--quiet"]
    assert cli.main(again) == 1
    assert "refused" in capsys.readouterr().out
    cv2.imwrite(str(place), np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    assert cli.main(again) == 0
    assert cli.main(again) == 0
    assert "nothing to run again" in capsys.readouterr().out
    assert [letter["revision"] for letter in table_rows(output, "dead_letters")] in ([0, 1], [1, 0])
    assert [row["revision"] for row in table_rows(output)] == [2]
