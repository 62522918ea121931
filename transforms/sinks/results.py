"""The answers of a stream: one for each photo, after its commit, at least once. `docs/data.md` has the fields."""

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from transforms.errors import UserError
from transforms.reasons import advice
from transforms.records import Row

ANSWER_VERSION = 1
"""Raised by one when a consumer needs to know of a change; fields are only ever added."""

MOST_PAYLOAD = 200_000
"""Characters of a dead letter's payload in a message; a broker's usual limit is a megabyte of bytes."""

Versions = Mapping[str, int]
"""Table -> its version: all that the table has up to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: the key, by which consumers keep the highest generation and revision, and the fields."""

    key: str
    fields: dict[str, Any]

    @property
    def data(self) -> bytes:
        """The fields as JSON."""
        return json.dumps(self.fields, ensure_ascii=False).encode("utf-8")


def answer_of_row(row: Row) -> Answer:
    """Return the answer of a photo with a row in `quality`."""
    return Answer(
        row["uri"],
        _who(row)
        | {
            "verdict": row["verdict"],
            "score": row["score"],
            "band": row["band"],
            "reasons": [_reason(reason) for reason in row["reasons"] or ()],
            "delivered_uri": row["delivered_uri"],
            "optimized_uri": row["optimized_uri"],
            "duplicate_of": row["duplicate_of"],
            "product_id": row["product_id"],
            "seller_id": row["seller_id"],
            "role": row["role"],
            "trace_id": row["trace_id"],
            "processed_at": _time(row["processed_at"]),
        },
    )


def answer_of_dead_letter(row: Row) -> Answer:
    """Return the answer of what has a row in `dead_letters`; its key is the event's id where no URI is known."""
    return Answer(
        row["uri"] or row["event_id"],
        _who(row)
        | {
            "verdict": None,
            "code": row["code"],
            "message": row["message"],
            "stage": row["stage"],
            "trace_id": _trace_of(row["payload"]),
            "processed_at": _time(row["failed_at"]),
        },
    )


def whole_dead_letter(row: Row) -> Answer:
    """Return what a topic of dead letters gets: all columns, so that whoever reads it needs no table.

    A payload that brokers would not take (a photo inside it) stays in the table; its length is told.
    """
    payload = row["payload"]
    kept = payload if len(payload) <= MOST_PAYLOAD else None
    columns = {name: value for name, value in row.items() if name not in ("dt", "failed_at", "payload")}
    more = {"trace_id": _trace_of(payload), "failed_at": _time(row["failed_at"])}
    sizes = {"payload": kept, "payload_characters": len(payload)}
    return Answer(row["uri"] or row["event_id"], {"schema_version": ANSWER_VERSION} | columns | more | sizes)


def _who(row: Row) -> dict[str, Any]:
    return {
        "schema_version": ANSWER_VERSION,
        "event_id": row["event_id"],
        "uri": row["uri"],
        "generation": row["generation"],
        "revision": row["revision"],
    }


def _reason(reason: Mapping[str, Any]) -> dict[str, Any]:
    english, chinese = advice(reason["code"], reason["amount"])
    return {"code": reason["code"], "severity": reason["severity"], "amount": reason["amount"]} | {
        "advice": {"en": english, "zh": chinese}
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace_of(payload: str) -> str | None:
    try:
        found = json.loads(payload).get("trace_id")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


class Results(Protocol):
    """Where answers go. `send` never fails for what may pass: what was not taken yet counts as waiting."""

    name: str
    """Under which the tables remember how far they are answered; "" where nothing is to be remembered."""

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Send what a commit held; `versions` are those that are answered with it."""

    def answered(self) -> Versions:
        """Return up to which versions everything was taken."""

    def waiting(self) -> int:
        """Return how many answers were not taken yet."""

    def wait(self, wait_s: float) -> None:
        """Wait at most so long until all answers are taken."""

    def close(self, wait_s: float) -> None:
        """Wait so long for what was not taken yet, then let go."""


@dataclass
class Group:
    """The answers of one commit: its versions, and how many of them were not taken yet."""

    versions: Versions
    left: int


@dataclass
class Ledger:
    """Which commits are wholly answered: answers are taken in any order, versions count in theirs. For any thread."""

    _groups: deque[Group] = field(default_factory=deque)
    _answered: Versions = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, count: int, versions: Versions) -> Group:
        """Note a commit whose answers are about to be sent."""
        with self._changed:
            group = Group(versions, count)
            self._groups.append(group)
            self._pop()
            return group

    def taken(self, group: Group) -> None:
        """Note that one of its answers was taken."""
        with self._changed:
            group.left -= 1
            self._pop()
            if not self._groups:
                self._changed.notify_all()

    def answered(self) -> Versions:
        """Return the versions up to which everything was taken."""
        with self._changed:
            return dict(self._answered)

    def waiting(self) -> int:
        """Return how many answers were not taken yet."""
        with self._changed:
            return self._left()

    def wait(self, wait_s: float) -> None:
        """Wait at most so long until all answers are taken."""
        with self._changed:
            self._changed.wait_for(lambda: not self._left(), wait_s)

    def _left(self) -> int:
        return sum(group.left for group in self._groups)

    def _pop(self) -> None:
        while self._groups and self._groups[0].left == 0:
            # A group of answers that end no commit carries no versions.
            self._answered = self._groups.popleft().versions or self._answered


class PrintedResults:
    """A line on standard output for each photo, for people."""

    name = ""

    def __init__(self, quiet: bool = False):
        self._quiet = quiet

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Print them."""
        if not self._quiet:
            sys.stdout.write("".join(f"{line(answer)}\n" for answer in answers))
            sys.stdout.flush()

    def answered(self) -> Versions:
        """Return nothing: what a person saw is not remembered."""
        return {}

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def wait(self, wait_s: float) -> None:
        """Do nothing."""

    def close(self, wait_s: float) -> None:
        """Do nothing."""


class FileResults:
    """JSON lines at the end of a file."""

    def __init__(self, path: Path, flag: str = "--results"):
        """Open the file that a flag names.

        Raises:
            UserError: it cannot be written.
        """
        self.name = f"file:{path.absolute()}"
        self._path = path
        self._ledger = Ledger()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise UserError(f"{flag} {path} cannot be written: {(error.strerror or str(error)).lower()}") from None

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Write them and wait for the disk.

        Raises:
            UserError: the file cannot be written.
        """
        group = self._ledger.begin(1, versions)
        try:
            self._file.write(b"".join(answer.data + b"\n" for answer in answers))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(f"{self._path} cannot be written: {(error.strerror or str(error)).lower()}") from None
        self._ledger.taken(group)

    def answered(self) -> Versions:
        """Return the versions of the last write."""
        return self._ledger.answered()

    def waiting(self) -> int:
        """Return 0: a write is over when it returns."""
        return 0

    def wait(self, wait_s: float) -> None:
        """Do nothing."""

    def close(self, wait_s: float) -> None:
        """Close the file."""
        self._file.close()


def line(answer: Answer) -> str:
    """Say an answer in one line: verdict, score, name, reasons."""
    fields = answer.fields
    name = (fields["uri"] or fields["event_id"]).rpartition("/")[2]
    if fields["verdict"] is None:
        return f"{'refused':<8}  --  {name}  {fields['code']}: {fields['message']}"
    score = "--" if fields["score"] is None else f"{fields['score']:2.0f}"
    told = ", ".join(f"{reason['code']} {reason['severity']:.2f}" for reason in fields["reasons"])
    equal = "same content as before" if fields["duplicate_of"] else ""
    return f"{fields['verdict']:<8}  {score}  {name}  {'; '.join(filter(None, (told, equal)))}".rstrip()
