"""Whatever a user names is judged, or said plainly to be nothing that can be."""

import json
import os
import stat
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from transforms import identity
from transforms.errors import UserError
from transforms.records import DeadLetter, ImageEvent
from transforms.sources import folder
from transforms.sources.names import InputSettings, matches
from transforms.sources.read import describe_left_out, read

SETTINGS = InputSettings()


def make(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"photo")


def names(source: object, output: object = None, left_out: Counter[str] | None = None) -> list[str]:
    """Return what was found, as the last parts of the URIs; dead letters as name!code."""
    found = read(str(source), None if output is None else str(output), SETTINGS, left_out)
    return [
        (item.uri or "").rpartition("/")[2] + (f"!{item.code}" if isinstance(item, DeadLetter) else "")
        for item in found
    ]


def test_a_folder_gives_every_file_below_it_in_one_order(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a/z.png", "a/deep/er/y", "c.JPEG", "B.webp")
    assert names(tmp_path) == ["B.webp", "y", "z.png", "b.jpg", "c.JPEG"]
    assert names(f"{tmp_path}/") == names(f"file://{tmp_path}") == names(tmp_path)


def test_an_events_generation_is_the_files_time_of_change(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(0, 1_700_000_000_123_456_789))
    (event,) = read(str(tmp_path), None, SETTINGS)
    assert isinstance(event, ImageEvent)
    assert identity.file_mtime(event.generation) == 1_700_000_000_123_456_789
    assert event.size == 5 and event.event_time is not None and event.event_time.year == 2023


def test_what_lies_beside_photos_is_left_out_and_counted(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a.xmp", "list.csv", "more.CSV", ".hidden.jpg", ".git/x.jpg", "__MACOSX/a.jpg", "Thumbs.db")
    left_out: Counter[str] = Counter()
    assert names(tmp_path, left_out=left_out) == ["a.jpg"]
    assert left_out == {"hidden": 2, "*.csv": 2, "*.xmp": 1, "__macosx": 1, "thumbs.db": 1}
    assert describe_left_out(left_out).startswith("left out 2 ")


def test_a_file_named_by_itself_is_taken_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt")
    assert names(tmp_path / "notes.txt") == ["notes.txt"]


def test_names_of_any_bytes_come_through(tmp_path: Path) -> None:
    odd = [b"new\nline.jpg", b"\xff\xfe.jpg", b" space.jpg", b"100%.jpg", "ü.jpg".encode(), b"a?b#c.jpg"]
    make(tmp_path, *odd)
    found = [identity.file_path(item.uri or "").rpartition(b"/")[2] for item in read(str(tmp_path), None, SETTINGS)]
    assert found == sorted(odd)


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    make(tmp_path, "in/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/self.jpg").symlink_to(tmp_path / "in/self.jpg")
    (tmp_path / "in/gone.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "in/link.jpg").symlink_to(tmp_path / "in/a.jpg")
    (tmp_path / "in/other").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "in") == ["a.jpg", "gone.jpg!not_found", "link.jpg", "b.jpg", "self.jpg!not_found"]


def test_a_folder_named_like_a_photo_is_said_and_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg/b.jpg")
    assert names(tmp_path) == ["a.jpg!is_directory", "b.jpg"]
    assert names(f"{tmp_path}/*.jpg") == ["a.jpg!is_directory"]


def test_a_pipe_is_left_out_without_waiting_for_a_writer(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    left_out: Counter[str] = Counter()
    assert names(tmp_path, left_out=left_out) == ["a.jpg"]
    assert left_out == {"no regular file": 1}
    with pytest.raises(UserError, match="neither a folder nor a file"):
        read(str(tmp_path / "b.jpg"), None, SETTINGS)


@pytest.mark.parametrize("output", ["in/out", "in", "."])
def test_our_own_output_is_never_an_input(tmp_path: Path, output: str) -> None:
    make(tmp_path, "in/out/images/ab/x.jpg", "in/a.jpg")
    if output == "in/out":
        left_out: Counter[str] = Counter()
        assert names(tmp_path / "in", tmp_path / output, left_out) == ["a.jpg"]
        assert left_out == {"own output": 1}
        (tmp_path / "link").symlink_to(tmp_path / "in")
        assert names(tmp_path / "link", tmp_path / output) == ["a.jpg"]
        make(tmp_path, "in/m.csv")
        (tmp_path / "in/m.csv").write_text("uri\na.jpg\nout/images/ab/x.jpg\n")
        assert names(tmp_path / "in/m.csv", tmp_path / output) == ["a.jpg"]
        assert names(f"{tmp_path}/in/**/*.jpg", tmp_path / output) == ["a.jpg"]
    else:
        with pytest.raises(UserError, match="lies in the output folder"):
            names(tmp_path / "in", tmp_path / output)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a.jpg", "b.jpg"]),
        ("**/*.jpg", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]),
        ("*/*.jpg", ["c.jpg"]),
        ("s*/**/d.jpg", ["d.jpg"]),
        ("[ab].*", ["a.jpg", "b.jpg"]),
        ("?.jpg", ["a.jpg", "b.jpg"]),
        (".h/*.jpg", ["e.jpg"]),
        ("*.csv", ["t.csv"]),
        ("sub/*", ["c.jpg"]),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg", "sub/x/d.jpg", ".h/e.jpg", "t.csv", "n.txt")
    assert names(f"{tmp_path}/{pattern}") == expected


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    make(tmp_path, "a[1].jpg", "a1.jpg")
    assert names(tmp_path / "a[1].jpg") == ["a%5B1%5D.jpg"]


def test_a_pattern_names_each_file_once() -> None:
    assert matches(("a", "b", "c.jpg"), ("**", "a", "**", "*.jpg"))
    assert not matches(("a", ".b", "c.jpg"), ("**", "*.jpg"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{}/missing", "cannot be read: No such file"),
        ("{}/empty", "there is no photo in"),
        ("{}/texts", r"there is no photo in .*: left out 2 \*.txt"),
        ("{}/*.heic", "there is no photo in"),
        ("{}/missing/*.jpg", "cannot be listed"),
        ("https://shop.example/photos", "cannot be listed: write the addresses into a manifest"),
        ("ftp://host/a", "is no input"),
        ("gs://", "names no bucket"),
        ("", "is an empty text"),
        ("file://host/a", "names another machine"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    make(tmp_path, "texts/a.txt", "texts/b.txt")
    with pytest.raises(UserError, match=said):
        read(source.format(tmp_path), None, SETTINGS)


def test_a_folder_that_may_not_be_read_is_a_dead_letter_inside_and_a_sentence_by_itself(unprivileged: Path) -> None:
    make(unprivileged, "in/a.jpg", "in/closed/b.jpg", "in/closed.jpg/c.jpg")
    for closed in ("in/closed", "in/closed.jpg"):
        (unprivileged / closed).chmod(0)
    assert names(unprivileged / "in") == ["a.jpg", "closed!permission_denied", "closed.jpg!permission_denied"]
    with pytest.raises(UserError, match="cannot be listed: Permission denied"):
        read(str(unprivileged / "in/closed"), None, SETTINGS)
    (unprivileged / "in/a.jpg").chmod(0)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        read(str(unprivileged / "in/a.jpg"), None, SETTINGS)


def test_dead_letters_of_a_folder_have_distinct_ids_that_stay(tmp_path: Path) -> None:
    for name in ("x.jpg", "y.jpg"):
        (tmp_path / name).symlink_to("nowhere")
    first, second = ([item.event_id for item in read(str(tmp_path), None, SETTINGS)] for _ in range(2))
    assert first == second and len(set(first)) == 2


def test_a_large_folder_is_sorted_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, *(f"{n * 7919 % 1000:03d}{chr(10)}.jpg" for n in range(1000)))
    whole = names(tmp_path)
    monkeypatch.setattr(folder, "NAMES_IN_MEMORY", 64)
    assert names(tmp_path) == whole == sorted(whole) and len(whole) == 1000


def test_memory_does_not_grow_with_the_number_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up folder of 10,000 and of 100,000 names: the peaks differ by less than 90,000 names take."""

    class Entry:
        def __init__(self, name: bytes):
            self.name = name

    class Listing:
        def __init__(self, count: int):
            self.entries = (Entry(b"%012d.jpg" % n) for n in range(count))

        def __enter__(self):
            return self.entries

        def __exit__(self, *_):
            return None

    peaks = []
    monkeypatch.setattr(folder, "NAMES_IN_MEMORY", 2_000)
    for count in (10_000, 100_000):
        monkeypatch.setattr(folder.os, "scandir", lambda _, count=count: Listing(count))
        tracemalloc.start()
        assert sum(1 for _ in folder._sorted_names(b"/")) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 400_000, peaks


def test_deep_folders_do_not_break_it(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(100):
        deep = deep / "dd"
    make(deep, "a.jpg")
    assert names(tmp_path) == ["a.jpg"]


def test_payload_of_a_source_dead_letter_is_json(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).symlink_to("nowhere")
    (letter,) = read(str(tmp_path), None, SETTINGS)
    assert isinstance(letter, DeadLetter) and json.loads(letter.payload)["uri"].endswith("/%FF.jpg")
    assert stat.S_ISLNK(os.lstat(os.fsencode(tmp_path) + b"/\xff.jpg").st_mode)
