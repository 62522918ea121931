"""Fetch or park: on a runner that keeps state, a photo that is slow or fails waits for its time, and the others go on."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer

from transforms.arrived import LENDER
from transforms.errors import RefusalError
from transforms.fetch.again import again_after
from transforms.identity import is_newer
from transforms.records import DeadLetter, ImageEvent, dead_letter
from transforms.sinks.parked import ParkedPhoto
from transforms.stage import FAILURES, Outcome, refuse

LOOK_S = 1.0
"""Between two looks at a fetch that goes on beside."""

TURN_S = 5.0
"""A photo of a slow host that has no fetcher asks for one again after so long, or up to twice that."""

SLOW_HOST = 2
"""Photos fetched at once of a host that is slow."""


class Parking(NamedTuple):
    """How long a fetch may hold up others, and how often a photo is tried."""

    park_after_s: float
    tries: int
    """With so many failures a photo is a dead letter."""
    retry_s: float
    """The longest pause before the second try, s; four times as long before each next one."""
    fetchers: int
    """Threads of one process."""


class Fetched(NamedTuple):
    """An event whose bytes are in `ARRIVED` of the process that fetched them, and what they are."""

    event: ImageEvent
    sha256: str


class FetchOrPark(beam.PTransform):
    """Fetch the photos of a collection of `ImageEvent`; give `Fetched` and dead letters.

    What is parked lies in the runner's state, and so in its checkpoints, with a timer. The fetch itself goes on beside: a
    process that dies leaves a photo whose time comes again.
    """

    def __init__(self, read: Callable[[ImageEvent], bytes], parking: Parking):
        """Take how bytes are read."""
        super().__init__("Fetch or park")
        self.read = read
        self.parking = parking

    def expand(self, events: beam.PCollection) -> Outcome:
        """Apply to a collection of `ImageEvent`, each once."""
        by_uri = beam.Map(lambda event: (event.uri, event)).with_output_types(tuple[str, Any])
        read = beam.ParDo(_Read(self.read, self.parking)).with_outputs(FAILURES, main="results")
        outputs = events | "By URI" >> by_uri | "Read" >> read
        return Outcome(outputs.results, (outputs[FAILURES],))


def without_older(parked: list[ParkedPhoto], event: ImageEvent) -> list[ParkedPhoto]:
    """Return what is parked of a URI when another version of it comes: older ones are not wanted any more."""
    return [one for one in parked if not is_newer(event.generation, one.event.generation)]


class _Read(beam.DoFn):
    PARKED = ReadModifyWriteStateSpec("parked", PickleCoder())
    WAKE = TimerSpec("wake", TimeDomain.REAL_TIME)

    def __init__(self, read: Callable[[ImageEvent], bytes], parking: Parking):
        self.read = read
        self.parking = parking

    def process(
        self,
        element: tuple[str, ImageEvent],
        parked: Any = beam.DoFn.StateParam(PARKED),  # noqa: B008 - Beam's way to ask for it
        wake: Any = beam.DoFn.TimerParam(WAKE),  # noqa: B008
    ) -> Iterator[Any]:
        event, waiting = element[1], parked.read() or []
        wanted = without_older(waiting, event)
        for one in waiting:
            if one not in wanted:
                FETCHES.end(one.event)
        found = self._look(ParkedPhoto(event, 0, 0.0), self.parking.park_after_s)
        yield from self._put(found, wanted, parked, wake)

    @on_timer(WAKE)
    def wake(
        self,
        parked: Any = beam.DoFn.StateParam(PARKED),  # noqa: B008
        wake: Any = beam.DoFn.TimerParam(WAKE),  # noqa: B008
    ) -> Iterator[Any]:
        if waiting := parked.read():
            first, *others = sorted(waiting, key=lambda one: one.not_before)
            yield from self._put(self._look(first, 0), others, parked, wake)

    def _look(self, photo: ParkedPhoto, wait_s: float) -> Fetched | DeadLetter | ParkedPhoto:
        """Fetch a photo, or see how far its fetch is, waiting at most so long."""
        event, tries = photo.event, photo.tries
        fetching = FETCHES.begin(event, self.read, self.parking)
        if fetching is None:
            return ParkedPhoto(event, tries, time.time() + TURN_S * random.uniform(1, 2))
        if not wait([fetching], wait_s if FETCHES.is_quick(event) else 0).done:
            if wait_s:
                FETCHES.note_slow(event)
            return ParkedPhoto(event, tries, time.time() + LOOK_S)
        FETCHES.end(event)
        error = fetching.exception()
        if error is None:
            return Fetched(event, fetching.result())
        if not isinstance(error, RefusalError):
            assert isinstance(error, Exception)
            return refuse(event, "fetch", error)
        pause = again_after(error.code, tries, self.parking.tries, self.parking.retry_s)
        if pause is None:
            return dead_letter(event, "fetch", error, datetime.now(UTC), tries + 1)
        return ParkedPhoto(event, tries + 1, time.time() + pause)

    def _put(self, found: Any, others: list[ParkedPhoto], parked: Any, wake: Any) -> Iterator[Any]:
        """Give what was found, or keep it for later beside the others of its URI."""
        if isinstance(found, ParkedPhoto):
            others = [*others, found]
        parked.write(others)
        if others:
            wake.set(min(one.not_before for one in others))
        else:
            parked.clear()
        if isinstance(found, DeadLetter):
            yield beam.pvalue.TaggedOutput(FAILURES, found)
        elif isinstance(found, Fetched):
            yield found


class Fetches:
    """What a process is fetching, whichever of its bundles asked: a fetch outlives the bundle that began it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[str]] = {}
        self._of_host: Counter[str] = Counter()
        self._slow: set[str] = set()

    def begin(self, event: ImageEvent, read: Callable[[ImageEvent], bytes], parking: Parking) -> "Future[str] | None":
        """Begin to fetch a photo, or return its fetch that goes on; None where its host is slow and has enough to do."""
        host = _host(event)
        with self._lock:
            if (known := self._running.get(event.event_id)) is not None:
                return known
            if host in self._slow and self._of_host[host] >= SLOW_HOST:
                return None
            self._pool = self._pool or ThreadPoolExecutor(parking.fetchers, thread_name_prefix="fetch")
            self._of_host[host] += 1
            running = self._running[event.event_id] = self._pool.submit(self._fetch, event, read, parking.park_after_s)
            return running

    def end(self, event: ImageEvent) -> None:
        """Forget a fetch whose outcome was taken."""
        with self._lock:
            self._running.pop(event.event_id, None)

    def is_quick(self, event: ImageEvent) -> bool:
        """Tell whether it is worth waiting for the host."""
        return _host(event) not in self._slow

    def note_slow(self, event: ImageEvent) -> None:
        """Remember that a host was waited for in vain."""
        with self._lock:
            self._slow.add(_host(event))

    def _fetch(self, event: ImageEvent, read: Callable[[ImageEvent], bytes], quick_s: float) -> str:
        began = time.monotonic()
        try:
            data = read(event)
            LENDER.lend(event.event_id, data)
            return hashlib.sha256(data).hexdigest()
        finally:
            with self._lock:
                self._of_host[_host(event)] -= 1
                if time.monotonic() - began < quick_s:
                    self._slow.discard(_host(event))


FETCHES = Fetches()


def _host(event: ImageEvent) -> str:
    return urlsplit(event.uri).netloc
