"""What lies between a message and its commit: which photos are open, where each stands, and who is next.

One lock guards it all. The intake's threads admit, fetch and report; the driver takes epochs and settles them.
"""

import heapq
import itertools
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.streaming.open_photo import Message, Open, Share
from pipelines.streaming.settings import StreamSettings
from pipelines.streaming.turns import Turns
from transforms.errors import RefusalError
from transforms.identity import is_newer
from transforms.records import DeadLetter, ImageEvent, Row

RECENT_ROWS = 2_000
"""Rows kept for photos of the same content that come right behind, before the tables' index has them."""


class Flight:
    """All open photos."""

    def __init__(self, settings: StreamSettings):
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._waiting: Turns[Open] = Turns()
        self._arrived: Turns[Open] = Turns()
        self._decided: list[Open] = []
        self._later: list[tuple[float, int, Open]] = []
        self._fetching: Counter[str] = Counter()
        self._slow: set[str] = set()
        self._open: dict[int, Open] = {}  # all; `_near` are those of them that are not parked
        self._parked = 0
        self._near: dict[int, Open] = {}
        self._by_event: dict[str, Open] = {}
        self._by_version: dict[tuple[str, str], Open] = {}
        self._newest: dict[str, Open] = {}
        self._by_content: dict[bytes, Open] = {}
        self._recent: OrderedDict[bytes, Row] = OrderedDict()
        self._done: list[Any] = []
        self._error: BaseException | None = None
        self._stopping = False
        self._woken = False

    # From the intake.

    def room(self, wait_s: float) -> int:
        """Return how many more messages may come, waiting for room at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._room() > 0, wait_s)
            return 0 if self._stopping else max(0, self._room())

    def admit(self, message: Message, items: Iterable[ImageEvent | DeadLetter], published: float | None) -> None:
        """Take in a message's photos; one that is open already, or older than one that is, is not taken again."""
        with self._changed:
            for item in items:
                if isinstance(item, DeadLetter):
                    self._add_letter(item, message, published)
                else:
                    self._add_event(item, message, published)
            message.left -= 1  # the caller's own share, so that a message is not done before all of it was seen
            self._if_done(message)
            self._changed.notify_all()

    def restore(self, event: ImageEvent, tries: int, not_before: float) -> None:
        """Take in a photo that was parked before this process began; no message waits for it."""
        with self._changed:
            if (photo := self._new(event, [], None)) is not None:
                photo.tries, photo.not_before = tries, not_before
                self._set_parked(photo, True)
                self._put_later(photo)

    def next_to_fetch(self, wait_s: float) -> Open | None:
        """Return a photo whose host and whose bytes have room, None where there is none within `wait_s`."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            while True:
                self._wake_due()
                photo = self._take_waiting()
                if photo is not None:
                    return photo
                rest = min(deadline - time.monotonic(), self._until_due())
                if deadline <= time.monotonic():
                    return None
                self._changed.wait(max(rest, 0.001))

    def came(self, photo: Open, data: bytes, content: bytes, row: Row | None) -> None:
        """Report a photo's bytes, and the row of its equal if one was judged before."""
        with self._changed:
            self._fetched(photo)
            self._reserve(photo, len(data))
            if photo.state == "closed":
                self._reserve(photo, 0)
            else:
                photo.data, photo.content = data, content
                self._place(photo, row)
            self._changed.notify_all()

    def failed(self, photo: Open, refusal: RefusalError, not_before: float | None, letter: DeadLetter | None) -> None:
        """Report a fetch that failed: to be tried again from `not_before` on, or for good."""
        with self._changed:
            self._fetched(photo)
            self._reserve(photo, 0)
            if photo.state != "closed":
                photo.refusal, photo.tries = refusal, photo.tries + 1
                if not_before is None:
                    photo.letter = letter
                    self._decide(photo)
                else:
                    photo.not_before = not_before
                    self._set_parked(photo, False)
                    self._put_later(photo)
            self._changed.notify_all()

    def pass_by(self, why: str) -> None:
        """Count what needs nothing, by the reason."""
        with self._changed:
            self.counts[why] += 1

    def stop(self) -> None:
        """Begin no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Let the driver raise what stopped a thread."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    # From the driver.

    def take(self, wait_s: float, most: int) -> Share:
        """Return what there is to do, at most `most` photos to judge among it, waiting at most so long for anything.

        Raises:
            UserError: what stopped a thread of the intake.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready(most), wait_s)
            self._woken = False
            if self._error:
                raise self._error
            share = Share(to_park=self._to_park())
            limit = self.settings.epoch_photos
            share.decided, self._decided = self._decided[:limit], self._decided[limit:]
            lane = (
                None  # an epoch is of one lane: who waits for an answer does not wait for a backfill's photos beside it
            )
            while len(share.photos) < most and (photo := self._arrived.take(lane=lane)) is not None:
                if photo.state != "closed":
                    photo.state, lane = "in epoch", photo.lane
                    share.photos.append(photo)
            share.done, self._done = self._done, []
            return share

    def wake(self) -> None:
        """Let the driver look: an epoch has ended."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def _ready(self, most: int) -> bool:
        return bool(self._error or self._woken or self._decided or self._done or (most and self._arrived))

    def closing(self, photos: Iterable[Open]) -> list[Any]:
        """Return the tokens of the messages that are done when these photos are."""
        left: Counter[Message] = Counter()
        with self._changed:
            for photo in photos:
                left.update(photo.messages)
            done = [message for message, count in left.items() if message.left == count and not message.told]
            for message in done:
                message.told = True
            return [message.token for message in done]

    def parked(self, photos: Sequence[Open]) -> None:
        """Note that photos are parked durably: they hold up no message any more. Call `closing` before, for its tokens."""
        with self._changed:
            for photo in photos:
                if photo.state != "closed":
                    self._set_parked(photo, True)
                self._release(photo)

    def settle(self, photos: Iterable[Open], rows: Sequence[Row]) -> None:
        """Close photos that are committed; those that waited for their row get it."""
        by_event = {row["event_id"]: row for row in rows}
        with self._changed:
            for photo in photos:
                row = by_event.get(photo.event.event_id)
                if row is not None and photo.content is not None:
                    self._recent[photo.content] = row
                self._release(photo)
                self._close(photo)
                for follower in photo.followers:
                    if follower.state != "closed":
                        self._place(follower, row)
            while len(self._recent) > RECENT_ROWS:
                self._recent.popitem(last=False)
            self._changed.notify_all()

    def busy(self) -> bool:
        """Tell whether anything has begun that a stop should wait for: not what waits for its time."""
        with self._changed:
            return any(photo.state not in ("waiting", "later") for photo in self._open.values()) or bool(
                self._decided or self._done
            )

    @property
    def parked_now(self) -> int:
        """How many photos are parked."""
        return self._parked

    def __len__(self) -> int:
        return len(self._open)

    # Under the lock.

    def _add_letter(self, letter: DeadLetter, message: Message, published: float | None) -> None:
        event = ImageEvent(letter.event_id, letter.uri or "", source_position=letter.source_position)
        if (photo := self._new(event, [message], published)) is not None:
            photo.letter = letter
            self._decide(photo)

    def _add_event(self, event: ImageEvent, message: Message, published: float | None) -> None:
        known = self._by_event.get(event.event_id)
        if known is None and event.generation:
            known = self._by_version.get((event.uri, event.generation))
        if known is not None:
            self.counts["repeated"] += 1
            if not known.parked:
                known.messages.append(message)
                message.left += 1
            return
        if (photo := self._new(event, [message], published)) is not None:
            self._put_waiting(photo)

    def _new(self, event: ImageEvent, messages: list[Message], published: float | None) -> Open | None:
        """Open a photo, unless a newer version of it is open; an older one that is not in an epoch is given up."""
        newest = self._newest.get(event.uri) if event.generation else None
        if newest is not None and is_newer(newest.event.generation, event.generation):
            self.counts["superseded"] += 1
            return None
        photo = Open(event, messages, time.monotonic(), published)
        for message in messages:
            message.left += 1
        self._open[id(photo)] = self._near[id(photo)] = photo
        self._by_event[event.event_id] = photo
        if event.generation:
            self._by_version[event.uri, event.generation] = photo
            self._newest[event.uri] = photo
        if newest is not None and newest.state != "in epoch" and is_newer(event.generation, newest.event.generation):
            self.counts["superseded"] += 1
            self._give_up(newest)
        return photo

    def _give_up(self, photo: Open) -> None:
        self._release(photo)
        self._close(photo)
        for follower in photo.followers:
            if follower.state != "closed":
                self._place(follower, None)

    def _put_waiting(self, photo: Open) -> None:
        photo.state = "waiting"
        self._waiting.put(photo, photo.lane, photo.event.seller_id, photo.place)

    def _put_later(self, photo: Open) -> None:
        photo.state = "later"
        heapq.heappush(self._later, (photo.not_before, next(self._numbers), photo))

    def _wake_due(self) -> None:
        while self._later and self._later[0][0] <= time.time():
            photo = heapq.heappop(self._later)[2]
            if photo.state == "later":
                self._put_waiting(photo)

    def _until_due(self) -> float:
        return max(0.0, self._later[0][0] - time.time()) if self._later else 60.0

    def _take_waiting(self) -> Open | None:
        if self._stopping or (self.bytes and self.bytes >= self.settings.ahead_bytes):
            return None
        while (photo := self._waiting.take(self._has_room)) is not None:
            if photo.state == "closed":
                continue
            photo.state, photo.asked = "fetching", time.monotonic()
            self._fetching[photo.place] += 1
            self._reserve(photo, photo.event.size or self.settings.guess_bytes)
            return photo
        return None

    def _has_room(self, place: str) -> bool:
        """Tell whether one more may be fetched from a host: the slow ones together get at most half of the fetchers."""
        if place not in self._slow:
            return self._fetching[place] < self.settings.per_host
        slow = sum(self._fetching[each] for each in self._slow)
        return self._fetching[place] < max(1, self.settings.per_host // 4) and slow < max(
            1, self.settings.fetchers // 2
        )

    def _fetched(self, photo: Open) -> None:
        self._fetching[photo.place] -= 1
        if time.monotonic() - photo.asked < self.settings.park_after_s:
            self._slow.discard(photo.place)

    def _place(self, photo: Open, row: Row | None) -> None:
        """Send on a photo whose bytes are here: to be judged, or with its equal's row, or behind an equal that is open."""
        if row is None and photo.content is not None and not photo.event.revision:
            row = self._recent.get(photo.content)
        if row is not None:
            photo.row = row
            self._decide(photo)
            return
        assert photo.content is not None
        first = self._by_content.get(photo.content) if not photo.event.revision else None
        if first is not None and first is not photo and first.state != "closed":
            photo.state = "held"
            first.followers.append(photo)
            return
        self._by_content[photo.content] = photo
        photo.state = "arrived"
        self._arrived.put(photo, photo.lane, photo.event.seller_id, "")

    def _decide(self, photo: Open) -> None:
        photo.state = "in epoch"
        self._decided.append(photo)

    def _to_park(self) -> list[Open]:
        patience = self.settings.park_after_s
        late, far = time.monotonic() - patience, time.time() + patience
        self._slow.update(
            photo.place for photo in self._near.values() if photo.state == "fetching" and photo.asked < late
        )
        return [
            photo
            for photo in self._near.values()
            if photo.state in ("waiting", "fetching", "later") and (photo.received < late or photo.not_before > far)
        ]

    def _room(self) -> int:
        """Return how many more may be open; what is parked holds nothing up and does not count."""
        return self.settings.ahead_photos - len(self._open) + self._parked

    def _set_parked(self, photo: Open, parked: bool) -> None:
        self._parked += parked - photo.parked
        photo.parked = parked
        if parked:
            self._near.pop(id(photo), None)
        elif photo.state != "closed":
            self._near[id(photo)] = photo

    def _release(self, photo: Open) -> None:
        for message in photo.messages:
            message.left -= 1
            self._if_done(message)
        photo.messages = []

    def _close(self, photo: Open) -> None:
        photo.state = "closed"
        photo.data = None
        self._set_parked(photo, False)
        self._reserve(photo, 0)
        self._open.pop(id(photo), None)
        self._near.pop(id(photo), None)
        event = photo.event
        names: list[tuple[dict[Any, Open], Any]] = [
            (self._by_event, event.event_id),
            (self._by_version, (event.uri, event.generation)),
            (self._newest, event.uri),
            (self._by_content, photo.content),
        ]
        for index, key in names:
            if index.get(key) is photo:
                del index[key]

    def _reserve(self, photo: Open, size: int) -> None:
        self.bytes += size - photo.reserved
        photo.reserved = size

    def _if_done(self, message: Message) -> None:
        if message.left == 0 and not message.told:
            message.told = True
            self._done.append(message.token)
