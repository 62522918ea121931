"""A deadline that also ends a read: a server that sends a byte now and then never meets a time-out for each read."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator


class Deadline:
    """When it passes, every watched connection is shut, which wakes whoever reads from it."""

    def __init__(self, seconds: float):
        self.end = time.monotonic() + seconds
        self.passed = False
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(max(seconds, 0), self._pass)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Return the seconds that are left, at least .001."""
        return max(self.end - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection too when the deadline passes."""
        # A second handle of the same connection: the first may become part of a TLS object meanwhile.
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._watched.append(handle)
            if self.passed:
                _shut(handle)

    def close(self) -> None:
        """Let go of the connections, unharmed."""
        self._timer.cancel()
        with self._lock:
            for handle in self._watched:
                handle.close()
            self._watched.clear()

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
            for handle in self._watched:
                _shut(handle)


_current = threading.local()


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Make a deadline the one of this thread, so that connections that are made below can be watched."""
    mine = Deadline(seconds)
    _current.deadline = mine
    try:
        yield mine
    finally:
        _current.deadline = None
        mine.close()


def current() -> Deadline | None:
    """Return the deadline of this thread."""
    return getattr(_current, "deadline", None)


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
