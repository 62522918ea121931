"""Commit: everything that an epoch found, and its source position, in one go."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

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

    The rows of one epoch come together in one place; they are small. An epoch without rows still commits its position.
    """

    def __init__(self, output: Output, settings: TableSettings, positions: Mapping[str, int]):
        super().__init__("Commit")
        self.output = output
        self.settings = settings
        self.positions = dict(positions)

    @no_annotations
    def expand(self, found: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        """Apply to rows and dead letters."""
        rows, failures = found
        position = rows.pipeline | "Position" >> beam.Create([(0, self.positions)], reshuffle=False)
        return (
            {
                "rows": rows | "Row" >> beam.Map(lambda row: (0, row)),
                "dead_letters": failures | "Dead letter" >> beam.Map(lambda letter: (0, letter)),
                "position": position,
            }
            | beam.CoGroupByKey()
            | "Write tables" >> beam.Map(self._write)
        )

    @no_annotations
    def _write(self, element: tuple[int, dict[str, Iterable[Any]]]) -> None:
        _, groups = element
        rows: list[Row] = list(groups["rows"])
        letters: list[DeadLetter] = list(groups["dead_letters"])
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
