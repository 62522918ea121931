"""How many photos an epoch takes: as many as are judged in about the wanted time, whatever their size."""

KEEP = 0.7
"""Share of what was known that is kept when an epoch ends: a few epochs tell of other photos."""

LEAST = 8
"""Fewer are not worth an epoch: what it costs beside its photos is the time of some of them."""


class Pace:
    """Learns from the epochs that ended."""

    def __init__(self, most: int, wanted_s: float):
        """Begin with `most` photos an epoch, which also is never exceeded."""
        self._most = most
        self._wanted_s = wanted_s
        self._photo_s = 0.0

    def note(self, photos: int, seconds: float) -> None:
        """Take in that an epoch of so many photos took so long."""
        photo_s = seconds / photos
        # The first photos of a stream are few and slow; larger epochs tell more.
        weight = (1 - KEEP) * min(1.0, photos / LEAST) if self._photo_s else 1.0
        self._photo_s += weight * (photo_s - self._photo_s)

    def photos(self) -> int:
        """Return how many photos the next epoch may hold."""
        if not self._photo_s:
            return min(self._most, LEAST)
        return min(self._most, max(LEAST, int(self._wanted_s / self._photo_s)))
