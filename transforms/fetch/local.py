"""Read a local file: checked by what was opened, never waiting, and that very version."""

import os
import stat
from typing import IO

from transforms import identity
from transforms.errors import RefusalError
from transforms.fetch.limits import EVERYWHERE, too_many_bytes
from transforms.file_errors import refusal_of
from transforms.records import ImageEvent


def read_file(event: ImageEvent, roots: tuple[str, ...], max_bytes: int) -> bytes:
    """Read a local file, checked by what was opened and not by what the name meant a moment before.

    A FIFO or a device never blocks or is read: it is opened without waiting, and refused.

    Raises:
        RefusalError: as `fetch`.
    """
    path = identity.file_path(event.uri)
    _check_root(path, roots)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - bytes
            raise _no_file(os.stat(path))  # noqa: PTH116
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise refusal_of(error) from None
    with os.fdopen(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(status)
        _check_root(_opened(handle, path), roots)
        _check_version(event, status)
        if status.st_size > max_bytes:
            raise too_many_bytes(status.st_size, max_bytes)
        try:
            data = _read_all(file, status.st_size, max_bytes)
        except OSError as error:
            raise refusal_of(error) from None
        _check_version(event, os.fstat(handle))
    return data


def _read_all(file: IO[bytes], size: int, max_bytes: int) -> bytes:
    """Read to the end, or to one piece beyond `max_bytes` where the file grows meanwhile."""
    pieces = [file.read(size + 1)]
    total = len(pieces[0])
    while pieces[-1] and total <= max_bytes:
        pieces.append(file.read(1 << 20))
        total += len(pieces[-1])
    return b"".join(pieces) if len(pieces) > 2 else pieces[0]


def _check_root(path: bytes, roots: tuple[str, ...]) -> None:
    if any(root in EVERYWHERE for root in roots):
        return
    real = os.path.realpath(path)
    for root in roots:
        inside = os.path.realpath(os.fsencode(root)).rstrip(b"/") + b"/"
        if real.startswith(inside):
            return
    raise RefusalError("forbidden_location", "the file lies outside the folders that may be read (fetch.file_roots)")


def _opened(handle: int, path: bytes) -> bytes:
    """Return the path of what was opened, where the system tells: a link may have been turned meanwhile."""
    try:
        return os.readlink(b"/proc/self/fd/%d" % handle)  # noqa: PTH115 - bytes
    except OSError:
        return path


def _check_version(event: ImageEvent, status: os.stat_result) -> None:
    expected = identity.file_mtime(event.generation)
    if expected is not None and max(status.st_mtime_ns, 0) != expected:
        raise RefusalError("changed", "the file was written again after it was listed")


def _no_file(status: os.stat_result) -> RefusalError:
    if stat.S_ISDIR(status.st_mode):
        return RefusalError("is_directory", "the name is a folder's")
    return RefusalError("fetch_failed", "it is no regular file but a pipe, a socket or a device")
