"""A Kafka topic as an unbounded collection, for runners that keep checkpoints: two splittable DoFns over confluent-kafka.

The runner's checkpoint holds the offsets. The group's committed offsets follow a finished bundle and are never read: what
they cover may still lie in the runner's state. Started without a checkpoint, the topic is read from its beginning, or its
end, as the place says; the tables leave out what they have.
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from transforms.errors import UserError
from transforms.events import attributes_of
from transforms.sources.kafka import ASK_S, REFRESH_S
from transforms.sources.kafka_config import KafkaPlace, arrived, client_properties, open_client, partitions
from transforms.sources.live import Announced
from transforms.sources.messages import announce
from transforms.stage import NAMESPACE

LOG = logging.getLogger(__name__)
ENDLESS = 2**63 - 1
TURN_S = 1.0
TURN_MESSAGES = 2_000
IDLE_S = 0.2
BEHIND_S = 1
"""How far the watermark of a partition without messages stays behind the clock."""


class Endless(OffsetRestrictionTracker):
    """Claims offsets one after another, with no end; a checkpoint parts it behind the last claim."""

    def is_bounded(self) -> bool:
        """Say that it has no end, as long as no checkpoint gave it one."""
        return bool(self._range.stop < ENDLESS)

    def current_progress(self) -> Any:
        """Return what is done; what is left is not known."""
        from apache_beam.io.iobase import RestrictionProgress

        at = self._range.start if self._current_position is None else self._current_position
        return RestrictionProgress(completed=max(0, at - self._range.start), remaining=1)

    def try_split(self, fraction_of_remainder: float) -> Any:
        """Part it for a checkpoint; it is not shared out, since a partition is read in order."""
        if fraction_of_remainder != 0 or self._checkpointed:
            return None
        split = self._range.start if self._last_claim_attempt is None else self._last_claim_attempt + 1
        if split >= self._range.stop:
            return None
        self._checkpointed = True
        self._range, rest = self._range.split_at(split)
        return self._range, rest


class _Provider(RestrictionProvider):
    def create_tracker(self, restriction: OffsetRange) -> Endless:
        return Endless(restriction)

    def restriction_size(self, element: Any, restriction: OffsetRange) -> float:
        return 1.0

    def split(self, element: Any, restriction: OffsetRange) -> Iterator[OffsetRange]:
        yield restriction

    def truncate(self, element: Any, restriction: OffsetRange) -> None:
        return None  # a drain reads no more


class _Partitions(_Provider):
    """A topic's partitions are numbered from 0 and only ever added: the range of those that are known."""

    def initial_restriction(self, element: KafkaPlace) -> OffsetRange:
        return OffsetRange(0, ENDLESS)


class _Offsets(_Provider):
    def __init__(self, place: KafkaPlace, properties: Mapping[str, str]):
        self._place, self._properties = place, dict(properties)

    def initial_restriction(self, partition: int) -> OffsetRange:
        from confluent_kafka import TopicPartition

        consumer = _open(self._place, self._properties)
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._place.topic, partition), timeout=20)
        finally:
            consumer.close()
        return OffsetRange(high if self._place.start == "latest" else low, ENDLESS)


class ReadKafka(beam.PTransform):
    """Read a topic: a collection of `Announced`, each with its message's time."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str]):
        super().__init__("ReadKafka")
        self.place = place
        self.properties = dict(properties)

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Apply to a pipeline."""
        return (
            begin
            | "Topic" >> beam.Create([self.place], reshuffle=False)
            | "Partitions" >> beam.ParDo(_find_partitions(self.properties))
            | "Spread" >> beam.Reshuffle()
            | "Messages" >> beam.ParDo(_read_partition(self.place, self.properties))
        )


def _find_partitions(properties: Mapping[str, str]) -> beam.DoFn:
    class FindPartitions(beam.DoFn):
        """Gives the number of each partition once, also of those that are added later."""

        @beam.DoFn.unbounded_per_element()
        def process(
            self,
            place: KafkaPlace,
            tracker: Any = beam.DoFn.RestrictionParam(_Partitions()),  # noqa: B008 - Beam's way to ask for it
            watermark: Any = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),  # noqa: B008
        ) -> Iterable[Any]:
            number = tracker.current_restriction().start
            consumer = _open(place, properties)
            try:
                count = len(partitions(consumer, place))
            except UserError as error:
                LOG.warning("%s", error)
                count = number
            finally:
                consumer.close()
            while number < count:
                if not tracker.try_claim(number):
                    return
                yield number
                number += 1
            watermark.set_watermark(Timestamp.of(time.time() - BEHIND_S))
            tracker.defer_remainder(Duration.of(REFRESH_S))

    return FindPartitions()


def _read_partition(place: KafkaPlace, properties: Mapping[str, str]) -> beam.DoFn:
    class ReadPartition(beam.DoFn):
        """Reads one partition for a second or so, then lets the runner take a checkpoint."""

        @beam.DoFn.unbounded_per_element()
        def process(
            self,
            partition: int,
            # The finalizer has to come first: Beam 2.77 fills the others by their place.
            finalizer: Any = beam.DoFn.BundleFinalizerParam,
            tracker: Any = beam.DoFn.RestrictionParam(_Offsets(place, properties)),  # noqa: B008
            watermark: Any = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),  # noqa: B008
        ) -> Iterable[Any]:
            deadline, count, newest = time.monotonic() + TURN_S, 0, None
            with _reader(place, properties, partition, tracker.current_restriction().start) as reader:
                while count < TURN_MESSAGES and time.monotonic() < deadline:
                    messages = reader.read(IDLE_S if not count else 0.02)
                    if not messages:
                        break
                    for message in messages:
                        if not tracker.try_claim(message.offset()):
                            reader.forget()
                            return
                        reader.position = message.offset() + 1
                        newest, count = Timestamp.of(message.timestamp()[1] / 1000), count + 1
                        yield TimestampedValue(_announced(place, message), newest)
                at = reader.position
                if (lag := reader.lag()) is not None:
                    Metrics.gauge(NAMESPACE, f"lag:{partition}").set(lag)
            _advance(watermark, newest)
            if count:
                finalizer.register(lambda: _tell(place, properties, partition, at))
            tracker.defer_remainder(Duration.of(0.02 if count else IDLE_S))

    return ReadPartition()


def _advance(watermark: Any, newest: Timestamp | None) -> None:
    """Move the watermark with the messages, or, where none came, with the clock: an idle partition holds up no window."""
    target = newest - Duration.of(1) if newest is not None else Timestamp.of(time.time() - BEHIND_S)
    known = watermark.current_watermark()
    watermark.set_watermark(target if known is None else max(known, target))


def _announced(place: KafkaPlace, message: Any) -> Announced:
    kind, at = message.timestamp()
    where = f"kafka:{place.topic}:{message.partition()}:{message.offset()}"
    return announce(
        message.value(), attributes_of(message.headers()), where, message.offset(), at / 1000 if kind else None
    )


class _Reader:
    """A consumer of one partition that is kept between two turns of one process."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str], partition: int):
        self.position = -1
        self._place, self._partition = place, partition
        self._consumer = _open(place, properties)

    def assign(self, position: int) -> None:
        from confluent_kafka import TopicPartition

        self.position = position
        self._consumer.assign([TopicPartition(self._place.topic, self._partition, position)])

    def forget(self) -> None:
        """Let the next turn begin anew: messages were read that it does not have."""
        self.position = -1

    def lag(self) -> int | None:
        """Return how many messages are behind the position, as the last answer of the broker tells; None before it."""
        from confluent_kafka import KafkaException, TopicPartition

        try:
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(self._place.topic, self._partition), cached=True
            )
        except KafkaException:
            return None
        return max(0, end - self.position) if end >= 0 else None

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()

    def read(self, wait_s: float) -> list[Any]:
        from confluent_kafka import KafkaError

        messages = []
        for message in arrived(self._consumer, 500, wait_s):
            if (error := message.error()) is None:
                messages.append(message)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                self._lost()
            else:
                LOG.warning("reading goes on after: %s", error.str())
        return messages

    def _lost(self) -> None:
        from confluent_kafka import TopicPartition

        where = TopicPartition(self._place.topic, self._partition)
        low, high = self._consumer.get_watermark_offsets(where, timeout=ASK_S)
        name = f"kafka:{self._place.topic}:{self._partition}"
        if self.position > high:
            raise UserError(
                f"the checkpoint is at offset {self.position} of {name}, which ends at {high}: it was made anew"
            )
        if self.position < low:
            if self._place.lost == "stop":
                raise UserError(f"{low - self.position} messages of {name} expired before they were read: lost=stop")
            LOG.error("%d messages of %s expired before they were read", low - self.position, name)
        self.assign(max(low, self.position))


_readers: dict[tuple[str, str, int], _Reader] = {}


@contextlib.contextmanager
def _reader(place: KafkaPlace, properties: Mapping[str, str], partition: int, position: int) -> Iterator[_Reader]:
    """Lend a partition's reader to one turn, at a position.

    To one turn at a time: a runner that begins a job again may do so while a turn of the one before is still at work, and two
    turns on one consumer would each get a part of the messages.
    """
    key = (place.servers, place.topic, partition)
    reader = _readers.pop(key, None) or _Reader(place, properties, partition)
    try:
        if reader.position != position:
            reader.assign(position)
        yield reader
    except BaseException:
        reader.forget()
        raise
    finally:
        if _readers.setdefault(key, reader) is not reader:
            reader.close()


def _open(place: KafkaPlace, properties: Mapping[str, str]) -> Any:
    from confluent_kafka import Consumer

    own = {
        "group.id": place.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
        "allow.auto.create.topics": False,
    }
    return open_client(Consumer, {**client_properties(place, properties), **own}, place.servers)


_tellers: dict[tuple[str, str], Any] = {}


def _tell(place: KafkaPlace, properties: Mapping[str, str], partition: int, position: int) -> None:
    """Commit the group's offset, for whoever watches its lag."""
    from confluent_kafka import KafkaException, TopicPartition

    key = (place.servers, place.group)
    if key not in _tellers:
        _tellers[key] = _open(place, properties)
    try:
        _tellers[key].commit(offsets=[TopicPartition(place.topic, partition, position)], asynchronous=True)
    except KafkaException as error:
        LOG.warning("the group's offsets were not committed: %s", error.args[0].str())
