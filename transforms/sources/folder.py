"""Photos in a local folder, or those that a pattern matches: in one order, in flat memory, whatever lies there."""

import heapq
import itertools
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, NamedTuple

from transforms import identity
from transforms.errors import RefusalError, UserError
from transforms.file_errors import refusal_of
from transforms.records import DeadLetter, ImageEvent, dead_letter
from transforms.sources.names import InputSettings, looks_like_photo, matches, may_hold, split_pattern, why_left_out

STAGE = "source"
NAMES_IN_MEMORY = 200_000
"""A folder with more names than this is sorted in runs on disk."""


class Found(NamedTuple):
    """A name below the folder: its path, its parts below the folder, and what the system said of it."""

    path: bytes
    parts: tuple[str, ...]
    status: os.stat_result | None
    error: OSError | None


def file_event(path: bytes, status: os.stat_result) -> ImageEvent:
    """Return the event of a local file, whose generation is its time of change."""
    uri = identity.file_uri(path)
    generation = identity.mtime_generation(status.st_mtime_ns)
    return ImageEvent(
        event_id=identity.event_id(None, uri, generation, uri),
        uri=uri,
        generation=generation,
        source_position=uri,
        event_time=datetime.fromtimestamp(max(status.st_mtime, 0), UTC) if status.st_mtime < 2**35 else None,
        size=status.st_size,
    )


def read_folder(
    root: bytes, own: Sequence[bytes], settings: InputSettings, left_out: Counter[str]
) -> Iterator[ImageEvent | DeadLetter]:
    """Yield an event for each file below `root`, in the order of the names' bytes.

    Links are followed; a folder is entered once, so that loops end. Not taken, and counted in `left_out` by reason:
    hidden names, endings of `settings.leave_out`, what is no regular file, and the folders `own`.

    Args:
        root: the folder's path.
        own: paths of folders that are not entered: the output.
        settings: which endings are left out.
        left_out: filled as the iteration goes.

    Raises:
        UserError: the folder cannot be listed.
    """

    def wanted(parts: tuple[str, ...], is_folder: bool) -> bool:
        why = why_left_out(parts[-1], settings)
        if why is None or (is_folder and why.startswith("*")):
            return True
        left_out[why] += 1
        return False

    for found in walk(root, own, wanted, left_out):
        yield from _events(found, left_out)


def read_pattern(
    pattern: str, own: Sequence[bytes], settings: InputSettings, left_out: Counter[str]
) -> Iterator[ImageEvent | DeadLetter]:
    """Yield an event for each file that a pattern matches; a folder that is named like a photo is a dead letter.

    Raises:
        UserError: the folder before the first wildcard cannot be listed.
    """
    base, wanted_parts = split_pattern(pattern)

    def wanted(parts: tuple[str, ...], is_folder: bool) -> bool:
        return matches(parts, wanted_parts) or (is_folder and may_hold(parts, wanted_parts))

    for found in walk(os.fsencode(base or "."), own, wanted, left_out):
        if not matches(found.parts, wanted_parts):
            if found.error is not None:
                yield from _events(found, left_out)
            continue
        why = why_left_out(found.parts[-1], settings)
        if why is not None and why.startswith("*") and not wanted_parts[-1].endswith(why[1:]):
            left_out[why] += 1
            continue
        yield from _events(found, left_out)


def walk(
    root: bytes, own: Sequence[bytes], wanted: Callable[[tuple[str, ...], bool], bool], left_out: Counter[str]
) -> Iterator[Found]:
    """Yield what lies below a folder, folders before what they hold, names in the order of their bytes.

    A folder that was entered before, by whatever name, is not entered again.
    """
    try:
        entered = {_inode(os.stat(root))}  # noqa: PTH116 - bytes
        waiting: list[tuple[bytes, tuple[str, ...], Iterator[bytes]]] = [(root, (), _sorted_names(root))]
    except OSError as error:
        raise UserError(f"the folder {os.fsdecode(root)} cannot be listed: {refusal_of(error).message}") from None
    outputs = {_inode(os.stat(path)) for path in own if os.path.exists(path)}  # noqa: PTH110, PTH116
    while waiting:
        folder, parents, names = waiting[-1]
        name = next(names, None)
        if name is None:
            waiting.pop()
            continue
        path, parts = folder.rstrip(b"/") + b"/" + name, (*parents, os.fsdecode(name))
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError as error:
            if wanted(parts, False):
                yield Found(path, parts, None, error)
            continue
        is_folder = stat.S_ISDIR(status.st_mode)
        if is_folder and _inode(status) in outputs:
            left_out["own output"] += 1
            continue
        if not wanted(parts, is_folder):
            continue
        refused = None
        if is_folder and _inode(status) not in entered:
            entered.add(_inode(status))
            try:
                waiting.append((path, parts, _sorted_names(path)))
            except OSError as error:
                refused = error
        yield Found(path, parts, status, refused)


def _events(found: Found, left_out: Counter[str]) -> Iterator[ImageEvent | DeadLetter]:
    if found.error is not None:
        yield _dead(found.path, refusal_of(found.error))
        return
    assert found.status is not None  # one of the two is there
    if stat.S_ISREG(found.status.st_mode):
        yield file_event(found.path, found.status)
    elif not stat.S_ISDIR(found.status.st_mode):
        left_out["no regular file"] += 1
    elif looks_like_photo(found.parts[-1]):
        yield _dead(found.path, RefusalError("is_directory", "the name is a folder's"))


def _dead(path: bytes, refusal: RefusalError) -> DeadLetter:
    uri = identity.file_uri(path)
    event = ImageEvent(identity.event_id(None, uri, "", uri), uri, source_position=uri)
    return dead_letter(event, STAGE, refusal, datetime.now(UTC))


def _sorted_names(folder: bytes) -> Iterator[bytes]:
    """Return a folder's names in the order of their bytes, holding at most `NAMES_IN_MEMORY` of them.

    Raises:
        OSError: at once, where the folder cannot be listed.
    """
    with os.scandir(folder) as entries:
        names = (entry.name for entry in entries)
        run = sorted(itertools.islice(names, NAMES_IN_MEMORY))
        if len(run) < NAMES_IN_MEMORY:
            return iter(run)
        runs = [_on_disk(run)]
        while run := sorted(itertools.islice(names, NAMES_IN_MEMORY)):
            runs.append(_on_disk(run))
    return heapq.merge(*(_from_disk(file) for file in runs))


def _on_disk(names: list[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the iterator that reads it
    # A name may hold a newline, but never a slash.
    file.writelines(name.replace(b"\n", b"/") + b"\n" for name in names)
    file.seek(0)
    return file


def _from_disk(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        for line in file:
            yield line[:-1].replace(b"/", b"\n")


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
