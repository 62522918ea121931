"""What an epoch's commit held, for a driver that answers it."""

from typing import NamedTuple

from transforms.records import DeadLetter, Row


class Written(NamedTuple):
    """What one commit was given, and the versions of both tables that hold it."""

    rows: list[Row]
    dead_letters: list[DeadLetter]
    versions: dict[str, int]
