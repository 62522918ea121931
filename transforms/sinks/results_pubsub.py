"""Answers on a Pub/Sub topic, the URI as an attribute."""

from typing import Any

from transforms.sinks.results import Answer
from transforms.sinks.results_topic import AGAIN_S, Taken, TopicResults
from transforms.sources.pubsub_place import ASK_S, PubSubPlace, said_plainly

MOST_BYTES = 1_024
"""What an attribute holds at most; a longer URI is in the message itself."""


class PubSubResults(TopicResults):
    """One topic of a project."""

    def __init__(self, place: PubSubPlace):
        """Reach the topic.

        Raises:
            UserError: there is none of that name, it may not be used, or Pub/Sub does not answer.
        """
        from google.cloud import pubsub_v1  # type: ignore[attr-defined]  # a namespace package

        super().__init__(f"pubsub:{place.project}/{place.name}")
        self._path = place.path("topics")
        with said_plainly(self._path):
            self._client = pubsub_v1.PublisherClient()
            self._client.get_topic(topic=self._path, timeout=ASK_S)
        self._thread.start()

    def _hand_over(self, answer: Answer, taken: Taken) -> None:
        attributes = {"uri": answer.key, "event_id": answer.fields["event_id"]}
        if answer.fields["trace_id"]:
            attributes["trace_id"] = answer.fields["trace_id"]
        short = {name: value for name, value in attributes.items() if len(value.encode()) <= MOST_BYTES}

        def confirmed(future: Any) -> None:
            error = future.exception()
            taken(None if error is None else str(error) or type(error).__name__)

        self._client.publish(self._path, answer.data, **short).add_done_callback(confirmed)

    def _turn(self) -> None:
        # The client sends by itself, a few at a time, from threads of its own.
        self._closed.wait(AGAIN_S)
