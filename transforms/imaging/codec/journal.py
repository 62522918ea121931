"""Which photos were being worked on when a process died, so that the next run is careful with them.

Each worker thread holds one small file, its slot, and writes there which event it has begun and that it is done: two writes of
a page in the kernel's cache, a few microseconds, which outlive the process whatever kills it. The lock on the slot ends with
its process; a slot that nobody locks is of a dead one, and the event in it is a suspect. Who finds it turns it into a mark
in `died/`, one file for each death, so several processes can share the directory without a counter to race for.

Only a crash of the whole machine can lose an entry; then nothing was to blame.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import secrets
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from transforms.errors import RefusalError

DEATHS_TO_POISON = 3
"""The first death makes an event a suspect that decodes in isolation; two more while it is careful condemn it."""

_LENGTH = 4
_IDLE = bytes(_LENGTH)


class Journal:
    """The attempts journal in one directory, shared by the threads of this process and by other processes."""

    def __init__(self, directory: Path):
        """Open the journal and take stock of what has died since.

        Raises:
            OSError: the directory cannot be made or written.
        """
        self._slots, self._died = directory / "slots", directory / "died"
        self._slots.mkdir(parents=True, exist_ok=True)
        self._died.mkdir(exist_ok=True)
        self._thread = threading.local()
        self._suspects: dict[str, int] = {}
        self._collect()

    def suspects(self) -> dict[str, int]:
        """Return each event that was being worked on when a process died, and how often; looks for new deaths."""
        self._collect()
        return dict(self._suspects)

    @contextlib.contextmanager
    def attempt(self, event_id: str, *, more: bool = False) -> Iterator[bool]:
        """Say that this thread works on the event; yield whether it must decode in isolation.

        An attempt that ends, be it by a refusal, clears the event: it did not kill the process. With `more`, another
        attempt on the same event follows one that ends well, and only that one clears it.

        Raises:
            RefusalError: poison, where `DEATHS_TO_POISON` processes have died of it. The marks stay: whoever asks again
                gets the same answer, until `clear`.
        """
        deaths = self._suspects.get(event_id, 0)
        if deaths >= DEATHS_TO_POISON:
            raise RefusalError("poison", f"it was being processed each of the {deaths} times that the process died")
        slot = self._slot()
        name = event_id.encode("utf-8", "surrogatepass")
        os.pwrite(slot, len(name).to_bytes(_LENGTH, "little") + name, 0)
        try:
            yield deaths > 0
        except Exception:
            self._end(slot, event_id)
            raise
        except BaseException:
            # Interrupted in this thread (`absolve` is for the others): nothing is known of the event that was not known before.
            os.pwrite(slot, _IDLE, 0)
            raise
        if more:
            os.pwrite(slot, _IDLE, 0)
        else:
            self._end(slot, event_id)

    def _end(self, slot: int, event_id: str) -> None:
        os.pwrite(slot, _IDLE, 0)
        if event_id in self._suspects:
            self.clear(event_id)

    def clear(self, event_id: str) -> None:
        """Forget the deaths of an event."""
        self._suspects.pop(event_id, None)
        for mark in self._died.glob(f"{_digest(event_id)}-*"):
            mark.unlink(missing_ok=True)

    def forgive(self, event_id: str) -> None:
        """Let an event that somebody asks for once more be tried again, with care: it stays a suspect, no more."""
        if self._suspects.get(event_id, 0) > 1:
            self._suspects[event_id] = 1
            for mark in sorted(self._died.glob(f"{_digest(event_id)}-*"))[1:]:
                mark.unlink(missing_ok=True)

    def _slot(self) -> int:
        slot: _Slot | None = getattr(self._thread, "slot", None)
        if slot is None or slot.pid != os.getpid():
            slot = self._thread.slot = _Slot(self._slots)
        return slot.descriptor

    def _collect(self) -> None:
        """Turn the slots of the dead into marks, then count the marks."""
        for slot in self._slots.glob("*.slot"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), slot.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                event_id = _event_in(file.read())
                if event_id is None:
                    slot.unlink()
                else:
                    # A rename is done once: of two finders the second finds no slot.
                    slot.rename(self._died / f"{_digest(event_id)}-{slot.stem}")
        deaths: Counter[str] = Counter()
        for mark in self._died.iterdir():
            with contextlib.suppress(FileNotFoundError):
                deaths[_event_in(mark.read_bytes()) or ""] += 1
        self._suspects = dict(deaths)


@functools.cache
def open_journal(directory: Path) -> Journal:
    """Return this process's journal in a directory: stages are pickled on their way to a worker, an open journal cannot be."""
    return Journal(directory)


def absolve() -> None:
    """Blank what this process's threads say that they work on: it ends on demand, and no event is to blame for that."""
    for slot in list(_slots):
        os.pwrite(slot.descriptor, _IDLE, 0)


class _Slot:
    """A locked file of this thread. The lock lasts as long as the descriptor, so as long as thread and process."""

    def __init__(self, directory: Path):
        self.pid = os.getpid()
        self._path = directory / f"{self.pid}-{threading.get_ident()}-{secrets.token_hex(8)}.slot"
        fresh = self._path.with_suffix(".new")
        self.descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        os.pwrite(self.descriptor, _IDLE, 0)
        fresh.rename(self._path)
        _slots.add(self)

    def __del__(self) -> None:
        if self.pid == os.getpid():
            self._path.unlink(missing_ok=True)
        os.close(self.descriptor)


_slots: weakref.WeakSet[_Slot] = weakref.WeakSet()
"""Of all threads of this process."""


def _event_in(slot: bytes) -> str | None:
    """Return the event that a slot says was being worked on, None where there was none."""
    name = slot[_LENGTH : _LENGTH + int.from_bytes(slot[:_LENGTH], "little")]
    return name.decode("utf-8", "surrogatepass") if name else None


def _digest(event_id: str) -> str:
    return hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
