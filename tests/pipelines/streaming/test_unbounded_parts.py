"""What a stream on Flink is made of, on bounded collections."""

import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import event, row_of, table_rows

from transforms.errors import RefusalError
from transforms.once import Once
from transforms.records import dead_letter
from transforms.sinks.commit_batches import CommitBatches
from transforms.sinks.output import open_output
from transforms.sinks.table_settings import TableSettings
from transforms.sources.kafka_unbounded import ENDLESS, Endless, OffsetRange


def test_each_event_passes_once_and_nothing_behind_a_newer_generation():
    def check(passed):
        ids = [one.event_id for one in passed]
        assert len(ids) == len(set(ids))
        for number in range(5):
            generations = [int(one.generation) for one in passed if one.uri == event(number).uri]
            assert generations == sorted(generations) and generations[-1] == 3

    events = [event(number, generation) for number in range(5) for generation in (1, 3, 2, 3)]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | beam.Create(events, reshuffle=False) | Once(), check)


def test_events_without_a_generation_are_each_their_own():
    def check(passed):
        assert sorted(one.event_id for one in passed) == ["a", "b"]

    import dataclasses

    events = [dataclasses.replace(event(1), event_id=name) for name in ("a", "b", "a")]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | beam.Create(events, reshuffle=False) | Once(), check)


def test_a_batch_that_comes_again_is_written_once_and_answered_again(tmp_path):
    from datetime import UTC, datetime

    output = open_output(str(tmp_path / "out"))
    rows = [row_of(event(n, 1), b"x%d" % n) for n in range(300)]
    letter = dead_letter(event(999, 1), "fetch", RefusalError("not_found", "gone"), datetime.now(UTC))

    def check(answers):
        assert len(answers) == 301

    def check_letters(whole):
        assert [(each.fields["code"], each.fields["payload"] is not None) for each in whole] == [("not_found", True)]

    for _ in range(2):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            found = (
                pipeline | "Rows" >> beam.Create(rows, reshuffle=False),
                pipeline | "Letters" >> beam.Create([letter], reshuffle=False),
            )
            told = found | CommitBatches(output, TableSettings())
            assert_that(told.answers, check)
            assert_that(told.dead_letters, check_letters, label="letters")
    assert len(table_rows(output)) == 300
    assert len(table_rows(output, "dead_letters")) == 1


def test_a_checkpoint_parts_the_offsets_behind_the_last_claim():
    tracker = Endless(OffsetRange(5, ENDLESS))
    assert not tracker.is_bounded()
    assert tracker.try_claim(5) and tracker.try_claim(9)  # offsets may have gaps
    done, rest = tracker.try_split(0)
    assert (done.start, done.stop, rest.start, rest.stop) == (5, 10, 10, ENDLESS)
    assert not tracker.try_claim(10)
    assert tracker.try_split(0) is None


@pytest.mark.parametrize("fraction", [0.5, 1])
def test_a_partition_is_not_shared_out(fraction):
    assert Endless(OffsetRange(0, ENDLESS)).try_split(fraction) is None
