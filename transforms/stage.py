"""How a plain function becomes a stage of the graph: results on one output, dead letters on the other."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.typehints.decorators import no_annotations

from transforms.case import Case
from transforms.errors import RefusalError, UserError
from transforms.one_core import work_on_one_core
from transforms.records import DeadLetter, ImageEvent, Row, dead_letter

LOG = logging.getLogger(__name__)
FAILURES = "failures"
NAMESPACE = "vitrine"
STOPPED: list[UserError] = []
"""Why this process cannot go on: runners hand exceptions on as text, and the driver needs the sentence alone."""


class Count:
    """A number that several threads raise: how many photos this process is done with, for its progress line."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add(self, more: int = 1) -> None:
        """Raise it."""
        with self._lock:
            self.value += more


DONE = Count()


class Outcome(NamedTuple):
    """What every stage gives: a collection of results, and collections of `DeadLetter`.

    These are left apart: a runner that flattens them may hold them back until all else of a bundle is done.
    """

    results: beam.PCollection
    failures: tuple[beam.PCollection, ...]


Result: TypeAlias = Case | Row
"""What a stage can give."""


class Stage(beam.PTransform):
    """Map `function` over cases; the first stage makes them of events, the last makes rows of them.

    A `RefusalError` ends as a dead letter with its code, any other exception as one with `internal_error`.
    """

    def __init__(self, name: str, function: Callable[..., Result]):
        super().__init__(name)
        self.name = name.lower()
        self.function = function

    @no_annotations
    def expand(self, elements: beam.PCollection) -> Outcome:
        """Apply to a collection of `ImageEvent` or `Case`."""
        outputs = elements | beam.ParDo(_Apply(self.name, self.function)).with_outputs(FAILURES, main="results")
        return Outcome(outputs.results, (outputs[FAILURES],))


class _Apply(beam.DoFn):
    """The one place where an exception becomes data."""

    def __init__(self, name: str, function: Callable[..., Result]):
        self.name = name
        self.function = function
        self.core_time = Metrics.distribution(NAMESPACE, f"{name}_us")

    def setup(self) -> None:
        """Give each worker thread one core."""
        work_on_one_core()

    @no_annotations
    def process(self, element: ImageEvent | Case) -> Iterator[Result | beam.pvalue.TaggedOutput]:
        began, core = time.perf_counter(), time.thread_time()
        try:
            result = self.function(element)
        except Exception as error:
            yield beam.pvalue.TaggedOutput(FAILURES, refuse(element, self.name, error))
            return
        seconds = time.perf_counter() - began
        self.core_time.update(round((time.thread_time() - core) * 1e6))
        if isinstance(result, Case):
            yield dataclasses.replace(result, seconds=result.seconds + seconds)
        else:
            DONE.add()
            yield result


def refuse(element: ImageEvent | Case, stage: str, error: Exception) -> DeadLetter:
    """Turn what a stage raised on one element into its dead letter.

    Raises:
        UserError: what stopped this photo would stop every other one too (a full disk): the run ends with its sentence.
    """
    if isinstance(error, UserError):
        STOPPED.append(error)
        raise error
    event = element if isinstance(element, ImageEvent) else _with_photo(element)
    if not isinstance(error, RefusalError):
        LOG.warning(
            "%s failed on %s: %r", stage, event.uri, error, exc_info=error if LOG.isEnabledFor(logging.INFO) else None
        )
        error = RefusalError("internal_error", f"{type(error).__name__}: {error}")
    DONE.add()
    return dead_letter(event, stage, error, datetime.now(UTC))


def _with_photo(case: Case) -> ImageEvent:
    """Return a case's event; a photo that came in the message is put back into it: nowhere else can it be had again."""
    if not case.event.uri.startswith("inline:"):
        return case.event
    return dataclasses.replace(case.event, data=(case.original or case).data)
