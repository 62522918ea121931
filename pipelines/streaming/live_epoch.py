"""Epochs of a stream: the graph is drawn and translated once for each worker, and run for each epoch.

Drawing and translating the graph anew costs more than judging a photo does. So the events come from a list beside it, and
what becomes of them goes to two others; only what the stages do is the graph's.

Epochs run side by side, each by one thread on a graph of its own. One run with several workers would share its photos among
them, but talks to each through gRPC, which costs more than judging four photos; and a photo would wait for the epoch before it.
"""

import itertools
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.build import Job, build
from pipelines.epoch import tally_of
from pipelines.streaming.judged import Judged
from transforms.imaging.codec.journal import open_journal
from transforms.records import DeadLetter, ImageEvent, Row
from transforms.stage import STOPPED


@dataclass(slots=True)
class Beside:
    """What one run of a graph reads and writes beside it."""

    events: Sequence[ImageEvent] = ()
    rows: list[Row] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


BESIDE: dict[int, Beside] = {}
"""A graph's number -> what its run is about: functions inside a graph are copied, what they find here is not."""

CLOSE_S = 10.0

_numbers = itertools.count()


class LiveEpochs:
    """Judges epochs, as many at once as there are workers."""

    def __init__(self, job: Job, workers: int):
        """Draw and translate a graph for each worker, and run each once without a photo, so that all is loaded."""
        self.workers = workers
        self._job = job
        self._begun: queue.SimpleQueue[tuple[Sequence[ImageEvent], Future[Judged]] | None] = queue.SimpleQueue()
        self._threads = []
        for _ in range(workers):
            graph = _Graph(job)
            graph.run(())
            self._threads.append(threading.Thread(target=self._serve, args=(graph,), name="epoch", daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """End the threads, waiting some seconds for those at work: Python cannot end them, and falls over them when it ends."""
        for _ in self._threads:
            self._begun.put(None)
        deadline = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def begin(self, events: Sequence[ImageEvent]) -> "Future[Judged]":
        """Begin an epoch; its result raises `UserError` where something stops all work."""
        if self._job.journal is not None:
            for event in events:
                if event.revision:  # somebody asks for it once more
                    open_journal(self._job.journal).forgive(event.event_id)
        result: Future[Judged] = Future()
        self._begun.put((events, result))
        return result

    def _serve(self, graph: "_Graph") -> None:
        while (begun := self._begun.get()) is not None:
            events, result = begun
            try:
                judged = graph.run(events)
            except BaseException as error:
                # Runners hand exceptions on as text; the sentence is the stage's.
                result.set_exception(STOPPED[0] if STOPPED else error)
            else:
                result.set_result(judged)


class _Graph:
    """One graph, run again and again by one thread."""

    def __init__(self, job: Job):
        self._number = next(_numbers)
        BESIDE[self._number] = Beside()
        # Options of its own: the runner writes into them.
        self._options = PipelineOptions([])
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=self._options)
        start = pipeline | "Start" >> beam.Create([self._number], reshuffle=False)
        outcome = build(start | "Events" >> beam.FlatMap(_events), job)
        _ = outcome.results | "Rows" >> beam.Map(_keep_row, self._number)
        _ = outcome.failures | "Dead letters" >> beam.Map(_keep_letter, self._number)
        # It is asked for no more than a pipeline is.
        self._pipeline: Any = _Translated(pipeline)

    def run(self, events: Sequence[ImageEvent]) -> Judged:
        """Judge photos whose bytes have arrived."""
        began = time.thread_time()
        beside = BESIDE[self._number] = Beside(events)
        result = FnApiRunner().run_pipeline(self._pipeline, self._options)
        result.wait_until_finish()
        tally = tally_of(result)
        tally.verdicts.update(row["verdict"] for row in beside.rows)
        tally.dead_letters.update(letter.code for letter in beside.letters)
        BESIDE[self._number] = Beside()
        # Stages may let another thread work for them; what they count is theirs.
        core_s = max(time.thread_time() - began, sum(tally.seconds.values()))
        return Judged(beside.rows, beside.letters, tally, core_s)


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


def _events(number: int) -> Iterator[ImageEvent]:
    return iter(BESIDE[number].events)


def _keep_row(row: Row, number: int) -> None:
    BESIDE[number].rows.append(row)


def _keep_letter(letter: DeadLetter, number: int) -> None:
    BESIDE[number].letters.append(letter)
