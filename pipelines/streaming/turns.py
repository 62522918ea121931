"""Who is next: lanes in order, and within a lane sellers take turns, so that none waits behind another's thousand photos."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

LANES = ("interactive", "backfill")
"""The first is served before the second."""

T = TypeVar("T")


class Turns(Generic[T]):
    """A queue of elements, each with a lane, a seller and a place from which it comes; not for several threads at once."""

    def __init__(self) -> None:
        self._lanes: dict[str, OrderedDict[str | None, OrderedDict[str, deque[T]]]] = {
            lane: OrderedDict() for lane in LANES
        }
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, element: T, lane: str, seller: str | None, place: str) -> None:
        """Put an element at the end of its seller's queue for that place."""
        places = self._lanes[lane].setdefault(seller, OrderedDict())
        places.setdefault(place, deque()).append(element)
        self._size += 1

    def take(self, free: Callable[[str], bool] = lambda place: True, lane: str | None = None) -> T | None:
        """Return the next element from a place that is `free`, of one lane or of the first that has one; None if none has."""
        for sellers in self._lanes.values() if lane is None else (self._lanes[lane],):
            for seller, places in sellers.items():
                place = next((place for place in places if free(place)), None)
                if place is None:
                    continue
                element = places[place].popleft()
                self._size -= 1
                _rotate(places, place)
                _rotate(sellers, seller)
                return element
        return None


def _rotate(queues: OrderedDict, key: str | None) -> None:
    """Move a queue to the end; drop it when it is empty."""
    if queues[key]:
        queues.move_to_end(key)
    else:
        del queues[key]
