"""Answers on a Pub/Sub topic, the URI as an attribute; what could not be published is published again."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from transforms.sinks.results import Answer, Ledger, Versions
from transforms.sources.pubsub_place import ASK_S, PubSubPlace, said_plainly

LOG = logging.getLogger(__name__)
AGAIN_S = 1.0


class PubSubResults:
    """One topic. Answers may come twice and in any order: consumers keep the highest."""

    def __init__(self, place: PubSubPlace):
        """Reach the topic.

        Raises:
            UserError: there is none of that name, it may not be used, or Pub/Sub does not answer.
        """
        from google.cloud import pubsub_v1  # type: ignore[attr-defined]  # a namespace package

        self.name = f"pubsub:{place.project}/{place.name}"
        self._path = place.path("topics")
        self._ledger = Ledger()
        self._refused: deque[tuple[Answer, Any]] = deque()
        self._closed = threading.Event()
        with said_plainly(self._path):
            self._client = pubsub_v1.PublisherClient()
            self._client.get_topic(topic=self._path, timeout=ASK_S)
        self._thread = threading.Thread(target=self._again, name="answers", daemon=True)
        self._thread.start()

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Hand them to the client, which sends a few at a time."""
        group = self._ledger.begin(len(answers), versions)
        for answer in answers:
            self._publish(answer, group)

    def answered(self) -> Versions:
        """Return up to which versions Pub/Sub has everything."""
        return self._ledger.answered()

    def waiting(self) -> int:
        """Return how many answers Pub/Sub has not confirmed."""
        return self._ledger.waiting()

    def wait(self, wait_s: float) -> None:
        """Wait for Pub/Sub."""
        deadline = time.monotonic() + wait_s
        while self._ledger.waiting() and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self, wait_s: float) -> None:
        """Wait for Pub/Sub, then end the thread."""
        self.wait(wait_s)
        self._closed.set()
        self._thread.join(5)
        if left := self._ledger.waiting():
            LOG.warning("%d answers were not taken by %s; the next start sends them again", left, self.name)

    def _publish(self, answer: Answer, group: Any) -> None:
        attributes = {"uri": answer.key, "event_id": answer.fields["event_id"]}
        if answer.fields["trace_id"]:
            attributes["trace_id"] = answer.fields["trace_id"]

        def taken(future: Any) -> None:
            if future.exception() is None:
                self._ledger.taken(group)
            else:
                LOG.warning("an answer is sent again after: %s", future.exception())
                self._refused.append((answer, group))

        # An attribute holds at most 1,024 bytes; a longer URI is in the message itself.
        short = {name: value for name, value in attributes.items() if len(value.encode()) <= 1_024}
        self._client.publish(self._path, answer.data, **short).add_done_callback(taken)

    def _again(self) -> None:
        while not self._closed.wait(AGAIN_S):
            for _ in range(len(self._refused)):
                self._publish(*self._refused.popleft())
