"""What is known of the photos in hand when a process died."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from transforms.errors import RefusalError
from transforms.imaging.codec.journal import DEATHS_TO_POISON, Journal, absolve

HOLD = """
import sys, threading, time
from pathlib import Path
from transforms.imaging.codec.journal import Journal
journal = Journal(Path(sys.argv[1]))
def hold(event_id):
    with journal.attempt(event_id):
        sys.stdout.write("begun\\n"); sys.stdout.flush()
        time.sleep(60)
with journal.attempt("done before"):
    pass
for event_id in sys.argv[2:]:
    threading.Thread(target=hold, args=[event_id], daemon=True).start()
time.sleep(60)
"""


def die_at(directory: Path, *event_ids: str, how: signal.Signals = signal.SIGKILL) -> None:
    """Let a process die while each of its threads works on one of the events."""
    process = hold(directory, *event_ids)
    process.send_signal(how)
    process.wait()


def hold(directory: Path, *event_ids: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, directory, *event_ids], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in event_ids:
        assert process.stdout.readline() == "begun\n"
    process.stdout.close()
    return process


def test_what_was_in_hand_when_a_process_died_is_suspected_and_nothing_else(tmp_path: Path) -> None:
    die_at(tmp_path, "one", "two\n\u20ac\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    journal = Journal(tmp_path)
    assert journal.suspects() == {"one": 1, "two\n\u20ac\ufffd\ufffd\ufffd": 1}
    with journal.attempt("another") as isolated:
        assert not isolated
    with journal.attempt("one") as isolated:
        assert isolated


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_any_death_counts(tmp_path: Path, how: signal.Signals) -> None:
    die_at(tmp_path, "event", how=how)
    assert Journal(tmp_path).suspects() == {"event": 1}


def test_an_attempt_that_ends_clears_the_suspicion(tmp_path: Path) -> None:
    die_at(tmp_path, "one", "two")
    journal = Journal(tmp_path)
    with journal.attempt("one"):
        pass
    with pytest.raises(RefusalError), journal.attempt("two"):
        raise RefusalError("decoder_crashed", "the decoding process died")
    assert journal.suspects() == {}
    assert Journal(tmp_path).suspects() == {}


def test_an_attempt_that_another_follows_leaves_the_suspicion_to_it(tmp_path: Path) -> None:
    die_at(tmp_path, "event")
    journal = Journal(tmp_path)
    with journal.attempt("event", more=True) as isolated:
        assert isolated
    assert journal.suspects() == {"event": 1}
    with journal.attempt("event") as isolated:
        assert isolated
    assert journal.suspects() == {}


def test_a_refusal_clears_it_even_where_another_attempt_was_to_follow(tmp_path: Path) -> None:
    die_at(tmp_path, "event")
    journal = Journal(tmp_path)
    with pytest.raises(RefusalError), journal.attempt("event", more=True):
        raise RefusalError("decoder_crashed", "the decoding process died")
    assert journal.suspects() == {}


def test_an_interrupted_attempt_leaves_the_suspicion_as_it_was(tmp_path: Path) -> None:
    die_at(tmp_path, "event")
    journal = Journal(tmp_path)
    with pytest.raises(KeyboardInterrupt), journal.attempt("event"):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), journal.attempt("other"):
        raise KeyboardInterrupt
    assert Journal(tmp_path).suspects() == {"event": 1}


def test_a_process_that_ends_on_demand_suspects_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        with journal.attempt("event"):
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(10)
    absolve()
    (slot,) = (tmp_path / "slots").glob("*.slot")
    assert not any(slot.read_bytes()[:4])
    end.set()
    thread.join()


def test_an_event_that_kills_three_times_is_poison_until_cleared(tmp_path: Path) -> None:
    for deaths in range(1, DEATHS_TO_POISON + 1):
        die_at(tmp_path, "event") if deaths == 1 else die_at(tmp_path, "event", "bystander")
        assert Journal(tmp_path).suspects()["event"] == deaths
    journal = Journal(tmp_path)
    with pytest.raises(RefusalError) as refusal, journal.attempt("event"):
        raise AssertionError("poison must not be touched")
    assert refusal.value.code == "poison"
    journal.clear("event")
    with journal.attempt("event") as isolated:
        assert not isolated
    assert journal.suspects() == {"bystander": DEATHS_TO_POISON - 1}


def test_a_forgiven_event_is_tried_again_with_care(tmp_path: Path) -> None:
    for _ in range(DEATHS_TO_POISON):
        die_at(tmp_path, "a")
    journal = Journal(tmp_path)
    journal.forgive("a")
    for asked in (journal, Journal(tmp_path)):
        with asked.attempt("a", more=True) as careful:
            assert careful
    assert Journal(tmp_path).suspects() == {"a": 1}


def test_the_work_of_living_processes_and_threads_is_not_suspected(tmp_path: Path) -> None:
    process = hold(tmp_path, "theirs")
    journal = Journal(tmp_path)
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        with journal.attempt("mine"):
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(10)
    try:
        assert journal.suspects() == {}
        assert Journal(tmp_path).suspects() == {}
    finally:
        end.set()
        thread.join()
        process.kill()
        process.wait()
    assert journal.suspects() == {"theirs": 1}


def test_two_who_look_at_once_count_a_death_once(tmp_path: Path) -> None:
    journals = [Journal(tmp_path) for _ in range(4)]
    die_at(tmp_path, *[f"event {number}" for number in range(20)])
    threads = [threading.Thread(target=journal.suspects) for journal in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Journal(tmp_path).suspects() == {f"event {number}": 1 for number in range(20)}


def test_slots_do_not_pile_up(tmp_path: Path) -> None:
    def work() -> None:
        journal = Journal(tmp_path)
        with journal.attempt("event"):
            pass

    for _ in range(20):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert Journal(tmp_path).suspects() == {}
    assert not list(tmp_path.rglob("*-*"))


def test_a_longer_name_before_does_not_show_behind_a_shorter_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.attempt("a" * 5000):
        pass
    child = os.fork()
    if child == 0:
        try:
            with Journal(tmp_path).attempt("b"):
                os._exit(0)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert Journal(tmp_path).suspects() == {"b": 1}


def test_an_attempt_costs_next_to_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.attempt("warm"):
        pass
    begun = time.perf_counter()
    for _ in range(1_000):
        with journal.attempt("event"):
            pass
    assert (time.perf_counter() - begun) / 1_000 < 500e-6
