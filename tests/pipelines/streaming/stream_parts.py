"""What the tests of a stream share: a judge that looks at no pixels, a source in memory, and one stream put together."""

import hashlib
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime

from pipelines.streaming.driver import Driver, restore
from pipelines.streaming.flight import Flight
from pipelines.streaming.intake import Intake
from pipelines.streaming.judged import Judged
from pipelines.streaming.outlet import Outlet
from pipelines.streaming.past import Past
from pipelines.streaming.settings import StreamSettings
from pipelines.tally import Tally
from transforms.arrived import ARRIVED
from transforms.errors import RefusalError
from transforms.imaging.types import Assessment, Box, Header, Judgement, Prediction
from transforms.records import ImageEvent, Maker, dead_letter, quality_row
from transforms.sinks.parked import Parked
from transforms.sinks.tables import Tables
from transforms.sources.live import Announced

MAKER = Maker("0", "m1", "litert", "c1")
FAST = StreamSettings(fetchers=4, park_after_s=0.3, retry_s=0.05, settle_s=0.02, drain_s=5)


class Killed(BaseException):
    """The process dies here."""


def row_of(event, data):
    return quality_row(
        event,
        Assessment(Header("jpeg", 8, 8, "RGB"), hashlib.sha256(data).hexdigest(), "f", {}, Box(0, 0, 1, 1), 0.5, None),
        Prediction(60.0, 50.0, 70.0, {}),
        Judgement("accept", "good", ()),
        MAKER,
        size=len(data),
        processed_at=datetime.now(UTC),
        elapsed_ms=1.0,
    )


class FakeJudge:
    """Judges as the graph does, as far as the tables can tell; what begins with `broken` is refused."""

    workers = 2

    def __init__(self):
        self.judged = []

    def begin(self, events):
        result = Future()
        result.set_result(self.judge(events))
        return result

    def judge(self, events):
        rows, letters = [], []
        for event in events:
            data = ARRIVED.pop(event.event_id)
            self.judged.append(event.event_id)
            if data.startswith(b"broken"):
                letters.append(dead_letter(event, "assess", RefusalError("corrupt", "broken"), datetime.now(UTC)))
            else:
                rows.append(row_of(event, data))
        return Judged(rows, letters, Tally(), 0.01)

    def end(self):
        return Tally()


class Answers:
    """Keeps what is sent; nothing is remembered by the tables unless it has a name."""

    def __init__(self, name="list"):
        self.name = name
        self.sent = []
        self.versions = {}

    def send(self, answers, versions):
        self.sent += answers
        self.versions = versions or self.versions

    def answered(self):
        return dict(self.versions)

    def waiting(self):
        return 0

    def wait(self, wait_s):
        pass

    def close(self, wait_s):
        pass


class Queue:
    """A source in memory without positions: what is not settled is announced again to the next reader."""

    prefix = "queue:"

    def __init__(self, events=()):
        self.left = list(events)
        self.settled = []

    def put(self, *events):
        self.left += events

    def poll(self, most, wait_s):
        came, self.left = self.left[:most], self.left[most:]
        if not came:
            time.sleep(min(wait_s, 0.01))
        return [Announced((event,), event.event_id) for event in came]

    def positions(self, done):
        return {}

    def settle(self, done):
        self.settled += done

    def lag(self):
        return len(self.left)

    def close(self):
        pass


class Stream:
    """A stream put together, without Beam; driven by the test."""

    def __init__(self, output, source, *, read=None, results=None, judge=None, settings=FAST, more_outlets=()):
        self.output, self.source = output, source
        self.flight = Flight(settings)
        self.tables = Tables(output)
        self.past = Past(output, self.tables.settings, MAKER)
        self.parked = Parked(output)
        self.results = results or Answers()
        self.judge = judge or FakeJudge()
        restore(self.parked, self.past, self.flight)
        self.driver = Driver(
            source, self.flight, self.tables, self.parked, [Outlet(self.results), *more_outlets], self.judge
        )
        self.intake = Intake(source, self.flight, self.past, read or (lambda event: event.uri.encode()), settings)

    def start(self):
        self.driver.begin(self.output)
        self.intake.start()
        return self

    def until(self, condition, wait_s=20):
        deadline = time.monotonic() + wait_s
        while not condition():
            self.driver.step(0.02)
            assert time.monotonic() < deadline, "it did not come to that in time"
        return self

    def idle(self, wait_s=20):
        """Go on until nothing is open and nothing comes."""
        quiet = time.monotonic()

        def settled():
            nonlocal quiet
            if len(self.flight) or self.source.lag() or self.driver._done or self.driver._running:
                quiet = time.monotonic()
            return time.monotonic() - quiet > 0.3

        return self.until(settled, wait_s)

    def kill(self):
        """Leave as a killed process does: nothing more is written."""
        self.intake._stop.set()
        self.flight.stop()
        self.close()

    def close(self):
        for thread in self.intake._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(2)
        with suppress(Exception):
            self.past.close()
        self.tables.close()


def event(number, generation=None, **other):
    """Return an event; without a name of its own, it is known by its version."""
    uri = other.pop("uri", f"https://photos.example/{number}.jpg")
    other = {"source_position": f"queue:{number}:{generation}", **other}
    return ImageEvent(f"e-{number}-{generation}", uri, "" if generation is None else f"{generation:020d}", **other)


def table_rows(output, name="quality"):
    from transforms.sinks.tables import read_table

    return read_table(output, name).to_pyarrow_table().to_pylist()
