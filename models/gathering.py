"""Batches across callers: a GPU would rather have one batch of all threads' photos than one of each."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Photo = TypeVar("Photo")
Told = TypeVar("Told")

MOST = 32
"""Photos that are worth no more waiting."""
SECONDS = 0.02
"""How long a batch waits for other threads' photos."""


class Gathering(Generic[Photo, Told]):
    """Calls one function for what several threads ask of it at about the same time.

    The first to come waits for the others, until `seconds` have passed or `most` photos are there, and runs all; the others
    wait for it. The photos of one caller stay together and in order.
    """

    def __init__(self, run: Callable[[Sequence[Photo]], list[Told]], *, most: int = MOST, seconds: float = SECONDS):
        self._run = run
        self._most, self._seconds = most, seconds
        self._lock = threading.Lock()
        self._batch: _Batch[Photo, Told] | None = None

    def __call__(self, photos: Sequence[Photo]) -> list[Told]:
        """What the function says of these photos, in order.

        Raises:
            Exception: what the function raised on the batch that they were in.
        """
        with self._lock:
            first = self._batch is None
            batch = self._batch = self._batch or _Batch()
            start = len(batch.photos)
            batch.photos.extend(photos)
            if len(batch.photos) >= self._most:
                self._batch = None
                batch.full.set()
        if first:
            batch.full.wait(self._seconds)
            with self._lock:
                if self._batch is batch:
                    self._batch = None
            batch.answer(self._run)
        batch.done.wait()
        if batch.error:
            raise batch.error
        return batch.told[start : start + len(photos)]


class _Batch(Generic[Photo, Told]):
    """Photos that are run together."""

    def __init__(self) -> None:
        self.photos: list[Photo] = []
        self.told: list[Told] = []
        self.error: BaseException | None = None
        self.full, self.done = threading.Event(), threading.Event()

    def answer(self, run: Callable[[Sequence[Photo]], list[Told]]) -> None:
        try:
            self.told = run(self.photos)
        except BaseException as error:  # every thread that waits is to hear of it
            self.error = error
        finally:
            self.done.set()
