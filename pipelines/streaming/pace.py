"""How many photos an epoch takes: as many as are a wanted amount of work, whatever their size."""

KEEP = 0.7
"""Share of what was known that is kept when an epoch ends: a few epochs tell of other photos."""

LEAST = 8
"""Fewer are not worth an epoch: what it costs beside its photos is the work of two of them."""


class Pace:
    """Learns from the epochs that ended. Time on the core counts: on a busy machine small epochs would only add work."""

    def __init__(self, most: int, wanted_s: float):
        """Take how many photos and how much work an epoch may be."""
        self._most = most
        self._wanted_s = wanted_s
        self._photo_s = 0.0

    def note(self, photos: int, core_s: float) -> None:
        """Take in what an epoch of so many photos was."""
        # An epoch of few photos is dear for each of them; larger ones tell more.
        weight = (1 - KEEP) * min(1.0, photos / LEAST) if self._photo_s else 1.0
        self._photo_s += weight * (core_s / photos - self._photo_s)

    def photos(self) -> int:
        """Return how many photos the next epoch may hold."""
        if not self._photo_s:
            return min(self._most, LEAST)
        return min(self._most, max(LEAST, int(self._wanted_s / self._photo_s)))
