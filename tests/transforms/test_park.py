"""Photos that are fetched beside the bundles. (FnApiRunner lets no timer set another one: those are driven by hand here.)"""

import hashlib
import threading
import time

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from transforms.arrived import ARRIVED, Lender
from transforms.errors import RefusalError
from transforms.park import SLOW_HOST, Fetched, Fetches, FetchOrPark, Parking, _Read, without_older
from transforms.records import ImageEvent
from transforms.sinks.parked import ParkedPhoto

PARKING = Parking(park_after_s=0.2, tries=3, retry_s=0.05, fetchers=4)
ASKED: list[str] = []


@pytest.fixture(autouse=True)
def afresh():
    ASKED.clear()
    yield
    ARRIVED.clear()


def event(name, generation=""):
    return ImageEvent(f"{name}-{generation}", f"https://{name}.example/photo.jpg", generation)


def read(one):
    """Fetch as the host's name says."""
    ASKED.append(one.event_id)
    kind = one.uri.split("/")[2].partition(".")[0]
    if kind == "slow":
        time.sleep(1)
    if kind == "dead" or (kind == "late" and ASKED.count(one.event_id) < 3):
        raise RefusalError("fetch_failed", "503")
    if kind == "broken":
        raise ValueError("no such luck")
    if kind == "big":
        raise RefusalError("too_many_bytes", "many")
    return one.event_id.encode()


class Kept:
    """State of one key, and its timer, as a runner gives them."""

    def __init__(self):
        self.value, self.at = None, None

    def read(self):
        return self.value

    def write(self, value):
        self.value = value

    def clear(self):
        self.value = None

    def set(self, at):
        self.at = at


def judged(*events):
    """Return what became of events, keyed as a runner would: what was fetched, and the dead letters."""
    keys, found, read_ = {}, [], _Read(read, PARKING)
    for one in events:
        kept = keys.setdefault(one.uri, Kept())
        found += read_.process((one.uri, one), kept, kept)
    while due := [kept for kept in keys.values() if kept.at is not None]:
        first = min(due, key=lambda kept: kept.at)
        time.sleep(max(0.0, min(0.05, first.at - time.time())))  # a clock that runs fast
        first.at = None
        found += read_.wake(first, first)
    assert not any(kept.value for kept in keys.values())
    letters = [one.value for one in found if isinstance(one, beam.pvalue.TaggedOutput)]
    return [one for one in found if isinstance(one, Fetched)], letters


def test_it_is_a_stage_of_a_graph():
    def check(found):
        assert [(one.event.event_id, len(one.sha256)) for one in found] == [("quick-", 64)]

    def check_letters(found):
        assert [one.code for one in found] == ["too_many_bytes"]

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        events = pipeline | beam.Create([event("quick"), event("big")], reshuffle=False)
        made = events | FetchOrPark(read, PARKING)
        assert_that(made.results, check)
        assert_that(made.failures[0], check_letters, label="letters")


def test_what_is_fetched_is_there_to_be_taken_up():
    ((one,), letters) = judged(event("quick"))
    assert ARRIVED.pop(one.event.event_id) == b"quick-" and not letters
    assert one.sha256 == hashlib.sha256(b"quick-").hexdigest()


def test_a_fetch_that_fails_is_tried_again_until_it_comes():
    fetched, letters = judged(event("late"))
    assert [one.event.event_id for one in fetched] == ["late-"] and not letters
    assert ASKED == ["late-"] * 3


def test_a_fetch_that_fails_too_often_is_a_dead_letter():
    fetched, (letter,) = judged(event("dead"))
    assert not fetched and (letter.code, letter.stage, letter.attempts) == ("fetch_failed", "fetch", 3)
    assert ASKED == ["dead-"] * 3


@pytest.mark.parametrize(("name", "code"), [("big", "too_many_bytes"), ("broken", "internal_error")])
def test_what_will_not_pass_is_a_dead_letter_at_once(name, code):
    fetched, (letter,) = judged(event(name))
    assert not fetched and letter.code == code and len(ASKED) == 1


def test_a_slow_photo_lets_the_others_by_and_is_fetched_once():
    fetched, letters = judged(event("slow"), event("quick"))
    assert [one.event.event_id for one in fetched] == ["quick-", "slow-"] and not letters
    assert sorted(ASKED) == ["quick-", "slow-"]


def test_an_older_version_that_is_parked_gives_way_to_a_newer_one():
    parked = [ParkedPhoto(event("a", f"{n:020d}"), 1, 0.0) for n in (1, 3)] + [ParkedPhoto(event("a"), 0, 0.0)]
    assert without_older(parked, event("a", f"{2:020d}")) == parked[1:]
    assert without_older(parked, event("a")) == parked


def test_a_newer_version_takes_the_place_of_a_slow_older_one():
    versions = [event("slow", f"{number:020d}") for number in (1, 2)]
    fetched, letters = judged(*versions)
    assert [one.event for one in fetched] == versions[1:] and not letters


def test_a_slow_host_gets_few_fetchers_until_it_answers_quickly():
    gate, fetches = threading.Event(), Fetches()

    def wait(one):
        gate.wait(10)
        return b"x"

    events = [ImageEvent(f"e{n}", f"https://host.example/{n}.jpg") for n in range(SLOW_HOST + 2)]
    begun = [fetches.begin(one, wait, PARKING) for one in events[:SLOW_HOST]]
    fetches.note_slow(events[0])
    assert not fetches.is_quick(events[-1]) and fetches.begin(events[-1], wait, PARKING) is None
    assert fetches.begin(ImageEvent("o", "https://other.example/1.jpg"), lambda one: b"y", PARKING).result(10)
    assert fetches.begin(events[0], wait, PARKING) is begun[0]
    gate.set()
    for one in begun:
        one.result(10)
    assert fetches.begin(events[-1], wait, PARKING).result(10) and fetches.is_quick(events[0])


def test_only_the_newest_photos_are_lent():
    lender = Lender(most_bytes=10)
    for name in "abcd":
        lender.lend(name, b"1234")
    assert set(ARRIVED) == {"c", "d"}
    ARRIVED.pop("c")
    lender.lend("e", b"12345678")
    assert set(ARRIVED) == {"e"}
