"""What a source that never ends gives: announcements, each with a token by which the source knows it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from transforms.records import DeadLetter, ImageEvent


@dataclass(frozen=True, slots=True)
class Announced:
    """One message: the photos that it names, dead letters, and why what else it tells of is skipped.

    `published` is when the message was sent, in seconds since 1970, where the source tells.
    """

    items: tuple[ImageEvent | DeadLetter, ...]
    token: Any = None
    skipped: tuple[str, ...] = ()
    published: float | None = None


class LiveSource(Protocol):
    """A source that is polled by one thread; `positions` and `settle` are called by another one."""

    prefix: str
    """What the `source_position` of each of its events begins with."""

    def poll(self, most: int, wait_s: float) -> list[Announced]:
        """Return at most `most` messages, waiting at most about `wait_s` for the first one.

        Raises:
            UserError: it cannot go on, and a person has to decide.
        """

    def positions(self, done: Sequence[Any]) -> dict[str, int]:
        """Note that the messages of these tokens are done; return how far each part of the source now is.

        The keys are application ids, the values rise. What has not moved may be left out.
        """

    def settle(self, done: Sequence[Any]) -> None:
        """Tell the source that these tokens, and the positions that follow from them, are committed."""

    def lag(self) -> int | None:
        """Return how many messages wait in the source, None where it does not tell."""

    def close(self) -> None:
        """Let go of it."""
