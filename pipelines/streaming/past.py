"""What a stream asks the tables about an event before it does any work on it."""

import threading
from collections.abc import Sequence

from transforms.identity import is_below, is_newer
from transforms.records import ImageEvent, Maker, Row
from transforms.sinks.output import Output
from transforms.sinks.seen import Seen, content_key
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import Tables


class Past:
    """The tables and their indexes, as the intake reads them; `sift` for one thread, the rest for any."""

    def __init__(self, output: Output, settings: TableSettings, maker: Maker):
        self._tables = Tables(output, settings)
        self._seen = Seen(output)
        self._maker = maker
        self._own = output.uri("x").rpartition("/")[0]
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the indexes."""
        self._tables.close()
        with self._lock:
            self._seen.close()

    def sift(self, events: Sequence[ImageEvent]) -> list[str | None]:
        """Return for each event why it needs nothing (`own output`, `finished`, `superseded`), None where it does.

        Raises:
            UserError: the tables cannot be read.
        """
        known = self._tables.revisions([(event.event_id, event.uri, event.generation or None) for event in events])
        with self._lock:
            self._seen.follow()
            newest = self._seen.newest([event.uri for event in events])
        return [
            self._why(event, revision, latest) for event, revision, latest in zip(events, known, newest, strict=True)
        ]

    def key(self, sha256: str, role: str) -> bytes:
        """Return the name of a content in a role, as this stream would judge it."""
        return content_key(sha256, role, self._maker.config_digest, self._maker.model_version)

    def row(self, content: bytes) -> Row | None:
        """Return the row of the first photo with this content."""
        with self._lock:
            return self._seen.row(content)

    def _why(self, event: ImageEvent, revision: int | None, newest: str | None) -> str | None:
        if is_below(event.uri, self._own):
            return "own output"
        if revision is not None and revision >= event.revision:
            return "finished"
        if newest is not None and is_newer(newest, event.generation):
            return "superseded"
        return None
