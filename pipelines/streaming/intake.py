"""The intake of a stream: one thread polls the source, a pool fetches photos before the graph asks for them."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pipelines.streaming.flight import Flight
from pipelines.streaming.open_photo import Message, Open
from pipelines.streaming.past import Past
from pipelines.streaming.settings import StreamSettings
from transforms.errors import RefusalError
from transforms.fetch.again import again_after
from transforms.records import ImageEvent, dead_letter
from transforms.sources.live import Announced, LiveSource

LOG = logging.getLogger(__name__)
POLL_MOST = 500
WAIT_S = 0.2
FETCH_WAIT_S = 1.0
"""How long an idle fetcher sleeps, unless it is woken: there are many of them."""


class Intake:
    """Threads that keep a flight filled until they are told to stop."""

    def __init__(
        self,
        source: LiveSource,
        flight: Flight,
        past: Past,
        read: Callable[[ImageEvent], bytes],
        settings: StreamSettings,
        held: Callable[[], bool] = lambda: False,
    ):
        """Take what the threads need; `held` tells that nothing more should be polled for now."""
        self._source = source
        self._flight = flight
        self._past = past
        self._read = read
        self._settings = settings
        self._held = held
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._guarded, args=(self._poll,), name="poll", daemon=True)] + [
            threading.Thread(target=self._guarded, args=(self._fetch,), name=f"fetch-{n}", daemon=True)
            for n in range(settings.fetchers)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Poll no more and begin no fetch."""
        self._stop.set()
        self._flight.stop()

    def close(self, wait_s: float) -> None:
        """Close the source, unless a poll does not come back: a client must not be closed while it is asked."""
        self._threads[0].join(wait_s)
        if not self._threads[0].is_alive():
            self._source.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._flight.fail(error)

    def _poll(self) -> None:
        while not self._stop.is_set():
            room = self._flight.room(WAIT_S)
            if not room or self._held():
                self._stop.wait(0 if not room else WAIT_S)
                continue
            if announced := self._source.poll(min(room, POLL_MOST), WAIT_S):
                self._admit(announced)

    def _admit(self, announced: list[Announced]) -> None:
        events = [item for one in announced for item in one.items if isinstance(item, ImageEvent)]
        reasons = iter(self._past.sift(events))
        for one in announced:
            for why in one.skipped:
                self._flight.pass_by(why)
            wanted = []
            for item in one.items:
                reason = next(reasons) if isinstance(item, ImageEvent) else None
                if reason is None:
                    wanted.append(item)
                else:
                    self._flight.pass_by(reason)
            self._flight.admit(Message(one.token), wanted, one.published)

    def _fetch(self) -> None:
        while not self._stop.is_set():
            if (photo := self._flight.next_to_fetch(FETCH_WAIT_S)) is not None:
                self._fetch_one(photo)

    def _fetch_one(self, photo: Open) -> None:
        event = photo.event
        try:
            data = self._read(event)
            content = self._past.key(hashlib.sha256(data).hexdigest(), event.role)
            row = None if event.revision else self._past.row(content)
        except RefusalError as refusal:
            again = self._again(photo, refusal)
            letter = None if again else dead_letter(event, "fetch", refusal, datetime.now(UTC), photo.tries + 1)
            self._flight.failed(photo, refusal, again, letter)
        except Exception as error:
            LOG.warning("fetch failed on %s", event.uri, exc_info=error)
            fault = RefusalError("internal_error", f"{type(error).__name__}: {error}")
            letter = dead_letter(event, "fetch", fault, datetime.now(UTC), photo.tries + 1)
            self._flight.failed(photo, fault, None, letter)
        else:
            self._flight.came(photo, data, content, row)

    def _again(self, photo: Open, refusal: RefusalError) -> float | None:
        """Return when a failed fetch is tried again, in seconds since 1970; None where it is not."""
        pause = again_after(refusal.code, photo.tries, self._settings.fetch_tries, self._settings.retry_s)
        return None if pause is None else time.time() + pause
