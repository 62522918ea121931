"""Answers on a Kafka topic, keyed by URI. The client keeps trying; what it gives up is handed to it again."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.sinks.results import Answer, Ledger, Versions
from transforms.sources.kafka_config import KafkaPlace, client_properties, open_client, partitions

LOG = logging.getLogger(__name__)
GIVE_UP_MS = 30_000
AGAIN_S = 1.0


class KafkaResults:
    """One topic. Answers may come twice and, between two keys, in any order: consumers keep the highest."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str]):
        """Reach the topic.

        Raises:
            UserError: no broker answers, there is no such topic, or a property is wrong.
        """
        from confluent_kafka import Producer

        self.name = f"kafka:{place.topic}"
        self._topic = place.topic
        self._ledger = Ledger()
        self._refused: deque[tuple[Answer, Any]] = deque()
        own = {"acks": "all", "linger.ms": 5, "message.timeout.ms": GIVE_UP_MS, "error_cb": self._on_error}
        self._producer = open_client(
            Producer, {"compression.type": "lz4", **client_properties(place, properties), **own}, place.servers
        )
        partitions(self._producer, place)
        self._closed = threading.Event()
        self._told = 0.0
        self._thread = threading.Thread(target=self._serve, name="answers", daemon=True)
        self._thread.start()

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Hand them to the client."""
        group = self._ledger.begin(len(answers), versions)
        for answer in answers:
            self._produce(answer, group)

    def answered(self) -> Versions:
        """Return up to which versions the brokers have everything."""
        return self._ledger.answered()

    def waiting(self) -> int:
        """Return how many answers the brokers have not confirmed."""
        return self._ledger.waiting()

    def wait(self, wait_s: float) -> None:
        """Wait for the brokers."""
        deadline = time.monotonic() + wait_s
        while self._ledger.waiting() and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self, wait_s: float) -> None:
        """Wait for the brokers, then end the client's thread."""
        self.wait(wait_s)
        self._closed.set()
        self._thread.join(5)
        if left := self._ledger.waiting():
            LOG.warning("%d answers were not taken by %s; the next start sends them again", left, self.name)

    def _produce(self, answer: Answer, group: Any) -> None:
        def taken(error: Any, message: Any) -> None:
            if error is None:
                self._ledger.taken(group)
            else:
                self._say(f"an answer is sent again after: {error.str()}")
                self._refused.append((answer, group))

        headers = [("trace_id", answer.fields["trace_id"])] if answer.fields["trace_id"] else None
        try:
            self._producer.produce(self._topic, answer.data, answer.key.encode(), on_delivery=taken, headers=headers)
        except BufferError:  # the client's own queue is full
            self._refused.append((answer, group))

    def _serve(self) -> None:
        """Take the brokers' confirmations; hand in again what was given up, not more often than once a second."""
        while not self._closed.is_set():
            self._producer.poll(0.05)
            if self._refused and time.monotonic() - self._tried >= AGAIN_S:
                self._tried = time.monotonic()
                for _ in range(len(self._refused)):
                    self._produce(*self._refused.popleft())

    _tried = 0.0

    def _on_error(self, error: Any) -> None:
        self._say(f"Kafka: {error.str()}")

    def _say(self, text: str) -> None:
        if time.monotonic() - self._told > 60 or not self._told:
            self._told = time.monotonic()
            LOG.warning("%s", text)
