"""What may pass is tried again, a bounded number of times and for a bounded time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import RefusalError
from transforms.fetch.limits import FetchSettings, PassingError
from transforms.fetch.retry import with_retries


class Clock:
    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time


@given(st.integers(1, 8), st.floats(0, 4), st.floats(0.1, 100), st.floats(0, 30), st.floats(0, 50))
def test_attempts_and_time_are_bounded(attempts: int, pause: float, total: float, takes: float, asked: float) -> None:
    settings = FetchSettings(attempts=attempts, pause_s=pause, total_s=total, attempt_s=20)
    clock, given_s = Clock(), []

    def attempt(left_s: float) -> bytes:
        given_s.append(left_s)
        clock.time += min(takes, left_s)
        raise PassingError(RefusalError("fetch_failed", "busy"), asked)

    with pytest.raises(RefusalError, match="busy"):
        with_retries(attempt, settings, clock.sleep, clock.now)
    assert 1 <= len(given_s) <= attempts
    assert clock.time <= total + 1e-9
    assert all(0 < left <= 20 for left in given_s)
    assert all(asked <= pause_taken <= max(asked, pause * 2**n) for n, pause_taken in enumerate(clock.pauses))


def test_pauses_differ_so_that_readers_do_not_come_back_together() -> None:
    clock = Clock()

    def attempt(_: float) -> bytes:
        raise PassingError(RefusalError("fetch_failed", "busy"))

    for _ in range(20):
        with pytest.raises(RefusalError):
            with_retries(attempt, FetchSettings(attempts=2, total_s=1e9), clock.sleep, clock.now)
    assert len(set(clock.pauses)) == 20


def test_what_will_not_pass_is_not_tried_again() -> None:
    tries = []

    def attempt(left_s: float) -> bytes:
        tries.append(left_s)
        raise RefusalError("not_found", "gone")

    with pytest.raises(RefusalError, match="gone"):
        with_retries(attempt, FetchSettings())
    assert len(tries) == 1
