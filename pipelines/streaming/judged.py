"""What the driver asks of whoever judges epochs, and what it gets."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from pipelines.tally import Tally
from transforms.records import DeadLetter, ImageEvent, Row


class Judged(NamedTuple):
    """What an epoch found, and the seconds that its core worked on it; nothing of it is in a table yet.

    `tally` has its verdicts and dead letters; the seconds of stages in it may be those of epochs before it.
    """

    rows: list[Row]
    dead_letters: list[DeadLetter]
    tally: Tally
    core_s: float


class Judge(Protocol):
    """Judges epochs, at most `workers` at once."""

    workers: int

    def begin(self, events: Sequence[ImageEvent]) -> Future[Judged]:
        """Begin one; its bytes are in `ARRIVED`."""

    def end(self) -> Tally:
        """Begin no more, and return what was counted of the work beyond what the epochs told; called when all have ended."""
