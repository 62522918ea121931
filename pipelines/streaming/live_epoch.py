"""Epochs of a stream: the graph is drawn, translated and begun once for each worker, and fed with one epoch after another.

Drawing and translating the graph anew costs more than judging a photo does, and so does to begin a run of it: Beam looks at
each stage's functions anew. So the events come from beside the graph, what becomes of them goes beside it too, and a run goes
on for a thousand photos: all stages of a photo are done when the graph asks for the next one.

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
from pipelines.tally import Tally
from transforms.imaging.codec.journal import open_journal
from transforms.records import DeadLetter, ImageEvent, Row
from transforms.stage import STOPPED

RUN_PHOTOS = 1_000
"""A run of the graph ends behind the epoch with which it has had so many: what a runner keeps of a run stays bounded."""

CLOSE_S = 10.0

_numbers = itertools.count()


@dataclass(slots=True)
class _Epoch:
    """Photos to judge, whom to tell, and what was found."""

    events: Sequence[ImageEvent]
    told: "Future[Judged]"
    rows: list[Row] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


_Begun = queue.SimpleQueue[_Epoch | None]


class LiveEpochs:
    """Judges epochs, as many at once as there are workers."""

    def __init__(self, job: Job, workers: int):
        """Draw and translate a graph for each worker, and begin a run of each, so that all is loaded."""
        self.workers = workers
        self._job = job
        self._begun: _Begun = queue.SimpleQueue()
        # A model that gains by batches fills them from several photos, and its last batch only when a run ends.
        gains = job.handler.load_model().gains_by_batches
        if not gains:
            job = job._replace(handler=job.handler.one_by_one())
        self._graphs = [_Graph(job, self._begun, 1 if gains else RUN_PHOTOS) for _ in range(workers)]
        self._threads = [threading.Thread(target=graph.serve, name="epoch", daemon=True) for graph in self._graphs]
        for thread, graph in zip(self._threads, self._graphs, strict=True):
            thread.start()
            graph.ready.result()

    def close(self) -> None:
        """End the threads, waiting some seconds for those at work: Python cannot end them, and falls over them when it ends."""
        for _ in self._threads:
            self._begun.put(None)
        deadline = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def end(self) -> Tally:
        """End the runs, and return what they counted since an epoch told of it."""
        self.close()
        tally = Tally()
        for graph in self._graphs:
            tally.add(graph.take_counted())
        return tally

    def begin(self, events: Sequence[ImageEvent]) -> "Future[Judged]":
        """Begin an epoch; its result raises `UserError` where something stops all work."""
        if self._job.journal is not None:
            for event in events:
                if event.revision:  # somebody asks for it once more
                    open_journal(self._job.journal).forgive(event.event_id)
        epoch = _Epoch(events, Future())
        self._begun.put(epoch)
        return epoch.told


class _Graph:
    """One graph, run again and again by one thread, each run over several epochs."""

    def __init__(self, job: Job, begun: _Begun, photos: int):
        """Draw it; a run ends behind the epoch with which it has had so many photos."""
        self.ready: Future[Judged] = Future()
        self._begun = begun
        self._photos = photos
        self._now: _Epoch | None = _Epoch((), self.ready)
        self._ended = False
        self._began = 0.0
        self._counted = Tally()
        number = next(_numbers)
        BESIDE[number] = self
        # Options of its own: the runner writes into them.
        self._options = PipelineOptions([])
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=self._options)
        start = pipeline | "Start" >> beam.Create([number], reshuffle=False)
        outcome = build(start | "Events" >> beam.FlatMap(_events), job)
        _ = outcome.results | "Rows" >> beam.Map(_keep_row, number)
        for each, failures in enumerate(outcome.failures):
            _ = failures | f"Dead letters {each}" >> beam.Map(_keep_letter, number)
        # It is asked for no more than a pipeline is.
        self._pipeline: Any = _Translated(pipeline)

    def serve(self) -> None:
        """Judge epochs until there is None."""
        while not self._ended:
            try:
                result = FnApiRunner().run_pipeline(self._pipeline, self._options)
                result.wait_until_finish()
                self._counted.add(tally_of(result))
            except BaseException as error:
                if self._has_epoch():
                    assert self._now is not None
                    # Runners hand exceptions on as text; the sentence is the stage's.
                    self._now.told.set_exception(STOPPED[0] if STOPPED else error)
                    self._now = None
            else:
                self._tell()

    def events(self) -> Iterator[ImageEvent]:
        """Give a run its photos. An epoch's end is told when the next one is waited for, or when the run has ended."""
        had = 0
        while had < self._photos and self._has_epoch():
            assert self._now is not None
            self._began = time.thread_time()
            yield from self._now.events
            had += len(self._now.events)
            if had < self._photos:
                self._tell()

    def keep(self, found: Row | DeadLetter) -> None:
        """Take in what became of a photo."""
        assert self._now is not None
        if isinstance(found, DeadLetter):
            self._now.letters.append(found)
        else:
            self._now.rows.append(found)

    def take_counted(self) -> Tally:
        """Return the seconds of the runs that have ended since it was asked last."""
        counted, self._counted = self._counted, Tally()
        return counted

    def _has_epoch(self) -> bool:
        if self._now is None and not self._ended:
            self._now = self._begun.get()
            self._ended = self._now is None
        return self._now is not None

    def _tell(self) -> None:
        if self._now is None:
            return
        epoch, self._now = self._now, None
        core_s, tally = time.thread_time() - self._began, self.take_counted()
        if self._photos == 1:
            # Stages may let another thread work for them; what they count is theirs.
            core_s = max(core_s, sum(tally.seconds.values()))
        tally.verdicts.update(row["verdict"] for row in epoch.rows)
        tally.dead_letters.update(letter.code for letter in epoch.letters)
        epoch.told.set_result(Judged(epoch.rows, epoch.letters, tally, core_s))


BESIDE: dict[int, _Graph] = {}
"""A graph's number -> what lies beside it: functions inside a graph are copied, what they find here is not."""


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
    return BESIDE[number].events()


def _keep_row(row: Row, number: int) -> None:
    BESIDE[number].keep(row)


def _keep_letter(letter: DeadLetter, number: int) -> None:
    BESIDE[number].keep(letter)
