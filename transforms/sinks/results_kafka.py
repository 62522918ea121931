"""Answers on a Kafka topic, keyed by URI. The client keeps trying by itself for half a minute."""

from collections.abc import Mapping
from typing import Any

from transforms.sinks.results import Answer
from transforms.sinks.results_topic import LOG, Taken, TopicResults
from transforms.sources.kafka_config import KafkaPlace, Troubles, client_properties, open_client, partitions

GIVE_UP_MS = 30_000
TURN_S = 0.05


class KafkaResults(TopicResults):
    """One topic on a Kafka cluster."""

    def __init__(self, place: KafkaPlace, properties: Mapping[str, str]):
        """Reach the topic.

        Raises:
            UserError: no broker answers, there is no such topic, or a property is wrong.
        """
        from confluent_kafka import Producer

        super().__init__(f"kafka:{place.topic}")
        self._topic = place.topic
        troubles = Troubles(LOG)
        own = {"acks": "all", "linger.ms": 5, "message.timeout.ms": GIVE_UP_MS, "error_cb": troubles.heard}
        self._producer = open_client(
            Producer, {"compression.type": "lz4", **client_properties(place, properties), **own}, place.servers
        )
        partitions(self._producer, place, troubles)
        troubles.opened = True
        self._thread.start()

    def _hand_over(self, answer: Answer, taken: Taken) -> None:
        from confluent_kafka import KafkaException

        def confirmed(error: Any, message: Any) -> None:
            taken(None if error is None else error.str())

        headers = [("trace_id", answer.fields["trace_id"])] if answer.fields["trace_id"] else None
        try:
            self._producer.produce(
                self._topic, answer.data, answer.key.encode(), on_delivery=confirmed, headers=headers
            )
        except BufferError:
            taken("the client's own queue is full")
        except KafkaException as error:  # a topic that was deleted is refused at once, until it is there again
            taken(error.args[0].str())

    def _turn(self) -> None:
        self._producer.poll(TURN_S)
