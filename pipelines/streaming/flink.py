"""A stream on Flink: the same graph, unbounded, behind a Beam job server. `docs/delivery.md` says what comes how often."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.typehints.decorators import no_annotations

from pipelines.build import Job, build
from pipelines.streaming.settings import StreamSettings
from transforms.equal import CopyFindings, FirstOfContent
from transforms.errors import UserError
from transforms.fetch import fetch
from transforms.once import Once
from transforms.park import FetchOrPark, Parking
from transforms.records import DeadLetter, Maker
from transforms.sinks.commit_batches import CommitBatches
from transforms.sinks.results import Answer
from transforms.sinks.results_kafka import KafkaResults
from transforms.sources.kafka_config import KafkaPlace
from transforms.sources.kafka_unbounded import ReadKafka
from transforms.sources.live import Announced
from transforms.stage import Outcome

ANSWER_S = 60.0
REACH_S = 5.0


class FlinkPlace(NamedTuple):
    """Where the job server and the worker pool are."""

    job_server: str
    artifacts: str
    workers: str
    parallelism: int
    savepoint: str | None


def parse_flink(text: str) -> FlinkPlace:
    """Read `flink://HOST:PORT?workers=HOST:PORT&artifacts=HOST:PORT&parallelism=2&resume=PATH`.

    Raises:
        UserError: it is no such text, or nothing answers there.
    """
    parts = urlsplit(text)
    options = dict(parse_qsl(parts.query))
    try:
        host, port = parts.hostname, parts.port
        parallelism = int(options.pop("parallelism", "2"))
    except ValueError:
        host = port = None
    if parts.scheme != "flink" or not host or not port:
        raise UserError(f"--runner {text} is no job server: write flink://HOST:PORT, of Beam's job server for Flink")
    place = FlinkPlace(
        f"{host}:{port}",
        options.pop("artifacts", f"{host}:{port - 1}"),
        options.pop("workers", f"{host}:50000"),
        parallelism,
        options.pop("resume", None),
    )
    if options:
        raise UserError(
            f"--runner {text}: {next(iter(options))} is not known; there are workers, artifacts, parallelism, resume"
        )
    for what, address in (("job server", place.job_server), ("worker pool", place.workers)):
        try:
            socket.create_connection((address.rpartition(":")[0], int(address.rpartition(":")[2])), REACH_S).close()
        except (OSError, ValueError) as error:
            raise UserError(
                f"no {what} answers at {address}: {error}; `make flink-demo` shows how to start one"
            ) from None
    return place


def options_of(place: FlinkPlace, name: str) -> PipelineOptions:
    """Return what Beam needs to run a stream there; `docs/delivery.md` says why each of them."""
    return PipelineOptions(
        [
            "--runner=PortableRunner",
            f"--job_endpoint={place.job_server}",
            f"--artifact_endpoint={place.artifacts}",
            "--environment_type=EXTERNAL",
            f"--environment_config={place.workers}",
            "--streaming",
            f"--job_name={name}",
            f"--parallelism={place.parallelism}",
            "--checkpointing_interval=2000",
            # Without it a job sits idle: a checkpoint waits for a bundle that waits for the checkpoint.
            "--finish_bundle_before_checkpointing",
            "--max_bundle_time_millis=300",
            "--max_bundle_size=128",
            "--externalized_checkpoints_enabled",
            "--retain_externalized_checkpoints_on_cancellation",
            *([f"--savepoint_path={place.savepoint}"] if place.savepoint else []),
        ]
    )


def build_stream(
    pipeline: beam.Pipeline,
    place: KafkaPlace,
    properties: Mapping[str, str],
    read_photo: FetchOrPark,
    judge: Callable[[beam.PCollection], Outcome],
    maker: Maker,
    commit: CommitBatches,
    results: KafkaPlace | None,
    dead_letters: KafkaPlace | None = None,
) -> None:
    """Build the graph from a topic to the tables and the topics of what is told; `judge` goes from events to rows."""
    announced = pipeline | ReadKafka(place, properties)
    read = announced | "Items" >> beam.FlatMap(_items).with_outputs("letters", main="events")
    fetched = read.events | Once() | read_photo
    parted = fetched.results | FirstOfContent(maker)
    judged = parted.firsts | _Named("Judge", judge)
    copied = (judged, parted.equals) | CopyFindings()
    alone = copied.alone | _Named("Judge alone", judge)

    rows = (judged.results, copied.rows, alone.results) | "All rows" >> beam.Flatten()
    refused = (read.letters, *fetched.failures, *judged.failures, *alone.failures) | "All failures" >> beam.Flatten()
    told = (rows, refused) | commit
    for name, answers, to in (("Answer", told.answers, results), ("Tell", told.dead_letters, dead_letters)):
        if to is not None:
            _ = answers | name >> beam.ParDo(Send(to, properties))


def run_on_flink(
    runner: str,
    place: KafkaPlace,
    results: KafkaPlace | None,
    dead_letters: KafkaPlace | None,
    properties: Mapping[str, str],
    job: Job,
    settings: StreamSettings,
) -> int:
    """Hand the stream to the cluster and follow it; the job goes on when this process ends."""
    where = parse_flink(runner)
    pipeline = beam.Pipeline(options=options_of(where, f"vitrine-{place.topic}"))
    parking = Parking(settings.park_after_s, settings.fetch_tries, settings.retry_s, settings.fetchers)
    read = FetchOrPark(partial(fetch, settings=job.fetch, limits=job.rules.assess.decode), parking)
    commit = CommitBatches(job.output, job.tables)
    build_stream(pipeline, place, properties, read, partial(build, job=job), job.maker, commit, results, dead_letters)
    result = pipeline.run()
    print(f"vitrine: {place.topic} is read by a job on {where.job_server}", flush=True)
    result.wait_until_finish()
    return 0


class _Named(beam.PTransform):
    """A part of the graph that is there twice."""

    def __init__(self, name: str, part: Callable[[beam.PCollection], Outcome]):
        super().__init__(name)
        self.part = part

    @no_annotations
    def expand(self, events: beam.PCollection) -> Outcome:
        """Apply to events."""
        return self.part(events)


def _items(announced: Announced) -> Iterator[Any]:
    for item in announced.items:
        yield beam.pvalue.TaggedOutput("letters", item) if isinstance(item, DeadLetter) else item


class Send(beam.DoFn):
    """Send answers; a bundle ends when the brokers have all of its answers."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str]):
        self.place = place
        self.properties = dict(properties)

    def setup(self) -> None:
        """Reach the topic."""
        self._results = KafkaResults(self.place, self.properties)

    def process(self, answer: Answer) -> Iterable[None]:
        """Hand one to the client."""
        self._results.send([answer], {})
        return ()

    def finish_bundle(self) -> None:
        """Wait for the brokers; a bundle that fails is run again."""
        self._results.wait(ANSWER_S)
        if left := self._results.waiting():
            raise RuntimeError(f"{left} answers were not taken by {self.place.topic}")

    def teardown(self) -> None:
        """Leave the cluster."""
        self._results.close(0)
