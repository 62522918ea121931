"""The driver between a source and the tables: once in the tables, answered at least once, whenever it dies."""

import json
import random
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import FAST, Answers, FakeJudge, Killed, Queue, Stream, event, table_rows

from transforms.errors import RefusalError
from transforms.sinks.output import open_output
from transforms.sinks.parked import Parked
from transforms.sinks.tables import Tables


@pytest.fixture
def output(tmp_path):
    return open_output(str(tmp_path / "out"))


@pytest.fixture
def streams():
    made = []
    yield lambda *args, **other: made.append(Stream(*args, **other).start()) or made[-1]
    for stream in made:
        stream.kill()


def names(rows):
    return sorted(row["event_id"] for row in rows)


def test_each_photo_is_recorded_answered_and_acknowledged(output, streams):
    events = [event(n) for n in range(20)]
    stream = streams(output, Queue(events)).idle()
    assert names(table_rows(output)) == sorted(e.event_id for e in events)
    assert sorted(a.key for a in stream.results.sent) == sorted(e.uri for e in events)
    assert sorted(stream.source.settled) == sorted(e.event_id for e in events)


def test_a_redelivered_event_is_acknowledged_without_work(output, streams):
    streams(output, Queue([event(1)])).idle().kill()
    again = streams(output, Queue([event(1)])).idle()
    assert again.judge.judged == []
    assert again.source.settled == [event(1).event_id]
    assert len(table_rows(output)) == 1


def test_an_older_generation_that_comes_later_is_left_out(output, streams):
    streams(output, Queue([event(1, 7)])).idle().kill()
    late = streams(output, Queue([event(1, 5), event(1, 9)])).idle()
    assert sorted(int(row["generation"]) for row in table_rows(output)) == [7, 9]
    assert late.flight.counts["superseded"] == 1


def test_equal_content_is_recorded_whole_but_not_judged(output, streams):
    stream = streams(output, Queue([event(1)]), read=lambda e: b"same").idle()
    stream.source.put(event(2, seller_id="s2"))
    stream.idle().kill()
    # After a restart it is known from the tables.
    stream = streams(output, Queue([event(3, trace_id="t3")]), read=lambda e: b"same").idle()
    assert stream.judge.judged == []
    first, second, third = sorted(table_rows(output), key=lambda row: row["event_id"])
    assert first["duplicate_of"] is None
    assert second["duplicate_of"] == third["duplicate_of"] == first["event_id"]
    assert (second["score"], second["verdict"], second["sha256"]) == (60.0, "accept", first["sha256"])
    assert (second["seller_id"], third["trace_id"]) == ("s2", "t3")
    assert second["delivered_uri"] == second["uri"]


def test_equal_content_in_another_role_is_judged(output, streams):
    stream = streams(output, Queue([event(1, role="main"), event(2, role="size_chart")]), read=lambda e: b"same").idle()
    assert len(stream.judge.judged) == 2


def test_our_own_output_is_not_judged(output, streams):
    import dataclasses

    own = dataclasses.replace(event(1), uri=output.uri("images/ab/ab.jpg"))
    stream = streams(output, Queue([own])).idle()
    assert stream.judge.judged == [] and stream.flight.counts["own output"] == 1


def test_a_refused_photo_is_a_dead_letter_and_answered(output, streams):
    stream = streams(output, Queue([event(1)]), read=lambda e: b"broken").idle()
    assert [row["code"] for row in table_rows(output, "dead_letters")] == ["corrupt"]
    assert [(a.fields["verdict"], a.fields["code"]) for a in stream.results.sent] == [(None, "corrupt")]


def test_a_host_that_hangs_holds_up_nothing_but_itself(output, streams):
    release = threading.Event()

    def read(one):
        if one.event_id == event(0).event_id:
            release.wait(20)
        return one.uri.encode()

    stream = streams(output, Queue([event(n) for n in range(5)]), read=read)
    stream.until(lambda: len(stream.source.settled) == 5)  # the slow one too: it is parked
    assert len(table_rows(output)) == 4
    release.set()
    stream.idle()
    assert len(table_rows(output)) == 5


def test_photos_that_are_slow_one_after_another_are_parked_in_few_commits(output, streams):
    release, commits = threading.Event(), []

    def read(one):
        release.wait(20)
        return one.uri.encode()

    many = FAST.__class__(fetchers=20, per_host=40, park_after_s=0.1)
    stream = streams(output, Queue(), read=read, settings=many)
    add = stream.parked.add
    stream.parked.add = lambda photos: commits.append(len(photos)) or add(photos)
    for number in range(8):
        stream.source.put(event(number, uri=f"https://host{number}.example/1.jpg"))
        until = time.monotonic() + 0.1
        stream.until(lambda until=until: time.monotonic() > until)
    stream.until(lambda: len(stream.source.settled) == 8)
    assert sum(commits) == 8 and len(commits) <= 3
    release.set()
    stream.idle()
    assert len(table_rows(output)) == 8


def test_a_parked_photo_outlives_the_process(output, streams):
    def away(one):
        raise RefusalError("fetch_failed", "503")

    slow = FAST.__class__(fetchers=2, park_after_s=0.0, retry_s=0.3, fetch_tries=50)
    stream = streams(output, Queue([event(1)]), read=away, settings=slow)
    stream.until(lambda: stream.source.settled).kill()
    assert table_rows(output) == []
    after = streams(output, Queue([]))
    after.until(lambda: after.judge.judged)
    after.idle()
    assert names(table_rows(output)) == [event(1).event_id]
    assert table_rows(output, "dead_letters") == []
    streams(output, Queue([])).kill()
    assert Parked(output).read() == [], "what is finished is swept at the next start"


def test_a_parked_photo_whose_successor_was_judged_is_not_taken_up_again(output, streams):
    def read(one):
        if one.generation.endswith("1"):
            raise RefusalError("fetch_failed", "503")
        return one.uri.encode()

    slow = FAST.__class__(fetchers=2, park_after_s=0.0, retry_s=60)
    stream = streams(output, Queue([event(1, 1)]), read=read, settings=slow)
    stream.until(lambda: stream.source.settled)
    stream.source.put(event(1, 2))
    stream.idle().kill()
    after = streams(output, Queue([]))
    assert len(after.flight) == 0
    assert [int(row["generation"]) for row in table_rows(output)] == [2]


def test_what_never_comes_is_a_dead_letter_that_tells_the_tries(output, streams):
    def away(one):
        raise RefusalError("fetch_timeout", "no answer")

    quick = FAST.__class__(fetchers=1, park_after_s=0.05, retry_s=0.001, fetch_tries=3)
    streams(output, Queue([event(1)]), read=away, settings=quick).idle()
    assert [(row["code"], row["attempts"]) for row in table_rows(output, "dead_letters")] == [("fetch_timeout", 3)]


def test_a_version_that_is_gone_is_left_out_when_its_successor_comes(output, streams):
    def read(one):
        if one.generation.endswith("1"):
            raise RefusalError("changed", "no longer there")
        return one.uri.encode()

    stream = streams(output, Queue([event(1, 1)]), read=read)
    stream.until(lambda: any(photo.state == "later" for photo in list(stream.flight._open.values())))
    stream.source.put(event(1, 2))
    stream.idle()
    assert [int(row["generation"]) for row in table_rows(output)] == [2]
    assert table_rows(output, "dead_letters") == []


def test_answers_that_were_not_taken_are_sent_again_after_a_restart(output, streams):
    streams(output, Queue([event(0)])).idle().kill()
    stuck = Answers()
    stuck.answered = dict  # takes nothing for good
    streams(output, Queue([event(1)]), results=stuck).idle().kill()
    streams(output, Queue([event(2)]), read=lambda e: b"broken", results=stuck).idle().kill()
    after = Answers()
    streams(output, Queue([]), results=after).idle().kill()
    assert {a.fields["event_id"] for a in after.sent} >= {event(1).event_id, event(2).event_id}
    last = Answers()
    streams(output, Queue([]), results=last).kill()
    assert last.sent == []


def test_how_far_it_is_answered_is_kept_also_when_nothing_more_comes(output, streams):
    stream = streams(output, Queue([event(1)])).idle()
    deadline = time.monotonic() + 20
    while stream.tables.position("results:list:quality") != stream.results.versions["quality"]:
        stream.driver.step(0.02)
        assert time.monotonic() < deadline
    at = stream.tables.versions()
    for _ in range(3):
        stream.driver._committed_at = 0
        stream.driver.step(0.01)
    assert stream.tables.versions() == at, "said once"
    stream.kill()
    after = Answers()
    streams(output, Queue([]), results=after).kill()
    assert after.sent == []


def test_a_topic_of_dead_letters_gets_each_whole_also_after_a_restart(output, streams):
    from pipelines.streaming.outlet import WHOLE_DEAD_LETTERS, Outlet

    def with_letters(events, place):
        outlets = [Outlet(place, WHOLE_DEAD_LETTERS, "dead letters")]
        return streams(output, Queue(events), read=lambda e: b"broken" if "2" in e.uri else b"x", more_outlets=outlets)

    place = Answers()  # of the same name as the place of the answers
    with_letters([event(1), event(2, trace_id="t2")], place).idle().kill()
    (told,) = place.sent
    (row,) = table_rows(output, "dead_letters")
    assert told.key == row["uri"]
    assert {name: told.fields[name] for name in ("event_id", "code", "payload", "trace_id", "stage")} == {
        "event_id": row["event_id"], "code": "corrupt", "payload": row["payload"], "trace_id": "t2", "stage": "assess",
    }  # fmt: skip
    json.loads(told.data)

    stuck = Answers()
    stuck.answered = dict
    with_letters([event(20)], stuck).idle().kill()
    after = Answers()
    with_letters([], after).idle().kill()
    assert event(20).event_id in {answer.fields["event_id"] for answer in after.sent}


def test_a_photo_inside_a_dead_letter_is_not_sent_along():
    from transforms.sinks.results import MOST_PAYLOAD, whole_dead_letter

    row = {
        "event_id": "e",
        "uri": None,
        "payload": "x" * (MOST_PAYLOAD + 1),
        "failed_at": datetime.now(UTC),
        "dt": None,
    }
    fields = whole_dead_letter(row).fields
    assert fields["payload"] is None and fields["payload_characters"] == MOST_PAYLOAD + 1


def test_what_another_source_brought_is_not_answered_here(output, streams):
    stuck = Answers()
    stuck.answered = dict
    streams(output, Queue([event(1, source_position="elsewhere:1")]), results=stuck).idle().kill()
    after = Answers()
    streams(output, Queue([]), results=after).kill()
    assert after.sent == []


class DyingTables(Tables):
    """Dies at chance: before the commit, between its two tables, or right after it."""

    chance = random.Random()

    def commit_epoch(self, rows, dead_letters, positions=None):
        moment = self.chance.random()
        if moment < 0.1:
            raise Killed
        if moment < 0.2:
            super().commit_epoch([], dead_letters)
            raise Killed
        result = super().commit_epoch(rows, dead_letters, positions)
        if moment > 0.9:
            raise Killed
        return result


class DyingAnswers(Answers):
    def __init__(self, chance, all_sent):
        super().__init__()
        self.chance, self.all_sent = chance, all_sent

    def send(self, answers, versions):
        for answer in answers:
            if self.chance.random() < 0.02:
                raise Killed
            self.all_sent.append(answer.fields["event_id"])
        super().send(answers, versions)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_nothing_is_missing_and_nothing_twice(output, seed):
    chance, sent, deaths = random.Random(seed), [], 0
    events = [event(n % 25, n // 25) for n in range(50)] + [event(n, 0) for n in range(100, 130)]
    chance.shuffle(events)
    settled: set[str] = set()
    small = FAST.__class__(fetchers=2, epoch_photos=8, park_after_s=0.2, retry_s=0.02)

    def read(one):
        if one.event_id[-3] == "7" and chance.random() < 0.3:
            raise RefusalError("fetch_failed", "passing")
        return b"broken" if one.event_id.startswith("e-11") else one.uri.encode()

    for _ in range(60):
        left = [one for one in events if one.event_id not in settled]
        source = Queue(left)
        stream = None
        try:
            stream = Stream(
                output, source, read=read, settings=small,
                results=DyingAnswers(chance, sent),
            )  # fmt: skip
            stream.driver._tables = tables = DyingTables(output)
            tables.chance = chance
            stream.start().idle()
        except Killed:
            deaths += 1
        finally:
            settled |= set(source.settled)
            stream.kill()
        if not left and not Parked(output).read():
            break
    assert deaths > 3, "too gentle a test"
    rows = table_rows(output) + table_rows(output, "dead_letters")
    assert len(names(rows)) == len(set(names(rows))), "twice"
    versions = {(row["uri"], row["generation"]) for row in rows}
    highest = {}
    for one in events:
        highest[one.uri] = max(one.generation, highest.get(one.uri, ""))
    assert set(highest.items()) <= versions, "missing"
    assert set(names(rows)) <= set(sent), "not answered"


def test_stopping_finishes_what_has_begun_and_leaves_the_rest(output):
    from pipelines.stream import drain

    gate = threading.Event()

    def read(one):
        gate.wait(5)
        return one.uri.encode()

    source = Queue([event(n) for n in range(10)])
    patient = FAST.__class__(fetchers=3, per_host=3, park_after_s=60)
    stream = Stream(output, source, read=read, settings=patient).start()
    stream.until(lambda: stream.flight._fetching.total() == 3)
    threading.Timer(0.2, gate.set).start()
    began = time.monotonic()
    drain(stream.driver, stream.intake, stream.flight, 10)
    assert time.monotonic() - began < 5
    assert len(table_rows(output)) == len(source.settled) == 3
    stream.kill()


def test_an_epoch_that_does_not_end_in_time_is_left_to_the_next_process(output):
    from concurrent.futures import Future

    from pipelines.stream import drain

    class Hangs(FakeJudge):
        def begin(self, events):
            return Future()

    source = Queue([event(1)])
    stream = Stream(output, source, judge=Hangs()).start()
    stream.until(lambda: stream.driver._running)
    assert drain(stream.driver, stream.intake, stream.flight, 0.3) is False
    assert source.settled == [] and table_rows(output) == []
    stream.kill()
    again = Stream(output, Queue([event(1)])).start().idle()
    assert names(table_rows(output)) == [event(1).event_id]
    assert drain(again.driver, again.intake, again.flight, 5) is True
    again.kill()


def test_epochs_are_committed_as_they_end_not_as_they_begin(output, streams):
    """The position is of what is committed: an epoch that ends late is not passed by one that ended before it."""
    from concurrent.futures import Future

    held = Future()

    class FirstHangs(FakeJudge):
        def begin(self, events):
            if held.done() or held.running():
                return super().begin(events)
            held.set_running_or_notify_cancel()
            held.events = events
            return held

    judge = FirstHangs()
    stream = streams(output, Queue([event(0)]), judge=judge, settings=FAST.__class__(park_after_s=60))
    stream.until(lambda: held.running())
    stream.source.put(event(1))
    stream.until(lambda: stream.source.settled)
    assert stream.source.settled == [event(1).event_id]
    assert names(table_rows(output)) == [event(1).event_id]
    held.set_result(judge.judge(held.events))
    stream.idle()
    assert len(table_rows(output)) == len(stream.source.settled) == 2


def test_a_place_that_is_away_holds_up_one_commit_not_each():
    from pipelines.streaming.outlet import Outlet

    waits = []

    class Away(Answers):
        away = True

        def waiting(self):
            return int(self.away)

        def wait(self, wait_s):
            waits.append(wait_s)

    place = Away()
    outlet = Outlet(place)
    for _ in range(3):
        outlet.wait(0.3)
    assert len(waits) == 1
    place.away = False
    outlet.wait(0.3)
    place.away = True
    outlet.wait(0.3)
    assert len(waits) == 3
