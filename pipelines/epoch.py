"""One epoch: the graph run once over a bounded set of events, on this machine, ended by one commit."""

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers

from pipelines import memory
from pipelines.build import Job, build
from pipelines.tally import Tally
from transforms.imaging.codec.journal import open_journal
from transforms.records import DeadLetter, ImageEvent
from transforms.sinks.commit import Commit
from transforms.stage import NAMESPACE, STOPPED

# With several workers, Beam 2.77 sends what has been put out once a second from a thread of its own, which waits for nobody: an
# element that is being encoded just then is cut in two ("Error decoding input stream"), one that is written just then is
# lost. An epoch ends, and nothing of it is wanted before; what is large is still sent in parts, between two elements.
worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 7 * 24 * 3_600_000


def run_epoch(
    events: Sequence[ImageEvent],
    dead_letters: Sequence[DeadLetter],
    positions: Mapping[str, int],
    job: Job,
    workers: int,
) -> Tally:
    """Judge, mend and record a bounded set of events; return when both tables have them.

    Args:
        events: photo versions, each once.
        dead_letters: of reading the source, written in the same commit.
        positions: application id -> version, committed with the rows.
        job: what the stages need.
        workers: threads.

    Raises:
        UserError: what stopped the work (a full disk, no permission); what was committed before stays.
    """
    if job.journal is not None:
        for event in events:
            if event.revision:  # somebody asks for it once more
                open_journal(job.journal).forgive(event.event_id)
    options = _Options(
        ["--direct_running_mode=multi_threading", f"--direct_num_workers={workers}"] if workers > 1 else []
    )
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=options)
    # Reshuffled, so that the threads share the events; only names cross here.
    read = pipeline | "Events" >> beam.Create(list(events), reshuffle=True)
    outcome = build(read, job)
    failures = outcome.failures | "Failures" >> beam.Flatten()
    _ = (outcome.results, failures) | Commit(job.output, job.tables, positions, dead_letters)
    STOPPED.clear()
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception:
        if STOPPED:
            raise STOPPED[0] from None
        raise
    memory.give_back()
    return tally_of(result)


class _Options(PipelineOptions):
    """Keeps its views: Beam asks for one some 200 times while it builds a graph, and parses the flags anew each time."""

    def view_as(self, cls: type[Any]) -> Any:
        """Return the view of the options as that class; it shares the values of all others."""
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


def tally_of(result: beam.runners.runner.PipelineResult) -> Tally:
    """Read the counters and the seconds of work from a run's metrics."""
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    tally = Tally()
    for counter in found["counters"]:
        kind, _, name = counter.key.metric.name.partition(":")
        table = {"verdict": tally.verdicts, "dead_letter": tally.dead_letters}.get(kind)
        if table is not None:
            table[name] += counter.result
    for distribution in found["distributions"]:
        stage = distribution.key.metric.name.removesuffix("_us")
        tally.seconds[stage] += distribution.result.sum / 1e6
        tally.calls[stage] += distribution.result.count
    return tally
