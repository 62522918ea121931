import os
import time
from pathlib import Path

import pytest

from transforms.errors import UserError
from transforms.records import DeadLetter
from transforms.sources.inbox import Inbox
from transforms.sources.names import InputSettings
from transforms.sources.writers import has_writer


@pytest.fixture
def inbox(tmp_path):
    return Inbox(tmp_path, [tmp_path / "out"], InputSettings(), settle_s=0.0)


def old(path: Path, data: bytes = b"x", age_s: float = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def look(inbox):
    return [item.uri.rpartition("/")[2] for one in inbox.poll(1000, 1) for item in one.items]


def test_a_file_that_is_being_written_is_taken_when_it_has_stopped_growing(tmp_path, inbox):
    file = tmp_path / "a.jpg"
    file.write_bytes(b"x")
    assert look(inbox) == []
    file.write_bytes(b"xx")
    assert look(inbox) == []
    assert look(inbox) == ["a.jpg"]
    assert look(inbox) == []


def test_what_lies_there_for_long_is_taken_at_first_sight_and_once(tmp_path, inbox):
    old(tmp_path / "deep" / "b.jpg")
    assert look(inbox) == ["b.jpg"]
    assert look(inbox) == []


def test_a_writer_that_pauses_is_waited_for(tmp_path, inbox):
    if not can_tell_of_writers(tmp_path):
        pytest.skip("needs a file system that grants leases")
    file = old(tmp_path / "a.jpg")
    with file.open("r+b") as writer:
        os.utime(file, (time.time() - 60,) * 2)
        assert look(inbox) == look(inbox) == []
        writer.write(b"whole")
    os.utime(file, (time.time() - 60,) * 2)
    assert look(inbox) == ["a.jpg"]


def test_asking_for_writers_stops_nobody(tmp_path):
    file = old(tmp_path / "a.jpg")
    with file.open("rb") as reader:
        assert not has_writer(os.fsencode(file))
        assert reader.read() == b"x"
    assert not has_writer(os.fsencode(tmp_path / "nowhere"))
    with file.open("ab") as writer:
        writer.write(b"y")


def can_tell_of_writers(folder):
    probe = folder / ".probe"
    with probe.open("wb"):
        return has_writer(os.fsencode(probe))


def test_a_new_version_is_a_new_generation(tmp_path, inbox):
    old(tmp_path / "a.jpg")
    (first,) = inbox.poll(10, 1)
    old(tmp_path / "a.jpg", b"other", age_s=30)
    (second,) = inbox.poll(10, 1)
    assert first.items[0].uri == second.items[0].uri
    assert first.items[0].generation < second.items[0].generation


def test_the_output_hidden_and_foreign_names_are_not_taken(tmp_path, inbox):
    for name in ("out/images/ab/ab.jpg", ".hidden.jpg", "list.csv", "copying.jpg.part"):
        old(tmp_path / name)
    assert look(inbox) == []


def test_no_more_is_taken_than_there_is_room_for(tmp_path, inbox):
    for number in range(5):
        old(tmp_path / f"{number}.jpg")
    taken = [len(inbox.poll(2, 1)) for _ in range(4)]
    assert taken == [2, 2, 1, 0]


def test_a_link_to_nothing_is_a_dead_letter(tmp_path, inbox):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nothing")
    assert inbox.poll(10, 1) == []
    (one,) = inbox.poll(10, 1)
    assert isinstance(one.items[0], DeadLetter) and one.items[0].code == "not_found"


@pytest.mark.parametrize(
    ("place", "said"),
    [("nowhere", "there is no folder"), ("file.jpg", "there is no folder"), ("out/in", "lies in the output")],
)
def test_a_wrong_folder_is_told(tmp_path, place, said):
    (tmp_path / "out" / "in").mkdir(parents=True)
    (tmp_path / "file.jpg").touch()
    with pytest.raises(UserError, match=said):
        Inbox(tmp_path / place, [tmp_path / "out"], InputSettings(), 0.1)
