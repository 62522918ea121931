import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.gathering import Gathering


class Doubling:
    """Doubles numbers and notes its batches."""

    def __init__(self, seconds=0.0):
        self.batches = []
        self.seconds = seconds

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        time.sleep(self.seconds)
        return [2 * number for number in numbers]


def together(gathering, asked):
    """Ask from as many threads at once as there are lists."""
    barrier = threading.Barrier(len(asked))

    def one(numbers):
        barrier.wait()
        return gathering(numbers)

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, asked))


def test_threads_share_a_batch_and_each_gets_its_own_answers():
    run = Doubling()
    asked = [[1, 2], [3], [4, 5, 6]]
    assert together(Gathering(run, seconds=20.0, most=6), asked) == [[2, 4], [6], [8, 10, 12]]
    assert [sorted(batch) for batch in run.batches] == [[1, 2, 3, 4, 5, 6]]


def test_a_full_batch_does_not_wait():
    began = time.monotonic()
    assert Gathering(Doubling(), most=3, seconds=30.0)([1, 2, 3]) == [2, 4, 6]
    assert time.monotonic() - began < 15


def test_who_comes_alone_is_answered_when_the_time_is_up():
    run = Doubling()
    assert Gathering(run, seconds=0.02)([7]) == [14]
    assert run.batches == [[7]]


def test_many_calls_lose_and_mix_up_nothing():
    gathering = Gathering(Doubling(0.001), most=8, seconds=0.005)

    def ask(start):
        return [gathering([start + turn]) == [2 * (start + turn)] for turn in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(right) for right in pool.map(ask, range(0, 800, 100)))


def test_what_the_function_raises_reaches_every_thread():
    def fail(numbers):
        raise MemoryError("no room")

    gathering = Gathering(fail, seconds=5.0, most=2)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(gathering, [1]), pool.submit(gathering, [2])]:
            with pytest.raises(MemoryError):
                future.result(timeout=30)
    with pytest.raises(MemoryError):
        gathering([1, 2])
