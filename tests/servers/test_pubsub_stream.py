"""A stream on a Pub/Sub server: redelivery, duplicates, generations out of order, garbage, a process killed."""

import base64
import json
import os
import random
import time
import uuid
from collections import Counter

import pytest
from stream_parts import FAST, Stream, table_rows

from transforms.errors import UserError
from transforms.sinks.output import open_output
from transforms.sinks.results_pubsub import PubSubResults
from transforms.sources.pubsub import PubSubSource
from transforms.sources.pubsub_place import PubSubPlace, parse_pubsub

PHOTOS = int(os.environ.get("PHOTOS", 200))
pytestmark = [pytest.mark.server, pytest.mark.timeout(180 + PHOTOS / 10)]
PROJECT = "vitrine-test"


@pytest.fixture
def names(pubsub):
    """A topic of events with a subscription of the same name, and a topic of verdicts with one."""
    from google.cloud import pubsub_v1

    name = f"t{uuid.uuid4().hex[:8]}"
    for each in (name, f"{name}-verdicts"):
        with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
            topic = f"projects/{PROJECT}/topics/{each}"
            publisher.create_topic(name=topic)
            subscriber.create_subscription(
                name=f"projects/{PROJECT}/subscriptions/{each}", topic=topic, ack_deadline_seconds=10
            )
    return PubSubPlace(PROJECT, name), PubSubPlace(PROJECT, f"{name}-verdicts")


def publish(place, *messages):
    from google.cloud import pubsub_v1

    client = pubsub_v1.PublisherClient()
    futures = [
        client.publish(place.path("topics"), message if isinstance(message, bytes) else json.dumps(message).encode())
        for message in messages
    ]
    for future in futures:
        future.result(30)


def pulled(place, wait_s=5):
    """Return all that is waiting, acknowledged."""
    from google.api_core.exceptions import DeadlineExceeded
    from google.cloud import pubsub_v1

    client, found, deadline = pubsub_v1.SubscriberClient(), [], time.monotonic() + wait_s
    path = place.path("subscriptions")
    while time.monotonic() < deadline:
        try:
            answer = client.pull(subscription=path, max_messages=1000, timeout=1, retry=None)
        except DeadlineExceeded:
            break
        if not answer.received_messages:
            break
        found += [json.loads(received.message.data) for received in answer.received_messages]
        client.acknowledge(subscription=path, ack_ids=[received.ack_id for received in answer.received_messages])
    return found


def photo(number, generation=1):
    data = base64.b64encode(f"photo {number} of {generation}".encode()).decode()
    return {"uri": f"https://photos.example/{number}.jpg", "generation": generation, "data": data}


def now_and_then(condition, every_s=0.2):
    """Ask no more often: what reads whole tables would be most of a long run."""
    asked = 0.0

    def ask():
        nonlocal asked
        if time.monotonic() - asked < every_s:
            return False
        answer, asked = condition(), time.monotonic()
        return answer

    return ask


def test_each_uri_has_its_highest_generation_once_and_garbage_is_kept(names, tmp_path):
    """As a longer run: PHOTOS=20000 python -m pytest -m server -s -k highest_generation tests/servers/test_pubsub_stream.py."""
    chance, photos = random.Random(3), PHOTOS
    messages = [photo(number, g) for number in range(photos) for g in (1, 2)[: 1 + (number % 20 == 0)]]
    messages += chance.sample(messages, photos // 20)
    messages += [b"garbage \xff %d" % number for number in range(photos // 100)]
    chance.shuffle(messages)
    publish(names[0], *messages)
    output = open_output(str(tmp_path / "out"))

    # The first process dies with messages pulled and some recorded: they come again, since nothing was acknowledged.
    first = Stream(output, PubSubSource(names[0]), read=lambda event: event.data, results=PubSubResults(names[1]))
    first.source.settle = lambda done: None
    first.start().until(now_and_then(lambda: len(table_rows(output)) > photos // 4), wait_s=20 + photos / 20)
    first.kill()
    first.source.close()  # as when the leases end, but at once

    stream = Stream(output, PubSubSource(names[0]), read=lambda event: event.data, results=PubSubResults(names[1]))
    stream.start()
    highest = {photo(number)["uri"]: f"{1 + (number % 20 == 0):020d}" for number in range(photos)}

    def all_there():
        versions = {(row["uri"], row["generation"]) for row in table_rows(output)}
        return set(highest.items()) <= versions and len(table_rows(output, "dead_letters")) == photos // 100

    stream.until(now_and_then(all_there), wait_s=60 + photos / 20)
    stream.until(lambda: not stream.source._open, wait_s=60)
    rows, letters = table_rows(output), table_rows(output, "dead_letters")
    assert max(Counter((row["uri"], row["generation"]) for row in rows).values()) == 1
    assert {letter["code"] for letter in letters} == {"bad_event"}
    stream.driver.finish(5)
    stream.kill()
    stream.source.close()
    assert pulled(names[0], 2) == [], "all is acknowledged"
    answered = [one["event_id"] for one in pulled(names[1], 20 + photos / 100)]
    assert set(answered) == {row["event_id"] for row in rows + letters}
    older = len(rows) - photos
    print(f"{len(messages)} messages of {photos} photos: 0 missing, 0 twice, {older} older generations judged before their "
          f"successor came, {len(letters)} dead letters, {len(answered) - len(set(answered))} answers twice")  # fmt: skip


def test_a_lease_is_held_while_a_photo_is_open(names, monkeypatch):
    from transforms.sources import pubsub

    monkeypatch.setattr(pubsub, "EXTEND_S", 1.0)
    publish(names[0], photo(1))
    source = PubSubSource(names[0])
    (one,) = _first(source)
    time.sleep(13)  # longer than the subscription's own 10 s
    other = PubSubSource(names[0])
    assert other.poll(10, 1) == []
    source.settle([one.token])
    source.close(), other.close()
    assert pulled(names[0], 2) == []


def test_what_is_given_back_comes_again_at_once(names):
    publish(names[0], photo(1))
    source = PubSubSource(names[0])
    (one,) = _first(source)
    source.close()
    again = PubSubSource(names[0])
    (other,) = _first(again)
    assert other.items[0].event_id == one.items[0].event_id
    again.close()


def _first(source, wait_s=10):
    deadline = time.monotonic() + wait_s
    while not (came := source.poll(10, 0.5)):
        assert time.monotonic() < deadline
    return came


def test_a_photo_that_waits_is_parked_and_its_message_acknowledged(names, tmp_path):
    from transforms.errors import RefusalError

    def away(event):
        raise RefusalError("fetch_failed", "503")

    publish(names[0], {"uri": "https://photos.example/1.jpg"})
    output = open_output(str(tmp_path / "out"))
    slow = FAST.__class__(fetchers=2, park_after_s=0.0, retry_s=30)
    stream = Stream(output, PubSubSource(names[0]), read=away, settings=slow).start()
    stream.until(lambda: len(table_rows(output, "parked")) if (tmp_path / "out" / "parked").exists() else False)
    stream.until(lambda: not stream.source._open)
    stream.kill()
    stream.source.close()
    assert pulled(names[0], 2) == []


def test_wrong_names_are_told(pubsub):
    with pytest.raises(UserError, match="there is no projects/vitrine-test/subscriptions/nowhere"):
        PubSubSource(PubSubPlace(PROJECT, "nowhere"))
    with pytest.raises(UserError, match="there is no projects/vitrine-test/topics/nowhere"):
        PubSubResults(PubSubPlace(PROJECT, "nowhere"))
    with pytest.raises(UserError, match="write pubsub://PROJECT/SUBSCRIPTION"):
        parse_pubsub("pubsub://only-a-project", "subscription")
