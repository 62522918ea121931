"""Commit: everything that an epoch found, and its source position, in one go."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.typehints.decorators import no_annotations

from transforms.errors import UserError
from transforms.records import DeadLetter, Row, dead_letter_row
from transforms.sinks.output import Output
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import Tables
from transforms.stage import NAMESPACE, STOPPED


class Commit(beam.PTransform):
    """Write a bounded pair (rows of `quality`, `DeadLetter`s): one commit to each table, even where there is no row.

    The rows of one epoch come together in one place; they are small. An epoch without rows still commits its position, and the
    dead letters that were known before it began.
    """

    def __init__(
        self, output: Output, settings: TableSettings, positions: Mapping[str, int], unread: Sequence[DeadLetter] = ()
    ):
        super().__init__("Commit")
        self.output = output
        self.settings = settings
        self.positions = dict(positions)
        self.unread = unread

    @no_annotations
    def expand(self, found: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        """Apply to rows and dead letters."""
        rows, failures = found
        known = rows.pipeline | "Known" >> beam.Create([(0, None), *((0, one) for one in self.unread)], reshuffle=False)
        return (
            (
                known,
                rows | "Row" >> beam.Map(lambda row: (0, row)),
                failures | "Dead letter" >> beam.Map(lambda letter: (0, letter)),
            )
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write tables" >> beam.Map(self._write)
        )

    @no_annotations
    def _write(self, element: tuple[int, Iterable[Row | DeadLetter | None]]) -> None:
        found = list(element[1])
        letters = [one for one in found if isinstance(one, DeadLetter)]
        rows: list[Row] = [one for one in found if isinstance(one, dict)]
        try:
            with closing(Tables(self.output, self.settings)) as tables:
                tables.commit_epoch(rows, [dead_letter_row(letter) for letter in letters], self.positions)
        except UserError as error:
            STOPPED.append(error)
            raise
        for row in rows:
            Metrics.counter(NAMESPACE, f"verdict:{row['verdict']}").inc()
        for letter in letters:
            Metrics.counter(NAMESPACE, f"dead_letter:{letter.code}").inc()
