"""Equal content: on a runner that keeps state, a photo whose bytes were judged before gets a copy of what was found.

A graph has no way back, so it takes two keyed states. The first one, by content, lets the first photo go on to be judged and
sends its equals to the second one, which is by the first photo's event id and waits there for its record.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import PickleCoder, StrUtf8Coder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.typehints.decorators import no_annotations

from transforms.once import LIFETIME_S
from transforms.park import Fetched
from transforms.records import DeadLetter, ImageEvent, Maker, Row, duplicate_row
from transforms.sinks.seen import content_key
from transforms.stage import Outcome

KEPT_S = LIFETIME_S + 3_600
"""A record is kept longer than its content is known, so that who is sent to it finds it."""

WAIT_S = 600.0
"""Who finds no record within so long is judged after all."""

REFUSED = "refused"


class Equal(NamedTuple):
    """A photo with the same content as another one, which came first."""

    event: ImageEvent
    sha256: str
    first: str
    """The other one's event id, as its record has it."""


class Parted(NamedTuple):
    """Photos to be judged (`ImageEvent`), and those that are equal to one of them (`Equal`)."""

    firsts: beam.PCollection
    equals: beam.PCollection


class Copied(NamedTuple):
    """Rows of equals, and the events of those that have to be judged themselves: their first was refused."""

    rows: beam.PCollection
    alone: beam.PCollection


class FirstOfContent(beam.PTransform):
    """Part a collection of `Fetched` into the first of each content and its equals: the same sha256, role, rules and model."""

    def __init__(self, maker: Maker):
        """Take what would judge them."""
        super().__init__("First of content")
        self.maker = maker

    @no_annotations
    def expand(self, fetched: beam.PCollection) -> Parted:
        """Apply to a collection of `Fetched`."""
        keyed = fetched | "By content" >> beam.Map(self._keyed).with_output_types(tuple[str, Any])
        outputs = keyed | "First" >> beam.ParDo(_First()).with_outputs("equals", main="firsts")
        return Parted(outputs.firsts, outputs.equals)

    @no_annotations
    def _keyed(self, fetched: Fetched) -> tuple[str, Fetched]:
        event, sha256 = fetched
        content = content_key(sha256, event.role, self.maker.config_digest, self.maker.model_version)
        return content.hex(), fetched


class _First(beam.DoFn):
    FIRST = ReadModifyWriteStateSpec("first", StrUtf8Coder())
    FORGET = TimerSpec("forget", TimeDomain.REAL_TIME)

    def process(
        self,
        element: tuple[str, Fetched],
        first: Any = beam.DoFn.StateParam(FIRST),  # noqa: B008 - Beam's way to ask for it
        forget: Any = beam.DoFn.TimerParam(FORGET),  # noqa: B008
    ) -> Iterator[Any]:
        event, sha256 = element[1]
        known = first.read()
        if event.revision or known == _recorded(event.event_id):
            yield event  # it is to be judged once more, or comes again after a crash
        elif known is not None:
            yield beam.pvalue.TaggedOutput("equals", Equal(event, sha256, known))
        else:
            first.write(_recorded(event.event_id))
            forget.set(time.time() + LIFETIME_S)
            yield event

    @on_timer(FORGET)
    def forget(self, first: Any = beam.DoFn.StateParam(FIRST)) -> None:  # noqa: B008
        first.clear()


class CopyFindings(beam.PTransform):
    """Give the equals of judged photos their records; apply to the outcome of judging the firsts, and to the equals."""

    def __init__(self) -> None:
        super().__init__("Copy findings")

    @no_annotations
    def expand(self, found: tuple[Outcome, beam.PCollection]) -> Copied:
        """Apply to a pair of an `Outcome` and a collection of `Equal`."""
        judged, equals = found
        parts = [
            judged.results | "Row" >> _by(lambda row: row["event_id"]),
            equals | "Equal" >> _by(lambda equal: equal.first),
        ]
        for number, failures in enumerate(judged.failures):
            parts.append(failures | f"Refused {number}" >> _by(lambda letter: _recorded(letter.event_id)))
        outputs = parts | beam.Flatten() | "Copy" >> beam.ParDo(_Copy()).with_outputs("alone", main="rows")
        return Copied(outputs.rows, outputs.alone)


def _by(name: Any) -> beam.PTransform:
    return beam.Map(lambda item: (name(item), item)).with_output_types(tuple[str, Any])


class _Copy(beam.DoFn):
    FOUND = ReadModifyWriteStateSpec("found", PickleCoder())
    WAITING = BagStateSpec("waiting", PickleCoder())
    FORGET = TimerSpec("forget", TimeDomain.REAL_TIME)

    @no_annotations
    def process(
        self,
        element: tuple[str, Row | DeadLetter | Equal],
        found: Any = beam.DoFn.StateParam(FOUND),  # noqa: B008
        waiting: Any = beam.DoFn.StateParam(WAITING),  # noqa: B008
        forget: Any = beam.DoFn.TimerParam(FORGET),  # noqa: B008
    ) -> Iterator[Any]:
        item = element[1]
        if not isinstance(item, Equal):
            known = REFUSED if isinstance(item, DeadLetter) else item
            found.write(known)
            forget.set(time.time() + KEPT_S)
            for equal in waiting.read():
                yield conclude(equal, known)
            waiting.clear()
        elif (known := found.read()) is not None:
            yield conclude(item, known)
        else:
            waiting.add(item)
            forget.set(time.time() + WAIT_S)

    @on_timer(FORGET)
    def forget(
        self,
        found: Any = beam.DoFn.StateParam(FOUND),  # noqa: B008
        waiting: Any = beam.DoFn.StateParam(WAITING),  # noqa: B008
    ) -> Iterator[Any]:
        for equal in waiting.read():
            yield conclude(equal, REFUSED)
        waiting.clear()
        found.clear()


def conclude(equal: Equal, found: Row | str) -> Any:
    """Return the record of an equal, or, on the output `alone`, its event: where its first was refused, or was other bytes.

    (Where nothing pins a version, the bytes may have been replaced between two reads.)
    """
    if isinstance(found, str) or found["sha256"] != equal.sha256:
        return beam.pvalue.TaggedOutput("alone", equal.event)
    return duplicate_row(found, equal.event, datetime.now(UTC))


def _recorded(event_id: str) -> str:
    """Return an event id as the record has it."""
    return event_id.encode("utf-8", "backslashreplace").decode("utf-8")
