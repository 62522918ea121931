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
    from flink_parts import fetch, judge
    from stream_parts import MAKER

    from pipelines.streaming.flink import build_stream, options_of, parse_flink
    from transforms.sinks.commit_batches import CommitBatches
    from transforms.sinks.table_settings import TableSettings
    from transforms.sources.kafka_config import KafkaPlace

    runner = cluster.runner + (f"&resume={resume}" if resume else "")
    pipeline = beam.Pipeline(options=options_of(parse_flink(runner), topic))
    commit = CommitBatches(output, TableSettings())
    place, results = KafkaPlace(kafka.address, topic), KafkaPlace(kafka.address, answers)
    build_stream(pipeline, place, {}, fetch(), judge, MAKER, commit, results)
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


def test_equal_photos_are_judged_once_and_late_ones_hold_up_nobody(flink, kafka, tmp_path):
    from transforms.sinks.output import open_output

    name = f"e{uuid.uuid4().hex[:8]}"
    topic, answers = kafka.make_topic(name), kafka.make_topic(f"{name}-verdicts")
    output = open_output(str(tmp_path / "out"))
    job = run(flink, kafka, topic, answers, output)
    try:
        first = [photo(number, 1) for number in range(40)]
        publish(kafka, topic, first)
        before = {row["event_id"]: row for row in rows_when(output, lambda rows: len(rows) == 40, WAIT_S)}
        assert not any(row["duplicate_of"] for row in before.values())
        again = [{**one, "uri": f"https://again.example/{number}.jpg"} for number, one in enumerate(first * 2)]
        publish(kafka, topic, again)
        rows = rows_when(output, lambda rows: len(rows) == 120, WAIT_S)
        copies = [row for row in rows if row["duplicate_of"]]
        assert len(copies) == 80
        for row in copies:
            judged = before[row["duplicate_of"]]
            assert all(row[name] == judged[name] for name in ("sha256", "verdict", "score", "reasons", "measures"))
            assert row["uri"].startswith("https://again.example/") and row["delivered_uri"] == row["uri"]

        late = [f"https://{kind}.example/{number}.jpg" for kind in ("slow", "late", "dead") for number in range(3)]
        publish(kafka, topic, [{"uri": uri, "generation": 1} for uri in late])
        publish(kafka, topic, [photo(number, 1) for number in range(100, 140)])
        rows = rows_when(output, lambda rows: len(rows) >= 160, WAIT_S)
        assert not any("slow." in row["uri"] for row in rows)
        after_a_checkpoint(flink, output, 0)
        flink.kill_worker()  # what is parked lies in the checkpoint
        rows = rows_when(output, lambda rows: len(rows) == 166, WAIT_S)
        assert max(Counter(row["uri"] for row in rows).values()) == 1
        deadline = time.monotonic() + WAIT_S
        while len(letters := table_rows(output, "dead_letters")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert {(letter["uri"], letter["code"], letter["attempts"]) for letter in letters} == {
            (f"https://dead.example/{number}.jpg", "fetch_failed", 3) for number in range(3)
        }
    finally:
        job.cancel()


def _feed(kafka, topic, events):
    for start in range(0, len(events), 100):
        publish(kafka, topic, events[start : start + 100])
        time.sleep(0.8)
