"""Photos fetched before their events entered the graph, or before they crossed an edge of it. Only names cross edges; the
bytes wait here, by reference.
"""

import threading
from collections import deque

ARRIVED: dict[str, bytes] = {}
"""Event id -> the encoded photo; taken out by the stage that begins the photo's case. Empty where nothing fetches ahead."""

LENT_BYTES = 256_000_000
"""Of what was lent last; what is not there any more when its case begins is fetched again."""


class Lender:
    """Leaves photos for a stage that may be in this process or in another one: only the newest are kept."""

    def __init__(self, most_bytes: int = LENT_BYTES):
        """Take how many bytes of photos may wait."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lent: deque[tuple[str, int]] = deque()
        self._lock = threading.Lock()

    def lend(self, event_id: str, data: bytes) -> None:
        """Leave one; what was taken meanwhile counts too, until it is the oldest."""
        with self._lock:
            ARRIVED[event_id] = data
            self._lent.append((event_id, len(data)))
            self._bytes += len(data)
            while self._bytes > self._most_bytes:
                oldest, size = self._lent.popleft()
                self._bytes -= size
                ARRIVED.pop(oldest, None)


LENDER = Lender()
"""The process's own."""
