"""The driver of an embedded stream: begins epochs of what has arrived; commits, answers, acknowledges each. `docs/delivery.md`."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from pipelines import memory
from pipelines.streaming.flight import Flight
from pipelines.streaming.judged import Judge, Judged
from pipelines.streaming.open_photo import Open
from pipelines.streaming.outlet import Outlet
from pipelines.streaming.pace import Pace
from pipelines.streaming.past import Past
from pipelines.tally import Tally
from transforms.arrived import ARRIVED
from transforms.records import DeadLetter, ImageEvent, Row, dead_letter_row, duplicate_row
from transforms.sinks.output import Output
from transforms.sinks.parked import Parked, ParkedPhoto
from transforms.sinks.tables import Tables
from transforms.sinks.written import Written
from transforms.sources.live import LiveSource

WAIT_S = 0.2
MARK_WAIT_S = 0.3
"""How long an epoch waits for the last one's answers to be taken."""

POSITION_EVERY_S = 1.0
"""A commit of positions alone, with no row, is made at most this often."""

PARK_EVERY_S = 2.0
"""Photos are parked at most this often: each time is a commit, for which the epochs' commits wait."""


class Driver:
    """One stream's state: what runs, what is to be said. For one thread: it alone commits, so positions go with their rows."""

    def __init__(
        self,
        source: LiveSource,
        flight: Flight,
        tables: Tables,
        parked: Parked,
        outlets: Sequence[Outlet],
        judge: Judge,
        watch: Callable[[Written, Sequence[Open]], None] = lambda written, photos: None,
    ):
        """Take the parts; `watch` is told of each commit, for metrics."""
        self.tally = Tally()
        self.epochs = 0
        self._source = source
        self._flight = flight
        self._tables = tables
        self._parked = parked
        self._outlets = outlets
        self._judge = judge
        self._watch = watch
        self._running: dict[Future[Judged], list[Open]] = {}
        self._pace = Pace(flight.settings.epoch_photos, flight.settings.epoch_s)
        self._done: list[Any] = []
        self._settling: list[Any] = []
        self._positions: dict[str, int] = {}
        self._committed_at = 0.0
        self._parked_at = -PARK_EVERY_S

    def begin(self, output: Output) -> int:
        """Tell what was committed and perhaps not told before; return how much that was."""
        count = 0
        for outlet in self._outlets:
            told, begun = outlet.begin(self._tables, output, self._source.prefix)
            count += told
            self._positions |= begun
        self._commit_positions()
        return count

    def step(self, wait_s: float = WAIT_S) -> bool:
        """Begin and commit what there is to begin and commit, waiting at most so long; say whether there was anything.

        Raises:
            UserError: what stops the stream; what was committed stays.
        """
        # One whose epoch has ended begins the next before that is committed.
        busy = sum(not running.done() for running in self._running)
        share = self._flight.take(wait_s, self._pace.photos() if busy < self._judge.workers else 0)
        if share.to_park and time.monotonic() - self._parked_at >= PARK_EVERY_S:
            self._park(share.to_park)
        self._done += share.done
        if share.photos:
            self._begin(share.photos)
        finished = [running for running in self._running if running.done()]
        for running in finished:
            self._finish(running)
        if share.decided:
            self._commit_decided(share.decided)
        elif not finished and time.monotonic() - self._committed_at >= POSITION_EVERY_S and self._has_more_to_say():
            self._commit_positions()
        return bool(share or finished)

    def finish(self, wait_s: float) -> bool:
        """Commit what is left to say: epochs that end in time, positions, and how far the tables are answered.

        Returns:
            Whether all epochs have ended.
        """
        deadline = time.monotonic() + wait_s
        while self._running:
            futures.wait(self._running, max(0.0, deadline - time.monotonic()), futures.FIRST_COMPLETED)
            if not (finished := [running for running in self._running if running.done()]):
                break  # read again by the next process
            for running in finished:
                self._finish(running)
        if not self._running:
            self.tally.add(self._judge.end())
        for outlet in self._outlets:
            outlet.results.close(max(0.0, deadline - time.monotonic()))
        self._commit_positions()
        return not self._running

    def _begin(self, photos: list[Open]) -> None:
        running = self._judge.begin(_handed_over(photos))
        self._running[running] = photos
        running.add_done_callback(lambda _: self._flight.wake())

    def _finish(self, running: Future[Judged]) -> None:
        photos = self._running.pop(running)
        rows, letters, tally, core_s = running.result()
        self._pace.note(len(photos), core_s)
        self.tally.add(tally)
        self._commit(photos, rows, letters)
        memory.give_back()

    def _commit_decided(self, photos: Sequence[Open]) -> None:
        """Commit what needs no judging: dead letters, and photos of a content that was judged before."""
        letters = [photo.letter for photo in photos if photo.letter is not None]
        now = datetime.now(UTC)
        rows = [duplicate_row(photo.row, photo.event, now) for photo in photos if photo.row is not None]
        self.tally.verdicts.update(row["verdict"] for row in rows)
        self.tally.dead_letters.update(letter.code for letter in letters)
        self._commit(photos, rows, letters)

    def _park(self, photos: Sequence[Open]) -> None:
        # Without its bytes: what carries its bytes is never waited for.
        self._parked.add([ParkedPhoto(photo.event, photo.tries, photo.not_before) for photo in photos])
        self._done += self._flight.closing(photos)
        self._flight.parked(photos)
        self._parked_at = time.monotonic()

    def _commit(self, photos: Sequence[Open], rows: list[Row], letters: list[DeadLetter]) -> None:
        was_parked = [photo.event.event_id for photo in photos if photo.parked]
        self._done += self._flight.closing(photos)
        positions = self._new_positions()
        self._tables.commit_epoch(rows, [dead_letter_row(letter) for letter in letters], positions)
        written = Written(rows, letters, self._tables.versions())
        self.epochs += 1
        self._flight.settle(photos, rows)
        for outlet in self._outlets:
            outlet.send(written)
        self._settle()
        self._parked.close(was_parked)
        self._watch(written, photos)

    def _commit_positions(self) -> None:
        positions = self._new_positions()
        if positions:
            self._tables.commit_epoch([], [], positions)
        self._settle()

    def _has_more_to_say(self) -> bool:
        return bool(self._done) or any(outlet.has_moved() for outlet in self._outlets)

    def _new_positions(self) -> dict[str, int]:
        """Return the source's positions and how far each outlet is, as they are now."""
        self._positions |= self._source.positions(self._done)
        self._settling = self._done
        self._done = []
        moved, self._positions = self._positions, {}
        for outlet in self._outlets:
            # So that a kill makes only the last epoch's answers come twice, not those of the one before it too.
            outlet.wait(MARK_WAIT_S)
            moved |= outlet.moved()
        return moved

    def _settle(self) -> None:
        self._source.settle(self._settling)
        self._settling = []
        self._committed_at = time.monotonic()


def _handed_over(photos: Sequence[Open]) -> list[ImageEvent]:
    """Put the photos' bytes beside the graph, and return their events without them."""
    events = []
    for photo in photos:
        assert photo.data is not None
        ARRIVED[photo.event.event_id] = photo.data
        events.append(photo.event if photo.event.data is None else dataclasses.replace(photo.event, data=None))
        # Held once: by the graph from here on.
        photo.data = None
    return events


def restore(parked: Parked, past: Past, flight: Flight) -> int:
    """Take up the photos that were parked before, but for those that need nothing by now; return how many."""
    photos = parked.read()
    reasons = past.sift([photo.event for photo in photos])
    for photo, why in zip(photos, reasons, strict=True):
        if why is None:
            flight.restore(photo.event, photo.tries, photo.not_before)
        else:
            flight.pass_by(why)
    closed = [photo.event.event_id for photo, why in zip(photos, reasons, strict=True) if why is not None]
    parked.close(closed, at_least=1)
    return len(photos) - len(closed)
