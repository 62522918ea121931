"""A stream on a real Kafka broker: the process killed, the broker killed, the topics gone for a while."""

import os
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from kafka_events import photo, publish, sent
from stream_parts import table_rows

from transforms.errors import UserError
from transforms.sinks.output import open_output
from transforms.sources.kafka import KafkaSource
from transforms.sources.kafka_config import KafkaPlace

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
CHILD = Path(__file__).parent / "stream_child.py"


@pytest.fixture
def topics(kafka):
    name = f"t{uuid.uuid4().hex[:8]}"
    return kafka.make_topic(name), kafka.make_topic(f"{name}-verdicts")


def child(kafka, topics, output):
    process = subprocess.Popen(
        [sys.executable, CHILD, kafka.address, *topics, output.root], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "reading\n"
    return process


def stop(process):
    process.terminate()
    assert process.wait(60) == 0


def counts(output):
    return [len(table_rows(output, name)) for name in ("quality", "dead_letters")]


def wait_for(output, rows, wait_s=120):
    deadline = time.monotonic() + wait_s
    while counts(output) != rows:
        assert time.monotonic() < deadline, f"{counts(output)} instead of {rows}"
        time.sleep(0.2)


def test_killed_again_and_again_nothing_is_missing_and_nothing_twice(kafka, topics, tmp_path):
    """Duplicates, generations out of order and garbage among the events; the process is killed at random moments.

    The goal's own numbers, some minutes: KILLS=20 PHOTOS=20000 python -m pytest -m server -k killed_again tests/servers
    """
    chance, kills, photos = random.Random(6), int(os.environ.get("KILLS", 6)), int(os.environ.get("PHOTOS", 3_000))
    events = [photo(number, generation) for number in range(photos) for generation in (1, 2)[: 1 + (number % 20 == 0)]]
    chance.shuffle(events)
    events += chance.sample(events, photos // 20)
    events += [b"\xff garbage %d" % number for number in range(photos // 1000)]
    chance.shuffle(events)
    publish(kafka, topics[0], events)
    highest = {photo(number, 1)["uri"]: f"{1 + (number % 20 == 0):020d}" for number in range(photos)}
    output = open_output(str(tmp_path / "out"))
    for _ in range(kills):
        process = child(kafka, topics, output)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        process.wait()
    assert len(table_rows(output)) < photos, "too fast to be killed at work"
    process = child(kafka, topics, output)
    deadline = time.monotonic() + 60 + photos / 50
    while not set(highest.items()) <= {(row["uri"], row["generation"]) for row in table_rows(output)}:
        assert time.monotonic() < deadline, "missing"
        time.sleep(0.5)
    wait_for_garbage = photos // 1000
    while len(table_rows(output, "dead_letters")) < wait_for_garbage:
        assert time.monotonic() < deadline, "garbage is missing"
        time.sleep(0.5)
    stop(process)
    rows, letters = table_rows(output), table_rows(output, "dead_letters")
    assert max(Counter((row["uri"], row["generation"]) for row in rows).values()) == 1
    assert len(letters) == len({row["event_id"] for row in letters}) == wait_for_garbage
    answered = [fields["event_id"] for _, fields in sent(kafka, topics[1])]
    assert set(answered) == {row["event_id"] for row in rows + letters}
    again = len(answered) - len(set(answered))
    print(f"{photos} photos, {kills} kills: 0 missing, 0 twice in the tables, {again} answers twice")
    assert again <= kills * 128


def test_the_broker_dies_for_a_while_and_the_stream_goes_on_by_itself(kafka, topics, tmp_path):
    output = open_output(str(tmp_path / "out"))
    publish(kafka, topics[0], [photo(number, 1) for number in range(50)])
    process = child(kafka, topics, output)
    wait_for(output, [50, 0])
    kafka.kill()
    time.sleep(3)
    kafka.start()
    publish(kafka, topics[0], [photo(number, 1) for number in range(50, 100)])
    wait_for(output, [100, 0])
    stop(process)
    assert {key for key, _ in sent(kafka, topics[1])} == {f"https://photos.example/{n}.jpg" for n in range(100)}


def test_the_topic_of_the_answers_is_gone_for_a_while(kafka, topics, tmp_path):
    output = open_output(str(tmp_path / "out"))
    publish(kafka, topics[0], [photo(0, 1)])
    process = child(kafka, topics, output)
    wait_for(output, [1, 0])
    kafka.delete_topic(topics[1])
    time.sleep(1)
    for number in range(1, 20):  # for so long that the client learns that the topic is gone, and refuses at once
        publish(kafka, topics[0], [photo(number, 1)])
        time.sleep(0.5)
    wait_for(output, [20, 0])  # the tables do not wait for the answers
    kafka.make_topic(topics[1])
    deadline = time.monotonic() + 90
    while len({key for key, _ in sent(kafka, topics[1])}) < 19:
        assert time.monotonic() < deadline
        time.sleep(1)
    stop(process)


def test_messages_that_the_broker_dropped_are_passed_or_end_the_stream(kafka, topics, caplog):
    publish(kafka, topics[0], [photo(number, 1) for number in range(40)])
    for partition in (0, 1):
        kafka.delete_before(topics[0], partition, 5)
    positions = {f"kafka:{topics[0]}:{partition}": 1 for partition in (0, 1)}
    source = KafkaSource(KafkaPlace(kafka.address, topics[0]), {}, positions.get)
    first = {}
    deadline = time.monotonic() + 20
    while len(first) < 2:
        for one in source.poll(100, 0.5):
            first.setdefault(one.token.partition, one.token.offset)
        assert time.monotonic() < deadline
    source.close()
    assert first == {0: 5, 1: 5}
    assert "3 messages" in caplog.text
    strict = KafkaSource(KafkaPlace(kafka.address, topics[0], lost="stop"), {}, positions.get)
    with pytest.raises(UserError, match="expired before they were read"):
        while True:
            strict.poll(100, 0.5)
    strict.close()


def test_a_topic_that_was_made_anew_is_told(kafka, topics):
    with pytest.raises(UserError, match="made anew"):
        KafkaSource(KafkaPlace(kafka.address, topics[0]), {}, {f"kafka:{topics[0]}:0": 7}.get)
