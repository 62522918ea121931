"""A Pub/Sub subscription, pulled: leases are extended while a message is open, and it is acknowledged after its commit."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from transforms.errors import UserError
from transforms.events import attributes_of
from transforms.sources.live import Announced
from transforms.sources.messages import announce
from transforms.sources.pubsub_place import ASK_S, PubSubPlace, said_plainly

LOG = logging.getLogger(__name__)
PULL_S = 5.0
"""How long a request waits for messages: what is sent to one that was given up comes again only when its lease ends."""

LEASE_S = 60
EXTEND_S = 15.0
IDS_AT_ONCE = 1_000
"""A request holds at most 512 KiB; an id has about 200 bytes."""

_QUIET_S = 60.0


class PubSubSource:
    """One subscription. It keeps no position: what is not acknowledged comes again, and is known by its event id."""

    def __init__(self, place: PubSubPlace):
        """Reach the subscription.

        Raises:
            UserError: there is none of that name, it may not be read, or Pub/Sub does not answer.
        """
        from google.cloud import pubsub_v1  # type: ignore[attr-defined]  # a namespace package

        self.prefix = f"pubsub:{place.project}/{place.name}:"
        self._path = place.path("subscriptions")
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._acknowledged: list[str] = []
        self._closed = threading.Event()
        self._told = 0.0
        with said_plainly(self._path):
            self._client = pubsub_v1.SubscriberClient()
            self._client.get_subscription(subscription=self._path, timeout=ASK_S)
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
        self._thread.start()

    def poll(self, most: int, wait_s: float) -> list[Announced]:
        """Pull messages, waiting longer than asked where there are none; their leases are held from here on."""
        from google.api_core import exceptions

        try:
            answer = self._client.pull(
                subscription=self._path, max_messages=min(most, IDS_AT_ONCE), timeout=PULL_S, retry=None
            )
        except exceptions.DeadlineExceeded:
            return []
        except (exceptions.NotFound, exceptions.PermissionDenied) as error:
            raise UserError(f"{self._path} cannot be read any more: {error.message}") from None
        except (exceptions.GoogleAPIError, OSError) as error:
            self._say(f"pulling goes on after: {error}")
            self._closed.wait(wait_s)
            return []
        with self._lock:
            self._open.update(received.ack_id for received in answer.received_messages)
        return [self._read(received) for received in answer.received_messages]

    def positions(self, done: Sequence[str]) -> dict[str, int]:
        """Return nothing: see the class."""
        return {}

    def settle(self, done: Sequence[str]) -> None:
        """Acknowledge messages whose photos are in the tables."""
        with self._lock:
            self._open.difference_update(done)
            self._acknowledged += done
        self._acknowledge()

    def lag(self) -> int | None:
        """Return None: only Cloud Monitoring tells."""
        return None

    def close(self) -> None:
        """Give back what was pulled and is not done: it comes again at once, not when its lease ends."""
        self._closed.set()
        self._thread.join(5)
        self._acknowledge()
        with self._lock:
            left, self._open = list(self._open), set()
        self._extend(left, 0)
        self._client.close()

    def _read(self, received: Any) -> Announced:
        message = received.message
        return announce(
            message.data,
            attributes_of(dict(message.attributes)),
            f"{self.prefix}{message.message_id}",
            received.ack_id,
            message.publish_time.timestamp() if message.publish_time else None,
        )

    def _keep(self) -> None:
        """Extend the leases of what is open, and acknowledge what could not be before."""
        next_at = time.monotonic()
        while not self._closed.wait(1):
            self._acknowledge()
            if time.monotonic() >= next_at:
                next_at = time.monotonic() + EXTEND_S
                with self._lock:
                    ids = list(self._open)
                self._extend(ids, LEASE_S)

    def _acknowledge(self) -> None:
        from google.api_core import exceptions

        with self._lock:
            ids, self._acknowledged = self._acknowledged, []
        for some in _parts(ids):
            try:
                self._client.acknowledge(subscription=self._path, ack_ids=some, timeout=ASK_S)
            except (exceptions.GoogleAPIError, OSError) as error:
                self._say(f"acknowledged again later, after: {error}")
                with self._lock:
                    self._acknowledged += some

    def _extend(self, ids: list[str], seconds: int) -> None:
        from google.api_core import exceptions

        for some in _parts(ids):
            try:
                self._client.modify_ack_deadline(
                    subscription=self._path, ack_ids=some, ack_deadline_seconds=seconds, timeout=ASK_S
                )
            except (exceptions.GoogleAPIError, OSError) as error:
                # A lease that is lost only means that the message comes again.
                self._say(f"leases were not extended: {error}")

    def _say(self, text: str) -> None:
        if time.monotonic() - self._told > _QUIET_S or not self._told:
            self._told = time.monotonic()
            LOG.warning("%s", text)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
