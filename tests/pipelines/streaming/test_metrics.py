import sys
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import FAST, Answers, Queue, event, row_of

from pipelines.streaming.flight import Flight
from pipelines.streaming.metrics import StreamMetrics, serve
from pipelines.streaming.open_photo import Open
from transforms.errors import UserError
from transforms.sinks.written import Written


def scraped(metrics):
    from prometheus_client import generate_latest

    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_commits_are_counted_by_verdict_and_latency():
    metrics = StreamMetrics(Queue([event(5)]), Flight(FAST), Answers())
    photos = [Open(event(n), [], received=0.0, published=0.0) for n in range(3)]
    metrics.watch(Written([row_of(photo.event, b"x") for photo in photos], [], {}), photos)
    found = scraped(metrics)
    assert found['vitrine_photos_total{verdict="accept"}'] == 3
    assert found["vitrine_epochs_total"] == 1
    assert found["vitrine_lag"] == 1
    assert found["vitrine_latency_seconds_count"] == 3
    assert metrics.percentiles()["p95"] > 0


def test_a_port_that_is_taken_is_told():
    import socket

    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(UserError, match="--metrics-port"):
            serve(StreamMetrics(Queue(), Flight(FAST), Answers()), taken.getsockname()[1])


def test_a_scraper_gets_an_answer():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve(StreamMetrics(Queue(), Flight(FAST), Answers()), port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b"vitrine_open 0.0" in answer.read()
