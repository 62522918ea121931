"""Commit an unbounded stream of rows and dead letters, a batch at a time; a batch that comes twice is written once."""

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.typehints.decorators import no_annotations

from transforms.records import DeadLetter, Row, dead_letter_row
from transforms.sinks.output import Output
from transforms.sinks.results import Answer, answer_of_dead_letter, answer_of_row, whole_dead_letter
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import Tables
from transforms.stage import NAMESPACE

SHARDS = 2
"""Batches that fill side by side: each is a commit, and commits to one table wait for each other."""

BATCH = 128
WAIT_S = 1

WHOLE = "whole dead letters"


class Told(NamedTuple):
    """What is told of what was written: the answers, and each dead letter whole."""

    answers: beam.PCollection
    dead_letters: beam.PCollection


class CommitBatches(beam.PTransform):
    """Write a pair of collections (rows of `quality`, `DeadLetter`s) to the tables; give what is told of what was written.

    After a crash the runner hands out again what it has no checkpoint of: each commit leaves out what either table has.
    """

    def __init__(self, output: Output, settings: TableSettings):
        super().__init__("CommitBatches")
        self.output = output
        self.settings = settings

    @no_annotations
    def expand(self, found: tuple[beam.PCollection, beam.PCollection]) -> Told:
        """Apply to rows and dead letters."""
        rows, letters = found
        told = (
            (
                rows | "Row" >> _keyed(lambda row: row["event_id"]),
                letters | "Dead letter" >> _keyed(lambda letter: letter.event_id),
            )
            | beam.Flatten()
            | beam.GroupIntoBatches(BATCH, max_buffering_duration_secs=WAIT_S)
            | "Write" >> beam.ParDo(_Write(self.output, self.settings)).with_outputs(WHOLE, main="answers")
        )
        return Told(told.answers, told[WHOLE])


def _keyed(event_id: Callable[[Any], str]) -> beam.PTransform:
    return beam.Map(lambda item: (_shard(event_id(item)), item)).with_output_types(tuple[int, Any])


def _shard(event_id: str) -> int:
    return zlib.crc32(event_id.encode("utf-8", "backslashreplace")) % SHARDS


class _Write(beam.DoFn):
    _open: Tables | None = None
    _lock = threading.Lock()

    def __init__(self, output: Output, settings: TableSettings):
        self.output = output
        self.settings = settings

    @no_annotations
    def process(self, element: tuple[int, Iterable[Any]]) -> Iterator[Answer | beam.pvalue.TaggedOutput]:
        batch = list(element[1])
        rows: list[Row] = [item for item in batch if not isinstance(item, DeadLetter)]
        letters = [dead_letter_row(item) for item in batch if isinstance(item, DeadLetter)]
        with self._lock:
            tables = self._tables()
            tables.commit_epoch(rows, letters)
        Metrics.distribution(NAMESPACE, "commit_rows").update(len(batch))
        for row in rows:
            Metrics.counter(NAMESPACE, f"verdict:{row['verdict']}").inc()
            yield answer_of_row(row)
        for letter in letters:
            Metrics.counter(NAMESPACE, f"dead_letter:{letter['code']}").inc()
            yield answer_of_dead_letter(letter)
            yield beam.pvalue.TaggedOutput(WHOLE, whole_dead_letter(letter))

    def _tables(self) -> Tables:
        """Return the tables, open once in a process: their index is a file that each process holds for itself."""
        if _Write._open is None or _Write._open.output != self.output:
            _Write._open = Tables(self.output, self.settings)
        return _Write._open
