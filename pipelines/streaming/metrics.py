"""What a stream tells of itself: for Prometheus on `--metrics-port`, and its latencies in the last summary."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from pipelines.streaming.flight import Flight
from pipelines.streaming.open_photo import Open
from transforms.errors import UserError
from transforms.sinks.results import Results
from transforms.sinks.written import Written
from transforms.sources.live import LiveSource

SECONDS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0, 600.0)
RECENT = 20_000
"""Photos whose latencies are kept for the summary."""

PHOTOS = (1, 2, 4, 8, 16, 32, 64, 128)


class StreamMetrics:
    """Counters, gauges and histograms of one stream, in a registry of their own."""

    def __init__(self, source: LiveSource, flight: Flight, results: Results):
        """Take the parts that are asked when someone looks."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self._verdicts = Counter("vitrine_photos", "photos recorded, by verdict", ["verdict"], **own)
        self._duplicates = Counter("vitrine_duplicates", "photos answered from one of the same content", **own)
        self._dead_letters = Counter("vitrine_dead_letters", "dead letters, by code", ["code"], **own)
        self._epochs = Counter("vitrine_epochs", "epochs committed", **own)
        self._sizes = Histogram("vitrine_epoch_photos", "photos in one epoch", buckets=PHOTOS, **own)
        told = "from the message's time to the commit of its photo, and the hand-over of its answer"
        self._latency = Histogram("vitrine_latency_seconds", told, buckets=SECONDS, **own)
        here = "the same, from when the message was read"
        self._here = Histogram("vitrine_latency_here_seconds", here, buckets=SECONDS, **own)
        for name, text, ask in (
            (
                "vitrine_lag",
                "messages in the source that are not done; NaN where it does not tell",
                lambda: _known(source.lag()),
            ),
            ("vitrine_open", "photos read and not committed", lambda: len(flight)),
            ("vitrine_parked", "photos parked", lambda: flight.parked_now),
            ("vitrine_bytes", "bytes of photos fetched or being fetched", lambda: flight.bytes),
            ("vitrine_unanswered", "answers that were not taken yet", results.waiting),
        ):
            Gauge(name, text, **own).set_function(ask)
        passed = Gauge("vitrine_passed", "events that needed nothing, by reason", ["reason"], **own)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._flight, self._passed = flight, passed

    def watch(self, written: Written, photos: Sequence[Open]) -> None:
        """Count a commit."""
        now, clock = time.time(), time.monotonic()
        self._epochs.inc()
        self._sizes.observe(len(photos))
        for row in written.rows:
            self._verdicts.labels(row["verdict"]).inc()
            self._duplicates.inc(row["duplicate_of"] is not None)
        for letter in written.dead_letters:
            self._dead_letters.labels(letter.code).inc()
        for photo in photos:
            self._here.observe(clock - photo.received)
            self._recent.append(clock - photo.received if photo.published is None else max(0.0, now - photo.published))
            if photo.published is not None:
                self._latency.observe(max(0.0, now - photo.published))
        for reason, count in list(self._flight.counts.items()):
            self._passed.labels(reason).set(count)

    def percentiles(self) -> dict[str, float]:
        """Return p50, p95 and p99 of the last photos' latencies, in seconds; none where there was no photo."""
        latencies = sorted(self._recent)
        return {f"p{p}": round(latencies[len(latencies) * p // 100], 3) for p in (50, 95, 99) if latencies}


def _known(number: int | None) -> float:
    return float("nan") if number is None else number


def serve(metrics: StreamMetrics, port: int) -> None:
    """Answer Prometheus on a port of every interface.

    Raises:
        UserError: the port is taken, or may not be used.
    """
    from prometheus_client import start_http_server

    try:
        start_http_server(port, registry=metrics.registry)
    except (OSError, OverflowError) as error:
        raise UserError(f"--metrics-port {port} cannot be used: {error}") from None
