"""A photo on its way from its message to its commit, and what of it the driver takes at once."""

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from pipelines.streaming.turns import LANES
from transforms.errors import RefusalError
from transforms.records import DeadLetter, ImageEvent, Row

State = Literal["waiting", "fetching", "later", "held", "arrived", "in epoch", "closed"]


@dataclass(eq=False, slots=True)
class Message:
    """A message's token, and how many of its photos are not done yet."""

    token: Any
    left: int = 1
    """Its photos that are not done, and one for whoever is still admitting it."""
    told: bool = False
    """Whether its token was given to the driver."""


@dataclass(eq=False, slots=True)
class Open:
    """One photo version on its way. `messages` are those that wait for it; none where it is parked."""

    event: ImageEvent
    messages: list[Message]
    received: float
    published: float | None = None
    state: State = "waiting"
    asked: float = 0.0
    """When its bytes were asked for last, by the monotonic clock."""
    tries: int = 0
    parked: bool = False
    not_before: float = 0.0
    """Seconds since 1970."""
    refusal: RefusalError | None = None
    data: bytes | None = None
    content: bytes | None = None
    letter: DeadLetter | None = None
    row: Row | None = None
    reserved: int = 0
    followers: "list[Open]" = field(default_factory=list)
    """Photos with the same content, which wait for this one's row."""

    @property
    def lane(self) -> str:
        """The lane that the event names."""
        lane = self.event.extra.get("lane")
        return lane if lane in LANES else LANES[0]

    @property
    def place(self) -> str:
        """The host or bucket that its bytes come from."""
        return urlsplit(self.event.uri).netloc


@dataclass(slots=True)
class Share:
    """What the driver takes at once: photos to judge, what needs no judging, photos to park, tokens of messages done."""

    photos: list[Open] = field(default_factory=list)
    decided: list[Open] = field(default_factory=list)
    to_park: list[Open] = field(default_factory=list)
    done: list[Any] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.photos or self.decided or self.to_park or self.done)
