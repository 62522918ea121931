"""Answers on a broker's topic: what is the same for every broker. What a client gives up is handed to it again."""

import abc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from transforms.sinks.results import Answer, Group, Ledger, Versions

LOG = logging.getLogger(__name__)
AGAIN_S = 1.0
"""An answer that was refused is handed in again not sooner."""

QUIET_S = 60.0
"""A broker's troubles are told at most so often."""

Taken = Callable[[str | None], None]
"""Told once for each answer that was handed over: None when the broker has it, else why it was given up."""


class TopicResults(abc.ABC):
    """One topic. Answers may come twice and, between two keys, in any order: consumers keep the highest."""

    def __init__(self, name: str):
        """Take the name under which the tables remember how far they are answered there."""
        self.name = name
        self._ledger = Ledger()
        self._refused: deque[tuple[Answer, Group]] = deque()
        self._tried = 0.0
        self._told = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="answers", daemon=True)

    def send(self, answers: Sequence[Answer], versions: Versions) -> None:
        """Hand them to the client."""
        group = self._ledger.begin(len(answers), versions)
        for answer in answers:
            self._send(answer, group)

    def answered(self) -> Versions:
        """Return up to which versions the broker has everything."""
        return self._ledger.answered()

    def waiting(self) -> int:
        """Return how many answers the broker has not confirmed."""
        return self._ledger.waiting()

    def wait(self, wait_s: float) -> None:
        """Wait for the broker."""
        self._ledger.wait(wait_s)

    def close(self, wait_s: float) -> None:
        """Wait for the broker, then end the client's thread."""
        self.wait(wait_s)
        self._closed.set()
        self._thread.join(5)
        if left := self._ledger.waiting():
            LOG.warning("%d answers were not taken by %s; the next start sends them again", left, self.name)

    @abc.abstractmethod
    def _hand_over(self, answer: Answer, taken: Taken) -> None:
        """Give one answer to the client, which tells `taken` what became of it, now or later."""

    @abc.abstractmethod
    def _turn(self) -> None:
        """Let the client work for a moment: called again and again by a thread of its own."""

    def _send(self, answer: Answer, group: Group) -> None:
        def taken(why: str | None) -> None:
            if why is None:
                self._ledger.taken(group)
            else:
                self._say(f"an answer is sent again after: {why}")
                self._refused.append((answer, group))

        self._hand_over(answer, taken)

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._turn()
            if self._refused and time.monotonic() - self._tried >= AGAIN_S:
                self._tried = time.monotonic()
                for _ in range(len(self._refused)):
                    self._send(*self._refused.popleft())

    def _say(self, text: str) -> None:
        if time.monotonic() - self._told > QUIET_S or not self._told:
            self._told = time.monotonic()
            LOG.warning("%s", text)
