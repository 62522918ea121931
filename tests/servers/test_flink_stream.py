"""A stream on a real Flink cluster, with its worker, its task manager and all of it killed: `make test-engines`."""

import os
import random
import threading
import time
import uuid
from collections import Counter

import apache_beam as beam
import pytest
from kafka_events import photo, publish, sent
from stream_parts import table_rows

PHOTOS = int(os.environ.get("PHOTOS", 4_000))
WAIT_S = 120 + PHOTOS / 20
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900 + PHOTOS / 8)]


def run(cluster, kafka, topic, answers, output, resume=None):
    """Hand the stream to the cluster; return when it runs."""
    from flink_parts import judge

    from pipelines.streaming.flink import build_stream, options_of, parse_flink
    from transforms.sinks.commit_batches import CommitBatches
    from transforms.sinks.table_settings import TableSettings
    from transforms.sources.kafka_config import KafkaPlace

    runner = cluster.runner + (f"&resume={resume}" if resume else "")
    pipeline = beam.Pipeline(options=options_of(parse_flink(runner), topic))
    commit = CommitBatches(output, TableSettings())
    build_stream(pipeline, KafkaPlace(kafka.address, topic), {}, judge, commit, KafkaPlace(kafka.address, answers))
    return pipeline.run()


def rows_when(output, enough, wait_s):
    deadline = time.monotonic() + wait_s
    while True:
        try:
            rows = table_rows(output)
        except Exception:  # not made yet
            rows = []
        if enough(rows):
            return rows
        assert time.monotonic() < deadline, f"{len(rows)} rows"
        time.sleep(0.5)


def after_a_checkpoint(cluster, output, count):
    """Wait until there are so many rows, and then until a checkpoint is finished."""
    rows_when(output, lambda rows: len(rows) > count, WAIT_S)
    before, deadline = cluster.checkpoints()[-1:], time.monotonic() + WAIT_S
    while cluster.checkpoints()[-1:] == before:
        assert time.monotonic() < deadline, "no checkpoint is finished"
        time.sleep(0.2)


def test_worker_task_manager_and_cluster_are_killed_and_the_table_has_each_once(flink, kafka, tmp_path):
    """The goal's own number, a quarter of an hour: PHOTOS=20000 python -m pytest -m engine -s tests/servers."""
    cluster = flink
    from transforms.sinks.output import open_output

    photos = PHOTOS
    name = f"f{uuid.uuid4().hex[:8]}"
    topic, answers = kafka.make_topic(name), kafka.make_topic(f"{name}-verdicts")
    output = open_output(str(tmp_path / "out"))
    chance = random.Random(1)
    events = [photo(number, 1) for number in range(photos)]
    events += [*chance.sample(events, photos // 20), b"garbage"]
    chance.shuffle(events)
    feeder = threading.Thread(target=_feed, args=(kafka, topic, events), daemon=True)
    feeder.start()

    run(cluster, kafka, topic, answers, output)
    after_a_checkpoint(cluster, output, photos // 8)
    cluster.kill_worker()
    after_a_checkpoint(cluster, output, photos * 3 // 10)
    cluster.kill("tasks")
    cluster.start("tasks")
    after_a_checkpoint(cluster, output, photos // 2)
    cluster.kill()
    resume = cluster.checkpoints()[-1]
    cluster.start()
    run(cluster, kafka, topic, answers, output, resume)

    rows = rows_when(output, lambda rows: len({row["uri"] for row in rows}) == photos, 2 * WAIT_S)
    feeder.join()
    assert max(Counter(row["uri"] for row in rows).values()) == 1
    deadline = time.monotonic() + WAIT_S
    while len(letters := table_rows(output, "dead_letters")) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert len(letters) == 1
    told = sent(kafka, answers)
    while len({key for key, _ in told}) < photos + 1:
        assert time.monotonic() < deadline
        time.sleep(1)
        told = sent(kafka, answers)
    again = len(told) - photos - 1
    print(
        f"{photos} photos, worker, task manager and cluster killed: 0 missing, 0 twice in the tables, {again} answers twice"
    )


def _feed(kafka, topic, events):
    for start in range(0, len(events), 100):
        publish(kafka, topic, events[start : start + 100])
        time.sleep(0.8)
