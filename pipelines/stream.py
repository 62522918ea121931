"""`vitrine stream`: photos from a source that never ends, each judged once, each answered."""

import argparse
import dataclasses
import functools
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from pipelines import memory, run_file
from pipelines.config import Config
from pipelines.streaming.driver import Driver, restore
from pipelines.streaming.flight import Flight
from pipelines.streaming.intake import Intake
from pipelines.streaming.metrics import StreamMetrics, serve
from pipelines.streaming.outlet import WHOLE_DEAD_LETTERS, Outlet
from pipelines.streaming.past import Past
from transforms.errors import UserError
from transforms.fetch import FetchSettings, fetch
from transforms.sinks.images import sweep
from transforms.sinks.output import open_output
from transforms.sinks.parked import Parked
from transforms.sinks.results import FileResults, PrintedResults, Results
from transforms.sinks.tables import Tables
from transforms.sources.inbox import Inbox
from transforms.sources.kafka_config import KafkaPlace, check_topic, parse_place, read_properties
from transforms.sources.live import LiveSource
from transforms.sources.pubsub_place import parse_pubsub

LEFT_AT_ONCE = 128 + signal.SIGTERM
"""The exit code after a second signal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine stream` takes."""
    parser.add_argument(
        "--source", required=True, help="dir://FOLDER, kafka://HOST:PORT/TOPIC?group=G or pubsub://PROJECT/NAME"
    )
    parser.add_argument("--output", required=True, help="a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX")
    parser.add_argument(
        "--results",
        help="kafka://HOST:PORT/TOPIC, or a file for JSON lines; without it, lines for people on standard output",
    )
    parser.add_argument(
        "--dead-letters", help="kafka://… or pubsub://… or a file that gets each dead letter whole, as well"
    )
    parser.add_argument("--runner", help="flink://JOBSERVER:PORT; without it, the stream runs here")
    parser.add_argument("--kafka-config", metavar="FILE", help="properties of the Kafka client: name=value lines")
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="answer Prometheus there")
    parser.add_argument("--quiet", action="store_true", help="print no verdicts")


def run(args: argparse.Namespace, config: Config) -> int:
    """Judge what comes until SIGTERM or SIGINT; 0 when it was drained."""
    properties = read_properties(Path(args.kafka_config) if args.kafka_config else None)
    if args.runner:
        return _run_elsewhere(args, config, properties)

    # Opened by the first who asks: whoever mistyped the source should not find an empty output made.
    @functools.cache
    def tables_of_output() -> Tables:
        return Tables(open_output(args.output), config.tables)

    outlets = open_outlets(args, properties)
    source = open_source(args, config, properties, lambda app_id: tables_of_output().position(app_id))
    flight = Flight(config.stream)
    metrics = StreamMetrics(source, flight, outlets[0].results)
    if args.metrics_port is not None:
        serve(metrics, args.metrics_port)
    output = open_output(args.output)
    sweep(output)
    began, clock = datetime.now(UTC), time.perf_counter()
    memory.settle_heaps(config.run.workers)
    stop = _stop_on_signals()

    # Imported here: Beam takes seconds, and whoever named a missing folder should not wait for them.
    from pipelines.job import open_job
    from pipelines.streaming.live_epoch import LiveEpochs

    job = open_job(config, output)
    places = _readable(source, job.fetch)
    job = job._replace(fetch=places)
    with (
        closing(tables_of_output()) as tables,
        closing(Past(output, config.tables, job.maker)) as past,
        closing(LiveEpochs(job, config.run.workers)) as judge,
    ):
        parked = Parked(output)
        restore(parked, past, flight)
        driver = Driver(source, flight, tables, parked, outlets, judge, metrics.watch)
        intake = Intake(
            source,
            flight,
            past,
            functools.partial(fetch, settings=places, limits=job.rules.assess.decode),
            config.stream,
            held=lambda: any(each.results.waiting() > config.stream.unanswered for each in outlets),
        )
        driver.begin(output)
        intake.start()
        print(f"vitrine: watching {args.source}", file=sys.stderr, flush=True)
        while not stop.is_set():
            driver.step()
        ended = drain(driver, intake, flight, config.stream.drain_s)
        intake.close(config.stream.drain_s)
        summary = run_file.summary(
            args.source, output.root, began, time.perf_counter() - clock, driver.tally, job.maker
        )
        counts = Counter(flight.counts)
        summary |= {
            "already_finished": counts.pop("finished", 0),
            "epochs": driver.epochs,
            "left_out": dict(counts),
            "latency_s": metrics.percentiles(),
        }
        run_file.write(output, summary)
        if not args.quiet:
            print(run_file.text(summary), flush=True)
        if not ended:
            os._exit(0)  # the time is up, and Python cannot end a thread that is at work
    return 0


def _run_elsewhere(args: argparse.Namespace, config: Config, properties: Mapping[str, str]) -> int:
    """Hand the stream to a cluster."""
    if not args.source.startswith("kafka://"):
        raise UserError(f"on Flink only Kafka is read: --source {args.source} runs without --runner")
    if args.metrics_port is not None:
        raise UserError("on Flink the cluster reports metrics (counters vitrine.*): leave out --metrics-port")
    place = parse_place(args.source)
    results = _kafka_or_nowhere("--results", args.results)
    dead_letters = _kafka_or_nowhere("--dead-letters", args.dead_letters)
    for topic in filter(None, (place, results, dead_letters)):
        check_topic(topic, properties)

    from pipelines.job import open_job
    from pipelines.streaming.flink import parse_flink, run_on_flink

    parse_flink(args.runner)
    job = open_job(config, open_output(args.output))
    job = job._replace(fetch=job.fetch.for_messages())
    return run_on_flink(args.runner, place, results, dead_letters, properties, job, config.stream)


def _kafka_or_nowhere(flag: str, text: str | None) -> KafkaPlace | None:
    if text and not text.startswith("kafka://"):
        raise UserError(f"on Flink answers go to Kafka or nowhere: {flag} {text} works without --runner")
    return parse_place(text) if text else None


def drain(driver: Driver, intake: Intake, flight: Flight, wait_s: float) -> bool:
    """Begin nothing more, finish what has begun within the time, commit how far it went; say whether all of it has ended."""
    deadline = time.monotonic() + wait_s
    intake.stop()
    while flight.busy() and time.monotonic() < deadline:
        driver.step()
    return driver.finish(max(1.0, deadline - time.monotonic()))


def _readable(source: LiveSource, settings: FetchSettings) -> FetchSettings:
    """Whoever may put a link into the inbox must not make us read what it leads to; whoever may write a message neither."""
    if isinstance(source, Inbox):
        return dataclasses.replace(settings, file_roots=(str(source.folder),))
    return settings.for_messages()


def open_source(
    args: argparse.Namespace,
    config: Config,
    properties: Mapping[str, str],
    committed: Callable[[str], int | None],
) -> LiveSource:
    """Open what `--source` names; `committed` returns a position from the tables.

    Raises:
        UserError: it is of no known kind, or not there.
    """
    scheme, separator, rest = args.source.partition("://")
    if not separator:
        raise UserError(f"--source {args.source} has no scheme: write dir://{args.source} to watch a folder")
    if scheme == "dir":
        own = [] if "://" in args.output else [Path(args.output)]
        return Inbox(Path(rest), own, config.input, config.stream.settle_s)
    if scheme == "kafka":
        from transforms.sources.kafka import KafkaSource

        return KafkaSource(parse_place(args.source), properties, committed)
    if scheme == "pubsub":
        from transforms.sources.pubsub import PubSubSource

        return PubSubSource(parse_pubsub(args.source, "subscription"))
    raise UserError(
        f"--source {scheme}:// is not known: give dir://FOLDER, kafka://HOST:PORT/TOPIC or pubsub://PROJECT/SUBSCRIPTION"
    )


def open_outlets(args: argparse.Namespace, properties: Mapping[str, str]) -> list[Outlet]:
    """Open what `--results` and `--dead-letters` name.

    Raises:
        UserError: one is of no known kind, or cannot be written.
    """
    results = _open_results("--results", args.results, properties) if args.results else PrintedResults(args.quiet)
    outlets = [Outlet(results)]
    if args.dead_letters:
        place = _open_results("--dead-letters", args.dead_letters, properties)
        outlets.append(Outlet(place, WHOLE_DEAD_LETTERS, "dead letters"))
    return outlets


def _open_results(flag: str, text: str, properties: Mapping[str, str]) -> Results:
    scheme, separator, _ = text.partition("://")
    if scheme == "kafka" and separator:
        from transforms.sinks.results_kafka import KafkaResults

        return KafkaResults(parse_place(text), properties)
    if scheme == "pubsub" and separator:
        from transforms.sinks.results_pubsub import PubSubResults

        return PubSubResults(parse_pubsub(text, "topic"))
    if separator:
        raise UserError(
            f"{flag} {scheme}:// is not known: give kafka://HOST:PORT/TOPIC, pubsub://PROJECT/TOPIC or a file"
        )
    return FileResults(Path(text), flag)


def _stop_on_signals() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets; the second one ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(LEFT_AT_ONCE)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
