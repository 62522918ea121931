"""The table `parked`: photos whose bytes did not come yet, with the time before which they are not asked for again.

What is written here counts as done for the source's position, so it is written before that position is. A photo is open
as long as neither of the other tables has it; a later row of one event replaces its earlier ones.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from transforms.errors import RefusalError, UserError
from transforms.records import ImageEvent, event_from_payload, event_payload
from transforms.sinks.output import Output, table_options

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

PARKED = "parked"
_DELETE_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ParkedPhoto:
    """An event, how often its bytes were asked for, and when they may be again (seconds since 1970)."""

    event: ImageEvent
    tries: int
    not_before: float


@functools.cache
def parked_schema() -> "pa.Schema":
    """Return the Arrow schema of the table."""
    import pyarrow as pa

    when = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("event_id", pa.string(), nullable=False),
            pa.field("payload", pa.string(), nullable=False),
            pa.field("tries", pa.int64(), nullable=False),
            pa.field("not_before", when, nullable=False),
            pa.field("parked_at", when, nullable=False),
        ]
    )


class Parked:
    """The table of one output, made when the first photo is parked. For one thread; other processes may write too."""

    def __init__(self, output: Output):
        self._uri = output.child(PARKED)
        self._options = table_options(self._uri)
        self._closed: list[str] = []

    def add(self, photos: Iterable[ParkedPhoto]) -> None:
        """Write photos down, in one commit.

        Raises:
            UserError: the table cannot be written.
        """
        import pyarrow as pa
        from deltalake import write_deltalake
        from deltalake.exceptions import DeltaError

        now = datetime.now(UTC)
        rows = [
            {
                "event_id": photo.event.event_id,
                "payload": event_payload(photo.event),
                "tries": photo.tries,
                "not_before": datetime.fromtimestamp(photo.not_before, UTC),
                "parked_at": now,
            }
            for photo in photos
        ]
        try:
            table = pa.Table.from_pylist(rows, schema=parked_schema())
            write_deltalake(self._uri, table, mode="append", storage_options=self._options)
        except (DeltaError, OSError) as error:
            raise self._unusable(error) from error

    def read(self) -> list[ParkedPhoto]:
        """Return what was parked, each event once, as it was parked last; some of it may be finished by now.

        Raises:
            UserError: the table cannot be read.
        """
        from deltalake.exceptions import DeltaError

        try:
            table = self._table()
            rows = [] if table is None else table.to_pyarrow_table().sort_by("parked_at").to_pylist()
        except (DeltaError, OSError) as error:
            raise self._unusable(error) from error
        last = {row["event_id"]: row for row in rows}
        photos = []
        for row in last.values():
            try:
                event = event_from_payload(row["payload"])
            except RefusalError:
                continue  # written by a newer version: that one goes on with it
            photos.append(ParkedPhoto(event, row["tries"], row["not_before"].timestamp()))
        return photos

    def close(self, event_ids: Sequence[str], at_least: int = _DELETE_AT_ONCE) -> None:
        """Note events as finished; their rows are deleted a few hundred at a time, since a leftover does no harm."""
        from deltalake.exceptions import DeltaError

        self._closed += event_ids
        if len(self._closed) < at_least or not self._closed:
            return
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in self._closed)
        try:
            if (table := self._table()) is not None:
                table.delete(f"event_id IN ({names})")
                table.optimize.compact()
                table.vacuum(168, dry_run=False)
        except (DeltaError, OSError):
            return  # another process wrote at the same time; the next time comes
        self._closed = []

    def _table(self) -> "DeltaTable | None":
        from deltalake import DeltaTable

        if not DeltaTable.is_deltatable(self._uri, self._options):
            return None
        return DeltaTable(self._uri, storage_options=self._options)

    def _unusable(self, error: Exception) -> UserError:
        return UserError(f"the table {self._uri} cannot be used: {' '.join(str(error).split())}")
