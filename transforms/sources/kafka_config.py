"""Where a topic is and how it is reached: `kafka://HOST:PORT[,HOST:PORT]/TOPIC?group=G`, and a file of client properties."""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from transforms.errors import UserError

CLIENT_LOG = logging.getLogger("librdkafka")

TIMEOUT_S = 8.0
QUIET_S = 60.0
"""A client's complaints are logged at most so often."""

LOST = ("earliest", "stop")
"""What is done when messages expired in the broker before they were read: go on with the earliest there is, or stop."""

FROM = ("earliest", "latest")
"""Where a topic is begun that the tables have no position of."""


@dataclass(frozen=True, slots=True)
class KafkaPlace:
    """A topic on a cluster."""

    servers: str
    topic: str
    group: str = "vitrine"
    start: str = "earliest"
    lost: str = "earliest"


class Troubles:
    """What a client complains of beside its calls: kept while the client is opened, logged now and then while it is used."""

    def __init__(self, log: logging.Logger):
        """Take the log."""
        self.said = ""
        self.opened = False
        self._log = log
        self._told = 0.0

    def heard(self, error: Any) -> None:
        """Take a complaint of the client: its `error_cb`."""
        self.said = re.sub(r"^\S+/bootstrap: | \(after \d+ms in state \w+\)", "", error.str())
        if self.opened:
            self.say(f"Kafka: {error.str()}")

    def say(self, text: str) -> None:
        """Log, at most so often."""
        if time.monotonic() - self._told > QUIET_S or not self._told:
            self._told = time.monotonic()
            self._log.warning("%s", text)


def parse_place(text: str) -> KafkaPlace:
    """Read `kafka://HOST:PORT/TOPIC?group=G&from=earliest&lost=stop`.

    Raises:
        UserError: it says what is wrong with it.
    """
    servers, slash, rest = text.removeprefix("kafka://").partition("/")
    topic, _, query = rest.partition("?")
    if not servers or not slash or not topic or "/" in topic:
        raise UserError(f"{text} is no Kafka topic: write kafka://HOST:PORT/TOPIC")
    for server in servers.split(","):
        host, colon, port = server.rpartition(":")
        if not (colon and host and port.isdigit() and 0 < int(port) < 65_536):
            raise UserError(f"{text}: {server!r} is no HOST:PORT")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := set(options) - {"group", "from", "lost"}:
        raise UserError(f"{text}: {sorted(unknown)[0]} is not known; there are group, from and lost")
    for name, known in (("from", FROM), ("lost", LOST)):
        if options.get(name, known[0]) not in known:
            raise UserError(f"{text}: {name} is one of {', '.join(known)}, not {options[name]!r}")
    return KafkaPlace(
        servers, topic, options.get("group") or "vitrine", options.get("from", FROM[0]), options.get("lost", LOST[0])
    )


def read_properties(path: Path | None) -> dict[str, str]:
    """Read a file of librdkafka properties, `name=value` lines; `#` begins a comment line.

    Raises:
        UserError: it cannot be read, or a line is none of those.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--kafka-config {path} cannot be read: {error}") from None
    properties = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise UserError(f"--kafka-config {path}: line {number} is no name=value")
        properties[name.strip()] = value.strip()
    return properties


def partitions(client: Any, place: KafkaPlace, troubles: Troubles | None = None) -> list[int]:
    """Return a topic's partitions; the topic is never made by asking. `troubles` may know why no broker answers.

    Raises:
        UserError: no broker answers, or there is no such topic.
    """
    from confluent_kafka import KafkaException

    try:
        # Of one topic by name, a broker may take the question for a wish to have it.
        topics = client.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        client.poll(0.1)  # so that it says what happened
        why = (troubles and troubles.said) or error.args[0].str()
        raise UserError(f"no Kafka broker answers at {place.servers}: {why}") from None
    topic = topics.get(place.topic)
    if topic is None or topic.error is not None or not topic.partitions:
        known = ", ".join(sorted(name for name in topics if not name.startswith("__"))[:10]) or "none"
        raise UserError(f"there is no topic {place.topic} at {place.servers}; there are: {known}")
    return sorted(topic.partitions)


def check_topic(place: KafkaPlace, properties: Mapping[str, str]) -> None:
    """Reach a topic and leave again.

    Raises:
        UserError: as `partitions` and `open_client`.
    """
    from confluent_kafka import Producer

    troubles = Troubles(CLIENT_LOG)
    own = {"error_cb": troubles.heard}
    partitions(open_client(Producer, {**client_properties(place, properties), **own}, place.servers), place, troubles)


def client_properties(place: KafkaPlace, properties: Mapping[str, str]) -> dict[str, Any]:
    """Return what every client is made with; the user's file wins, but for the servers."""
    return {"client.id": "vitrine", "log.connection.close": False, **properties, "bootstrap.servers": place.servers}


def open_client(make: Any, properties: Mapping[str, Any], named: str) -> Any:
    """Make a client.

    Raises:
        UserError: a property is unknown or its value does not fit.
    """
    from confluent_kafka import KafkaException

    try:
        # The client's own lines go to Python's log when it is polled; by itself it writes them to standard error.
        return make(dict(properties), logger=CLIENT_LOG)
    except (KafkaException, ValueError, TypeError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise UserError(f"the Kafka client for {named} cannot be made: {said}; see --kafka-config") from None


def arrived(consumer: Any, most: int, wait_s: float) -> list[Any]:
    """Wait for one message, then take along what is here: asked for many at once, a client waits for all of them."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]
