"""A watched folder: each file that comes, and each new version of one, announced once its writer has left it alone."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transforms import identity
from transforms.errors import UserError
from transforms.file_errors import refusal_of
from transforms.records import ImageEvent, dead_letter
from transforms.sources.folder import Found, file_event, walk
from transforms.sources.live import Announced
from transforms.sources.names import InputSettings, why_left_out
from transforms.sources.writers import has_writer

QUIET_S = 2.0
"""A file that was last changed longer ago than this is taken at first sight."""

BUSY_SHARE = 0.2
"""At most this share of the time goes into looking: a huge folder is looked at less often."""

Stamp = tuple[int, int]


class Inbox:
    """The folder `dir://PATH`. It keeps no position: the tables tell which versions of its files are finished."""

    def __init__(self, folder: Path, own: Sequence[Path], settings: InputSettings, settle_s: float):
        """Watch a folder and all that lies below it; hidden names, and endings of `settings.leave_out`, are not taken.

        Raises:
            UserError: it is no folder, may not be listed, or lies in one of `own`, which are not entered.
        """
        self.folder = folder.expanduser().absolute()
        if not self.folder.is_dir():
            raise UserError(f"there is no folder {self.folder} to watch: make it, or name another with dir://FOLDER")
        if not os.access(self.folder, os.R_OK | os.X_OK):
            raise UserError(f"the folder {self.folder} cannot be listed: no permission")
        for place in own:
            if self.folder.resolve().is_relative_to(place.resolve()):
                raise UserError(f"the inbox {self.folder} lies in the output {place}: our own images would be read")
        self.prefix = identity.file_uri(os.fsencode(self.folder)).rstrip("/") + "/"
        self.left_out: Counter[str] = Counter()
        self._own = [os.fsencode(path) for path in own]
        self._settings = settings
        self._settle_s = settle_s
        self._seen: dict[bytes, Stamp] = {}
        self._taken: dict[bytes, Stamp] = {}
        self._next = 0.0

    def poll(self, most: int, wait_s: float) -> list[Announced]:
        """Look at the folder once, as soon as it is time to; return what has come and is whole."""
        pause = self._next - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, wait_s))
            if pause > wait_s:
                return []
        began = time.monotonic()
        came = self._look(most)
        self._next = began + max(self._settle_s, (time.monotonic() - began) / BUSY_SHARE)
        return came

    def positions(self, done: Sequence[Any]) -> dict[str, int]:
        """Return nothing: see the class."""
        return {}

    def settle(self, done: Sequence[Any]) -> None:
        """Do nothing: see the class."""

    def lag(self) -> int | None:
        """Return how many files were seen once and wait for the second look."""
        return len(self._seen)

    def close(self) -> None:
        """Do nothing: no file is open."""

    def _look(self, most: int) -> list[Announced]:
        seen: dict[bytes, Stamp] = {}
        taken: dict[bytes, Stamp] = {}
        came: list[Announced] = []
        for found in walk(os.fsencode(self.folder), self._own, self._wanted, Counter()):
            if found.error is None and not (found.status and os.path.isfile(found.path)):  # noqa: PTH113 - bytes
                continue
            stamp = (found.status.st_mtime_ns, found.status.st_size) if found.status else (-1, -1)
            if self._taken.get(found.path) == stamp:
                taken[found.path] = stamp
            elif len(came) < most and self._is_whole(found, stamp):
                taken[found.path] = stamp
                came.append(_announced(found))
            else:
                seen[found.path] = stamp
        self._seen, self._taken = seen, taken
        return came

    def _is_whole(self, found: Found, stamp: Stamp) -> bool:
        """A writer may pause for longer than is watched: one that still has the file open is waited for."""
        return (self._seen.get(found.path) == stamp or _is_quiet(found)) and not has_writer(found.path)

    def _wanted(self, parts: tuple[str, ...], is_folder: bool) -> bool:
        why = why_left_out(parts[-1], self._settings)
        return why is None or (is_folder and why.startswith("*"))


def _is_quiet(found: Found) -> bool:
    return found.status is not None and time.time() - found.status.st_mtime > QUIET_S


def _announced(found: Found) -> Announced:
    if found.error is None:
        assert found.status is not None  # one of the two is there
        return Announced((file_event(found.path, found.status),), published=found.status.st_mtime)
    uri = identity.file_uri(found.path)
    event = ImageEvent(identity.event_id(None, uri, "", uri), uri, source_position=uri)
    return Announced((dead_letter(event, "source", refusal_of(found.error), datetime.now(UTC)),))
