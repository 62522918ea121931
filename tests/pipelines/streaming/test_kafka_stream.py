"""The Kafka range reader and the answers' topic, on the mock broker of librdkafka: no server, no Java."""

import json
import sys
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import Stream, table_rows

from transforms.errors import UserError
from transforms.sinks.output import open_output
from transforms.sinks.results_kafka import KafkaResults
from transforms.sinks.tables import Tables
from transforms.sources import kafka
from transforms.sources.kafka import KafkaSource, Offset
from transforms.sources.kafka_config import KafkaPlace, parse_place, read_properties


@pytest.fixture(scope="module")
def broker():
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    (address,) = [f"{b.host}:{b.port}" for b in producer.list_topics(timeout=10).brokers.values()]
    yield address
    producer.flush(1)


@pytest.fixture
def topic(broker):
    return make_topic(broker, f"t{uuid.uuid4().hex[:8]}")


def make_topic(broker, name):
    """Make a topic of four partitions: the mock broker makes one when it is asked for it by name."""
    Producer({"bootstrap.servers": broker}).list_topics(name, timeout=10)
    return name


def publish(broker, topic, *values, partition=0):
    producer = Producer({"bootstrap.servers": broker})
    for value in values:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, data, partition=partition)
    producer.flush(10)


def photo(number, **other):
    return {"uri": f"https://photos.example/{number}.jpg", **other}


def source(broker, topic, committed=None, **other):
    return KafkaSource(KafkaPlace(broker, topic, **other), {}, (committed or {}).get)


def read(opened, count, wait_s=10):
    came, deadline = [], time.monotonic() + wait_s
    while len(came) < count and time.monotonic() < deadline:
        came += opened.poll(100, 0.1)
    return came


def test_the_position_waits_for_the_earliest_message_that_is_not_done(broker, topic):
    publish(broker, topic, *(photo(n) for n in range(4)))
    opened = source(broker, topic)
    assert [one.token for one in read(opened, 4)] == [Offset(0, n) for n in range(4)]
    name = f"kafka:{topic}:0"
    assert opened.positions([Offset(0, 1), Offset(0, 2)]) == {}
    assert opened.positions([Offset(0, 0)]) == {name: 2}
    assert opened.positions([Offset(0, 3)]) == {name: 3}
    opened.close()


def test_one_message_is_not_kept_waiting_for_others(broker, topic):
    opened = source(broker, topic)
    publish(broker, topic, photo(1))
    began = time.monotonic()
    assert len(opened.poll(100, 60)) == 1
    assert time.monotonic() - began < 30
    opened.close()


def test_reading_goes_on_behind_the_position_in_the_tables_not_at_the_groups_offset(broker, topic):
    publish(broker, topic, *(photo(n) for n in range(5)))
    first = source(broker, topic)
    read(first, 5)
    first.positions([Offset(0, n) for n in range(5)])
    first.settle([Offset(0, 4)])
    first.close()
    again = source(broker, topic, {f"kafka:{topic}:0": 2})
    assert [one.token.offset for one in read(again, 2)] == [3, 4]
    again.close()


def test_the_broker_is_told_how_far_the_tables_are(broker, topic):
    publish(broker, topic, *(photo(n) for n in range(3)))
    opened = source(broker, topic, group="told")
    read(opened, 3)
    opened.positions([Offset(0, 0), Offset(0, 1)])
    opened.settle([Offset(0, 1)])
    opened.poll(1, 0.1)
    deadline = time.monotonic() + 10
    while opened._consumer.committed([TopicPartition(topic, 0)], timeout=5)[0].offset != 2:
        assert time.monotonic() < deadline
    opened._measure_lag()
    assert opened.lag() == 1
    opened.close()


def test_tables_that_are_ahead_of_the_topic_are_told_before_any_work(broker, topic):
    with pytest.raises(UserError, match="it was made anew"):
        source(broker, topic, {f"kafka:{topic}:0": 99})


def test_messages_that_expired_are_passed_or_end_the_stream_as_asked(broker, topic):
    publish(broker, topic, *(photo(n) for n in range(3)))
    opened = source(broker, topic)
    watermarks = _Watermarks(opened._consumer, (2, 3))
    opened._consumer = watermarks
    opened._lost(0)
    assert watermarks.sought == [2]
    strict = source(broker, topic, lost="stop")
    strict._consumer = _Watermarks(strict._consumer, (2, 3))
    with pytest.raises(UserError, match=r"2 messages .* expired"):
        strict._lost(0)
    watermarks.close(), strict.close()


class _Watermarks:
    """A consumer whose broker has dropped what is before `low`."""

    def __init__(self, consumer, marks):
        self._consumer, self._marks, self.sought = consumer, marks, []

    def get_watermark_offsets(self, *args, **other):
        return self._marks

    def incremental_unassign(self, partitions):
        pass

    def incremental_assign(self, partitions):
        self.sought += [partition.offset for partition in partitions]

    def close(self):
        self._consumer.close()


def test_an_offset_that_the_broker_does_not_have_is_noticed_and_read_past(broker, topic):
    publish(broker, topic, photo(0))
    opened = source(broker, topic)
    read(opened, 1)
    opened._consumer.seek(TopicPartition(topic, 0, 50))  # as a broker that lost its newest messages looks to a reader
    publish(broker, topic, photo(1))
    assert [one.token.offset for one in read(opened, 1)] == [1]
    opened.close()


def test_new_partitions_are_found_while_reading(broker, topic, monkeypatch):
    monkeypatch.setattr(kafka, "REFRESH_S", 0.0)
    asked = [[0], [0, 1]]
    monkeypatch.setattr(
        kafka, "partitions", lambda client, place, troubles=None: asked[0] if len(asked) == 1 else asked.pop(0)
    )
    opened = source(broker, topic)
    publish(broker, topic, photo(1), partition=1)
    assert [one.token for one in read(opened, 1)] == [Offset(1, 0)]
    opened.close()


def test_garbage_is_a_dead_letter_with_the_payload_as_it_came(broker, topic):
    publish(broker, topic, b"\xff\x00 no json", b"[]", {"no": "uri"})
    opened = source(broker, topic)
    letters = [one.items[0] for one in read(opened, 3)]
    assert {letter.code for letter in letters} <= {"bad_event", "bad_uri"}
    assert letters[1].payload == "[]"
    assert letters[1].source_position == f"kafka:{topic}:0:1"
    opened.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafka://localhost/t", "is no HOST:PORT"),
        ("kafka://localhost:9092", "is no Kafka topic"),
        ("kafka://localhost:9092/t?gruop=g", "gruop is not known"),
        ("kafka://localhost:9092/t?lost=all", "lost is one of"),
        ("kafka://localhost:99999/t", "is no HOST:PORT"),
    ],
)
def test_a_wrong_place_is_told(text, said):
    with pytest.raises(UserError, match=said):
        parse_place(text)


def test_a_missing_topic_and_a_silent_host_are_told(broker, monkeypatch):
    from transforms.sources import kafka_config

    with pytest.raises(UserError, match="there is no topic nowhere"):
        source(broker, "nowhere")
    monkeypatch.setattr(kafka_config, "TIMEOUT_S", 0.5)
    with pytest.raises(UserError, match=r"no Kafka broker answers at 127\.0\.0\.1:1: .*Connection refused$"):
        source("127.0.0.1:1", "t")


def test_properties_of_the_client_are_read_and_checked(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text("# ours\nsecurity.protocol = SASL_SSL\nsasl.password=a=b\n")
    assert read_properties(file) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    file.write_text("security.protocol\n")
    with pytest.raises(UserError, match="line 1"):
        read_properties(file)
    with pytest.raises(UserError, match="cannot be made"):
        KafkaSource(KafkaPlace("127.0.0.1:1", "t"), {"no.such": "1"}, {}.get)


def test_a_stream_from_topic_to_topic_killed_once(broker, topic, tmp_path):
    answers = make_topic(broker, f"{topic}-verdicts")
    publish(broker, topic, *(photo(n, trace_id=f"t{n}") for n in range(30)), b"garbage", photo(0, event_id="again"))
    output = open_output(str(tmp_path / "out"))
    for _ in range(2):
        opened = source(broker, topic, _Positions(output))
        results = KafkaResults(KafkaPlace(broker, answers), {})
        stream = Stream(output, opened, results=results).start()
        stream.until(lambda: len(table_rows(output)) >= 12)
        stream.kill(), opened.close()
    opened = source(broker, topic, _Positions(output))
    results = KafkaResults(KafkaPlace(broker, answers), {})
    stream = Stream(output, opened, results=results).start()
    stream.until(lambda: len(table_rows(output)) + len(table_rows(output, "dead_letters")) >= 32)
    stream.driver.finish(5)
    rows = table_rows(output)
    assert len(rows) == len({row["source_position"] for row in rows}) == 31
    assert [row["payload"] for row in table_rows(output, "dead_letters")] == ["garbage"]
    assert {row["trace_id"] for row in rows} >= {f"t{n}" for n in range(30)}
    sent = _all(broker, answers, 32)
    assert {one["event_id"] for one in sent} == {row["event_id"] for row in rows + table_rows(output, "dead_letters")}
    assert {one["trace_id"] for one in sent if one["verdict"]} >= {f"t{n}" for n in range(30)}
    stream.kill(), opened.close()


class _Positions:
    def __init__(self, output):
        self._output = output

    def get(self, app_id):
        with closing(Tables(self._output)) as tables:
            return tables.position(app_id)


def _all(broker, topic, at_least):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    found, deadline = [], time.monotonic() + 15
    while time.monotonic() < deadline:
        came = [message for message in consumer.consume(100, 0.5) if message.error() is None]
        if not came and len(found) >= at_least:
            break
        assert all(message.key().decode() for message in came)
        found += [json.loads(message.value()) for message in came]
    consumer.close()
    return found


def test_two_turns_at_once_do_not_share_a_consumer(broker, topic):
    """As when a job begins again while a turn of the one before is still at work: each must see all messages."""
    from transforms.sources.kafka_unbounded import _reader

    publish(broker, topic, *(photo(n) for n in range(40)))
    place = KafkaPlace(broker, topic)

    def offsets(reader, count):
        found, deadline = [], time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            found += [message.offset() for message in reader.read(0.2)]
        return found

    with _reader(place, {}, 0, 0) as old, _reader(place, {}, 0, 0) as new:
        assert offsets(old, 40) == offsets(new, 40) == list(range(40))
        assert new.lag() == 40, "none of them is claimed yet"
    with suppress(KeyError), _reader(place, {}, 0, 10) as reader:
        assert offsets(reader, 30) == list(range(10, 40))
        reader.position = 40
        raise KeyError("the bundle fails")
    with _reader(place, {}, 0, 40) as reader:
        publish(broker, topic, photo(40))
        assert offsets(reader, 1) == [40], "what the failed turn had read ahead is not taken for read"


def test_an_answer_that_the_client_refuses_is_handed_in_again(broker, topic, monkeypatch):
    """As when the topic of the answers is deleted, and made again later."""
    from confluent_kafka import KafkaError, KafkaException

    from transforms.sinks import results_topic
    from transforms.sinks.results import Answer

    monkeypatch.setattr(results_topic, "AGAIN_S", 0.05)
    results = KafkaResults(KafkaPlace(broker, topic), {})
    client, refused = results._producer, []

    class Away:
        def __getattr__(self, name):
            return getattr(client, name)

        def produce(self, *given, **named):
            if len(refused) < 3:
                refused.append(named)
                raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))
            client.produce(*given, **named)

    results._producer = Away()
    results.send([Answer("uri", {"event_id": "e", "trace_id": None})], {"quality": 4})
    assert results.answered() == {}
    results.wait(20)
    assert results.answered() == {"quality": 4} and len(refused) == 3
    results.close(1)
