"""Epochs of a stream: the graph is translated once, run for each epoch, and followed by the epoch's commit.

Drawing and translating the graph anew costs more than judging a photo does. So the events come from a list beside it, and
what becomes of them goes to two others; only what the stages do is the graph's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines import memory
from pipelines.build import Job, build
from pipelines.epoch import tally_of
from pipelines.tally import Tally
from transforms.imaging.codec.journal import open_journal
from transforms.records import DeadLetter, ImageEvent, Row, dead_letter_row
from transforms.sinks.tables import Tables
from transforms.sinks.written import Written
from transforms.stage import STOPPED

EVENTS: list[ImageEvent] = []
ROWS: list[Row] = []
LETTERS: list[DeadLetter] = []


class LiveEpochs:
    """Runs epochs one after another; for one thread."""

    def __init__(self, job: Job, workers: int, tables: Tables):
        """Draw and translate the graph; `workers` threads run it."""
        self._job = job
        self._tables = tables
        self._options = PipelineOptions(
            ["--direct_running_mode=multi_threading", f"--direct_num_workers={workers}"] if workers > 1 else []
        )
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=self._options)
        # Reshuffled, so that the threads share the events; only names cross here.
        events = pipeline | "Start" >> beam.Create([0], reshuffle=False) | "Events" >> beam.FlatMap(_events)
        outcome = build(events | beam.Reshuffle(), job)
        _ = outcome.results | "Rows" >> beam.Map(_keep_row)
        _ = outcome.failures | "Dead letters" >> beam.Map(_keep_letter)
        # It is asked for no more than a pipeline is.
        self._graph: Any = _Translated(pipeline)

    def __call__(
        self,
        events: Sequence[ImageEvent],
        dead_letters: Sequence[DeadLetter],
        positions: Mapping[str, int],
        rows: Sequence[Row],
    ) -> tuple[Tally, Written]:
        """Judge photos and commit them, with dead letters and rows that are there already, and the positions.

        Raises:
            UserError: what stopped the work; what was committed before stays.
        """
        if self._job.journal is not None:
            for event in events:
                if event.revision:  # somebody asks for it once more
                    open_journal(self._job.journal).forgive(event.event_id)
        EVENTS[:], ROWS[:], LETTERS[:] = events, rows, dead_letters
        STOPPED.clear()
        try:
            result = FnApiRunner().run_pipeline(self._graph, self._options)
            result.wait_until_finish()
        except Exception:
            if STOPPED:
                raise STOPPED[0] from None
            raise
        found_rows, letters = list(ROWS), list(LETTERS)
        self._tables.commit_epoch(found_rows, [dead_letter_row(letter) for letter in letters], positions)
        memory.give_back()
        tally = tally_of(result)
        tally.verdicts.update(row["verdict"] for row in found_rows)
        tally.dead_letters.update(letter.code for letter in letters)
        return tally, Written(found_rows, letters, self._tables.versions())


class _Translated:
    """A pipeline as the runner asks for it, translated when it is asked for the first time."""

    def __init__(self, pipeline: beam.Pipeline):
        self._pipeline = pipeline
        self._proto: Any = None

    def visit(self, visitor: Any) -> None:
        """Let the runner's checks pass over it, once."""
        if self._proto is None:
            self._pipeline.visit(visitor)

    def to_runner_api(self, default_environment: Any = None) -> Any:
        """Return what the runner runs."""
        if self._proto is None:
            self._proto = self._pipeline.to_runner_api(default_environment=default_environment)
        return self._proto


def _events(start: int) -> Iterator[ImageEvent]:
    return iter(EVENTS)


def _keep_row(row: Row) -> None:
    ROWS.append(row)


def _keep_letter(letter: DeadLetter) -> None:
    LETTERS.append(letter)
