"""What a person sees while a job runs: a moving line on a terminal, a line a minute in a log."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Shows how many photos are done, and how fast, until it is left.

    Args:
        done: returns the number so far; asked from another thread.
        quiet: shows nothing.
    """

    TERMINAL_S = 0.5
    LOG_S = 60.0

    def __init__(self, done: Callable[[], int], quiet: bool = False):
        self._done = done
        self._quiet = quiet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> "Progress":
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        if sys.stderr.isatty():
            with tqdm(unit=" photos", desc="judged", file=sys.stderr, leave=False) as bar:
                while not self._stop.wait(self.TERMINAL_S):
                    bar.update(self._done() - bar.n)
            return
        began = time.monotonic()
        while not self._stop.wait(self.LOG_S):
            done, seconds = self._done(), time.monotonic() - began
            print(f"{done} photos in {seconds:.0f} s ({done / seconds:.1f}/s)", file=sys.stderr, flush=True)
