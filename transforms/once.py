"""Once: on a runner that keeps state, each event once, and per URI nothing older than what was seen."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer

from transforms.identity import is_newer
from transforms.records import ImageEvent

LIFETIME_S = 24 * 3600
"""After so long without an event, a URI is forgotten; the tables still leave out what they have."""


class Once(beam.PTransform):
    """Drop repeated events and older generations of a collection of `ImageEvent`."""

    def expand(self, events: beam.PCollection) -> beam.PCollection:
        """Apply to a collection of `ImageEvent`."""
        # The hint makes the key's coder one that always writes the same text the same way.
        by_uri = beam.Map(lambda event: (event.uri, event)).with_output_types(tuple[str, Any])
        return events | "By URI" >> by_uri | "First" >> beam.ParDo(_First())


class _First(beam.DoFn):
    NEWEST = ReadModifyWriteStateSpec("newest", StrUtf8Coder())
    SEEN = BagStateSpec("seen", StrUtf8Coder())
    FORGET = TimerSpec("forget", TimeDomain.REAL_TIME)

    def process(
        self,
        element: tuple[str, ImageEvent],
        newest: Any = beam.DoFn.StateParam(NEWEST),  # noqa: B008 - Beam's way to ask for it
        seen: Any = beam.DoFn.StateParam(SEEN),  # noqa: B008
        forget: Any = beam.DoFn.TimerParam(FORGET),  # noqa: B008
    ) -> Iterator[ImageEvent]:
        event = element[1]
        known = newest.read() or ""
        if event.event_id in set(seen.read()) or (event.generation and known == event.generation):
            return
        if event.generation and is_newer(known, event.generation):
            return
        seen.add(event.event_id)
        if event.generation:
            newest.write(event.generation)
        forget.set(time.time() + LIFETIME_S)
        yield event

    @on_timer(FORGET)
    def forget(
        self,
        newest: Any = beam.DoFn.StateParam(NEWEST),  # noqa: B008
        seen: Any = beam.DoFn.StateParam(SEEN),  # noqa: B008
    ) -> None:
        newest.clear()
        seen.clear()
