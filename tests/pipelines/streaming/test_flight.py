"""What is open, in which order, and when a message counts as done: without threads."""

import dataclasses
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import FAST, event, row_of

from pipelines.streaming.flight import Flight
from pipelines.streaming.open_photo import Message
from pipelines.streaming.pace import Pace
from pipelines.streaming.settings import StreamSettings
from pipelines.streaming.turns import Turns
from transforms.errors import RefusalError


def admit(flight, *events, token=None):
    message = Message(token if token is not None else events[0].event_id)
    flight.admit(message, events, None)
    return message


def fetch(flight, data=None, wait_s=0.0):
    photo = flight.next_to_fetch(wait_s)
    assert photo is not None
    data = photo.event.uri.encode() if data is None else data
    flight.came(photo, data, data, None)
    return photo


def settle(flight, share):
    photos = [*share.photos, *share.decided]
    done = share.done + flight.closing(photos)
    flight.settle(photos, [row_of(photo.event, photo.data) for photo in share.photos if photo.data is not None])
    return done


def test_a_message_is_done_when_all_its_photos_are():
    flight = Flight(FAST)
    admit(flight, event(1), event(2), token="both")
    fetch(flight)
    assert settle(flight, flight.take(0, 128)) == []
    fetch(flight)
    assert settle(flight, flight.take(0, 128)) == ["both"]
    assert len(flight) == 0


def test_a_repeated_message_waits_for_the_first_one_and_is_not_fetched():
    flight = Flight(FAST)
    admit(flight, event(1), token="first")
    admit(flight, event(1), token="second")
    fetch(flight)
    assert flight.next_to_fetch(0) is None
    assert sorted(settle(flight, flight.take(0, 128))) == ["first", "second"]


def test_a_message_that_repeats_a_photo_in_an_epoch_is_not_lost():
    flight = Flight(FAST)
    admit(flight, event(1), token="first")
    fetch(flight)
    share = flight.take(0, 128)
    done = flight.closing(share.photos)
    admit(flight, event(1), token="second")
    flight.settle(share.photos, [])
    assert done == ["first"]
    assert flight.take(0, 128).done == ["second"]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_two_open_generations_the_higher_one_is_judged(order):
    flight = Flight(FAST)
    for generation in order:
        admit(flight, event(1, generation), token=generation)
    photo = fetch(flight)
    assert photo.event.generation.endswith("2")
    assert flight.next_to_fetch(0) is None
    assert sorted(settle(flight, flight.take(0, 128))) == [1, 2]
    assert flight.counts["superseded"] == 1


def test_an_older_generation_that_is_being_fetched_is_given_up():
    flight = Flight(FAST)
    admit(flight, event(1, 1))
    old = flight.next_to_fetch(0)
    admit(flight, event(1, 2))
    flight.came(old, b"old", b"old", None)
    new = fetch(flight)
    assert [photo is new for photo in flight.take(0, 128).photos] == [True]
    assert flight.bytes == len(new.event.uri)


def test_equal_content_waits_for_the_first_and_gets_its_row():
    flight = Flight(FAST)
    admit(flight, event(1), event(2), event(3), token="all")
    for _ in range(3):
        fetch(flight, b"same")
    share = flight.take(0, 128)
    assert len(share.photos) == 1
    settle(flight, share)
    share = flight.take(0, 128)
    assert not share.photos
    assert {photo.row["event_id"] for photo in share.decided} == {event(1).event_id}
    assert settle(flight, share) == ["all"]


def test_equal_content_is_judged_itself_where_the_first_got_no_row():
    flight = Flight(FAST)
    admit(flight, event(1), event(2))
    fetch(flight, b"same"), fetch(flight, b"same")
    share = flight.take(0, 128)
    flight.closing(share.photos)
    flight.settle(share.photos, [])
    assert len(flight.take(0, 128).photos) == 1


def test_bytes_bound_what_is_fetched_whatever_the_number():
    flight = Flight(StreamSettings(ahead_bytes=1_000, guess_bytes=400))
    admit(flight, *(event(n) for n in range(10)))
    begun = [photo for _ in range(10) if (photo := flight.next_to_fetch(0)) is not None]
    assert len(begun) == 3
    for photo in begun:
        flight.came(photo, photo.event.uri.encode(), photo.event.uri.encode(), None)
    assert flight.next_to_fetch(0) is not None


def test_one_host_takes_only_its_share_of_the_fetchers():
    flight = Flight(StreamSettings(per_host=2))
    admit(flight, *(event(n) for n in range(5)))
    admit(flight, dataclasses.replace(event(9), uri="https://other.example/9.jpg"))
    places = Counter(photo.place for _ in range(6) if (photo := flight.next_to_fetch(0)) is not None)
    assert places == {"photos.example": 2, "other.example": 1}


def test_what_takes_long_is_to_be_parked_and_then_holds_up_no_message():
    flight = Flight(StreamSettings(park_after_s=0.0))
    admit(flight, event(1), token="slow")
    photo = flight.next_to_fetch(0)
    share = flight.take(0, 128)
    assert share.to_park == [photo]
    assert flight.closing(share.to_park) == ["slow"]
    flight.parked(share.to_park)
    assert not flight.take(0, 128).to_park
    flight.came(photo, b"late", b"late", None)
    assert settle(flight, flight.take(0, 128)) == []


def test_what_failed_is_parked_again_and_comes_when_its_time_has():
    flight = Flight(StreamSettings(park_after_s=0.0))
    admit(flight, event(1), token="failing")
    photo = flight.next_to_fetch(0)
    flight.failed(photo, RefusalError("fetch_failed", "503"), 0.0, None)
    assert flight.take(0, 128).to_park == [photo]
    assert flight.next_to_fetch(0) is photo
    assert photo.tries == 1


def test_what_is_parked_makes_room():
    flight = Flight(StreamSettings(park_after_s=0.0, ahead_photos=1))
    admit(flight, event(1))
    assert flight.room(0) == 0
    photos = flight.take(0, 128).to_park
    flight.closing(photos), flight.parked(photos)
    assert flight.room(0) == 1


def test_sellers_take_turns_and_the_backfill_waits():
    turns = Turns()
    for number in range(50):
        turns.put(f"big-{number}", "interactive", "big", "")
    turns.put("old", "backfill", "small", "")
    turns.put("small", "interactive", "small", "")
    order = [turns.take() for _ in range(52)]
    assert order.index("small") == 1
    assert order[-1] == "old"


def test_slow_hosts_leave_half_of_the_fetchers_to_the_others(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("pipelines.streaming.flight.time.monotonic", lambda: clock[0])
    flight = Flight(StreamSettings(fetchers=8, per_host=4, park_after_s=2))
    slow = [event(n, uri=f"https://slow-{n % 6}.example/{n}.jpg") for n in range(36)]
    for one in slow:
        admit(flight, one)
    begun = [flight.next_to_fetch(0) for _ in range(6)]
    clock[0] += 3
    parked = flight.take(0, 0).to_park
    assert set(begun) <= set(parked)
    flight.parked(parked)
    for photo in begun:  # they time out
        flight.failed(photo, RefusalError("fetch_timeout", "slow"), time.time(), None)
    again = [photo for _ in range(8) if (photo := flight.next_to_fetch(0)) is not None]
    assert len(again) == 4, "half of the fetchers"
    assert max(Counter(photo.place for photo in again).values()) == 1
    admit(flight, event(99, uri="https://quick.example/99.jpg"))
    assert flight.next_to_fetch(0).place == "quick.example"
    clock[0] += 1
    flight.came(again[0], b"x", b"x", None)
    admit(flight, event(100, uri=again[0].event.uri + "2"))
    assert again[0].place not in flight._slow, "it is quick again"


def test_an_epoch_of_those_who_wait_holds_no_photo_of_a_backfill():
    flight = Flight(FAST)
    for number in range(4):
        admit(flight, event(number, extra={"lane": "backfill"} if number % 2 else {}))
        fetch(flight)
    first, second = flight.take(0, 128), flight.take(0, 128)
    assert [photo.lane for photo in first.photos] == ["interactive"] * 2
    assert [photo.lane for photo in second.photos] == ["backfill"] * 2
    assert flight.take(0, 128).photos == []


def test_no_photo_is_begun_while_all_are_busy():
    flight = Flight(FAST)
    admit(flight, event(1))
    fetch(flight)
    assert flight.take(0, 0).photos == []
    assert len(flight.take(0, 1).photos) == 1


@given(st.lists(st.tuples(st.integers(1, 128), st.floats(1e-6, 30)), max_size=20), st.floats(0.1, 10))
def test_an_epoch_is_about_the_wanted_work_and_within_its_bounds(epochs, wanted):
    pace = Pace(128, wanted)
    for photos, core_s in epochs:
        pace.note(photos, core_s)
        assert 8 <= pace.photos() <= 128
    for _ in range(60):
        pace.note(32, 32 * wanted / 20)
    assert abs(pace.photos() - 20) <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), st.randoms(use_true_random=False))
def test_every_message_is_told_exactly_once_and_the_highest_generation_is_judged(versions, chance):
    """Whatever the order of messages, arrivals, failures and epochs."""
    flight = Flight(StreamSettings(park_after_s=1e9, retry_s=0))
    told, judged, fetching = [], {}, []
    waiting = [(at, event(*version)) for at, version in enumerate(versions)]
    _walk(flight, chance, waiting, fetching, judged, told)
    assert sorted(told) == list(range(len(versions)))
    highest = {}
    for number, generation in versions:
        highest[number] = max(generation, highest.get(number, 0))
    for number, generation in highest.items():
        assert generation in judged[event(number).uri]
    assert len(flight) == 0 and flight.bytes == 0


def _walk(flight, chance: random.Random, waiting, fetching, judged, told):
    while waiting or len(flight) or flight._done:
        step = chance.randrange(4)
        if step == 0 and waiting:
            at, one = waiting.pop(0)
            # As the intake does: what is judged already, or older than that, is not admitted.
            known = judged.get(one.uri, set())
            wanted = [] if known and max(known) >= int(one.generation) else [one]
            flight.admit(Message(at), wanted, None)
        elif step == 1 and (photo := flight.next_to_fetch(0)) is not None:
            fetching.append(photo)
        elif step == 2 and fetching:
            photo = fetching.pop(chance.randrange(len(fetching)))
            if chance.random() < 0.3:
                flight.failed(photo, RefusalError("fetch_failed", ""), 0.0, None)
            else:
                data = b"same" if chance.random() < 0.3 else f"{photo.event.event_id}".encode()
                flight.came(photo, data, data, None)
        elif step == 3:
            share = flight.take(0, 128)
            photos = [*share.photos, *share.decided]
            told += share.done + flight.closing(photos)
            for photo in photos:
                judged.setdefault(photo.event.uri, set()).add(int(photo.event.generation))
            flight.settle(photos, [row_of(photo.event, b"x") for photo in share.photos])
