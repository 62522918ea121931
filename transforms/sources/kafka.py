"""A Kafka topic, read by ranges: partitions assigned, positions from the tables, the broker's offsets only told afterwards."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from transforms.errors import UserError
from transforms.events import attributes_of
from transforms.sources.kafka_config import KafkaPlace, Troubles, arrived, client_properties, open_client, partitions
from transforms.sources.live import Announced
from transforms.sources.messages import announce

LOG = logging.getLogger(__name__)
REFRESH_S = 30.0
"""How often is looked for new partitions."""

ASK_S = 5.0
LAG_S = 1.0


class Offset(NamedTuple):
    """The token of a message."""

    partition: int
    offset: int


@dataclass(slots=True)
class Track:
    """One partition: what was read and is not done, in order, and the last offset up to which all is done."""

    position: int
    open: deque[int] = field(default_factory=deque)
    done: set[int] = field(default_factory=set)

    def advance(self) -> int:
        """Move the position over what is done. Offsets may have gaps: compaction and transactions leave some."""
        while self.open and self.open[0] in self.done:
            self.position = self.open.popleft()
            self.done.discard(self.position)
        return self.position


class KafkaSource:
    """One topic, all partitions. The position of a partition is the last offset up to which every message is done."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str], committed: Callable[[str], int | None]):
        """Reach the cluster, and take up each partition behind its position.

        Args:
            place: the topic.
            properties: of the client, as the user gave them.
            committed: application id -> position in the tables, None where there is none.

        Raises:
            UserError: no broker answers, there is no such topic, a property is wrong, or the tables are ahead of the topic.
        """
        from confluent_kafka import Consumer

        self.prefix = f"kafka:{place.topic}:"
        self._place = place
        self._committed = committed
        self._tracks: dict[int, Track] = {}
        self._lock = threading.Lock()
        self._troubles = Troubles(LOG)
        self._to_tell = False
        self._measured = 0.0
        self._lag: int | None = None
        own = {
            "group.id": place.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # A lost offset is decided on here, not by the client in silence.
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16_384,
            "allow.auto.create.topics": False,
        }
        self._consumer = open_client(
            Consumer, {**client_properties(place, properties), **own, "error_cb": self._troubles.heard}, place.servers
        )
        try:
            self._add(partitions(self._consumer, place, self._troubles))
        except BaseException:
            self._consumer.close()
            raise
        self._troubles.opened = True
        self._refreshed = time.monotonic()

    def app_id(self, partition: int) -> str:
        """Return the name of a partition's position in the tables."""
        return f"{self.prefix}{partition}"

    def poll(self, most: int, wait_s: float) -> list[Announced]:
        """Return messages; now and then look for partitions that were added."""
        if time.monotonic() - self._refreshed > REFRESH_S:
            self._refresh()
        if time.monotonic() - self._measured > LAG_S:
            self._measure_lag()
        if self._to_tell:
            self._tell()
        return [one for message in arrived(self._consumer, most, wait_s) if (one := self._read(message)) is not None]

    def positions(self, done: Sequence[Offset]) -> dict[str, int]:
        """Note offsets as done; return each partition's position."""
        with self._lock:
            for token in done:
                self._tracks[token.partition].done.add(token.offset)
            return {
                self.app_id(number): position
                for number, track in self._tracks.items()
                if (position := track.advance()) >= 0
            }

    def settle(self, done: Sequence[Offset]) -> None:
        """Let the broker be told how far the tables are, for whoever watches its lag; nothing here depends on it."""
        self._to_tell = self._to_tell or bool(done)

    def _tell(self) -> None:
        """Commit the group's offsets. By the thread that polls: the client's two calls can block each other."""
        from confluent_kafka import KafkaException, TopicPartition

        self._to_tell = False
        with self._lock:
            offsets = [
                TopicPartition(self._place.topic, number, track.position + 1)
                for number, track in self._tracks.items()
                if track.position >= 0
            ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._troubles.say(f"the group's offsets were not committed: {error.args[0].str()}")

    def lag(self) -> int | None:
        """Return how many messages are behind the ones done, as of a second ago; None where the topic's ends are not known."""
        return self._lag

    def _measure_lag(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        self._measured = time.monotonic()
        with self._lock:
            at = {number: track.position for number, track in self._tracks.items()}
        total = 0
        for number, position in at.items():
            try:
                _, end = self._consumer.get_watermark_offsets(TopicPartition(self._place.topic, number), cached=True)
            except KafkaException:
                return
            total += max(0, end - position - 1)
        self._lag = total

    def close(self) -> None:
        """Leave the cluster; nobody polls any more."""
        if self._to_tell:
            self._tell()
        self._consumer.close()

    def _read(self, message: Any) -> Announced | None:
        if (error := message.error()) is not None:
            self._failed(message, error)
            return None
        token = Offset(message.partition(), message.offset())
        with self._lock:
            self._tracks[token.partition].open.append(token.offset)
        kind, at = message.timestamp()
        return announce(
            message.value(),
            attributes_of(message.headers()),
            f"{self.prefix}{token.partition}:{token.offset}",
            token,
            at / 1000 if kind else None,
        )

    def _failed(self, message: Any, error: Any) -> None:
        from confluent_kafka import KafkaError

        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._lost(message.partition())
        elif error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            raise UserError(f"the topic {self._place.topic} may not be read: {error.str()}")
        else:
            self._troubles.say(f"reading goes on after: {error.str()}")

    def _lost(self, partition: int) -> None:
        """Decide where to go on when the broker does not have the next offset any more."""
        from confluent_kafka import KafkaException, TopicPartition

        with self._lock:
            track = self._tracks[partition]
            wanted = (track.open[-1] if track.open else track.position) + 1
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(self._place.topic, partition), timeout=ASK_S
            )
        except KafkaException as error:
            self._troubles.say(f"reading goes on after: {error.args[0].str()}")
            return
        if wanted > high:
            raise UserError(self._made_anew(partition, wanted, high))
        if self._place.lost == "stop" and wanted < low:
            raise UserError(
                f"{low - wanted} messages of {self.app_id(partition)} expired before they were read "
                f"(offsets {wanted} to {low - 1}): lost=earliest goes on without them"
            )
        if wanted < low:
            LOG.error("%d messages of %s expired before they were read", low - wanted, self.app_id(partition))
        # A partition that met this error cannot be sought in; it is given back and taken up again.
        self._consumer.incremental_unassign([TopicPartition(self._place.topic, partition)])
        self._consumer.incremental_assign([TopicPartition(self._place.topic, partition, max(low, wanted))])

    def _made_anew(self, partition: int, wanted: int, high: int) -> str:
        return (
            f"the tables are at offset {wanted} of {self.app_id(partition)}, but the topic ends at {high}: it was made anew "
            "or is of another cluster; give another --output, or a topic of another name"
        )

    def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        try:
            self._add(partitions(self._consumer, self._place))
        except UserError as error:
            # Asked again later: a broker that restarts is no reason to end.
            self._troubles.say(str(error))

    def _add(self, numbers: Sequence[int]) -> None:
        """Take up partitions that are not read yet. Those that appear while this runs are read from their beginning."""
        from confluent_kafka import KafkaException, TopicPartition

        first = not self._tracks
        new = []
        for number in numbers:
            if number in self._tracks:
                continue
            position = self._committed(self.app_id(number))
            try:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self._place.topic, number), timeout=ASK_S
                )
            except KafkaException as error:
                raise UserError(f"the partition {self.app_id(number)} does not answer: {error.args[0].str()}") from None
            if position is None:
                position = (high if first and self._place.start == "latest" else low) - 1
            elif position + 1 > high:
                raise UserError(self._made_anew(number, position + 1, high))
            with self._lock:
                self._tracks[number] = Track(position)
            new.append(TopicPartition(self._place.topic, number, position + 1))
        if new and first:
            self._consumer.assign(new)
        elif new:
            self._consumer.incremental_assign(new)
            LOG.warning("%d new partitions of %s", len(new), self._place.topic)
