"""A file's bytes within limits, exactly that version, and nothing that could block or lead elsewhere."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from transforms import identity
from transforms.errors import RefusalError
from transforms.fetch import FetchSettings, fetch, local
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent

SETTINGS = FetchSettings()
LIMITS = DecodeLimits(max_bytes=1_000)


def event(path: Path | bytes, generation: str = "") -> ImageEvent:
    return ImageEvent("e", identity.file_uri(os.fsencode(path)), generation)


def code_of(wanted: ImageEvent, settings: FetchSettings = SETTINGS) -> str:
    with pytest.raises(RefusalError) as refused:
        fetch(wanted, settings, LIMITS)
    return refused.value.code


def test_a_files_bytes_come_back(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff new\nline %41.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"photo")
    assert fetch(event(odd), SETTINGS, LIMITS) == b"photo"


@pytest.mark.parametrize(("size", "code"), [(0, "empty_file"), (1, ""), (1_000, ""), (1_001, "too_many_bytes")])
def test_limits_on_bytes(tmp_path: Path, size: int, code: str) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    wanted = [event(tmp_path / "a"), ImageEvent("e", "https://h/a", data=b"x" * size)]
    for each in wanted:
        assert code_of(each) == code if code else len(fetch(each, SETTINGS, LIMITS)) == size


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(10**12)
    monkeypatch.setattr(local, "_read_all", lambda *_: pytest.fail("read"))
    assert code_of(event(tmp_path / "a")) == "too_many_bytes"


def test_a_file_that_grows_while_it_is_read_stops_at_the_limit(tmp_path: Path) -> None:
    class Growing:
        def read(self, size: int) -> bytes:
            return b"x" * size

    assert len(local._read_all(Growing(), 10, 1_000)) <= 1_000 + (1 << 20)


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "d.jpg").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "f").write_bytes(b"x")
    assert code_of(event(tmp_path / "missing")) == "not_found"
    assert code_of(event(tmp_path / "loop")) == "not_found"
    assert code_of(event(tmp_path / "f" / "below")) == "not_found"
    assert code_of(event(tmp_path / ("n" * 300))) == "not_found"
    assert code_of(event(tmp_path / "d.jpg")) == "is_directory"


@pytest.mark.timeout(10)
def test_a_pipe_or_a_device_neither_blocks_nor_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert code_of(event(tmp_path / "pipe.jpg")) == "fetch_failed"
    assert code_of(event(Path("/dev/zero"))) == "fetch_failed"


def test_a_file_written_again_after_it_was_listed_is_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    generation = identity.mtime_generation((tmp_path / "a").stat().st_mtime_ns)
    assert fetch(event(tmp_path / "a", generation), SETTINGS, LIMITS) == b"x"
    os.utime(tmp_path / "a", ns=(0, 77))
    assert code_of(event(tmp_path / "a", generation)) == "changed"
    assert fetch(event(tmp_path / "a", identity.integer_generation(3)), SETTINGS, LIMITS) == b"x"


def test_a_file_written_again_while_it_is_read_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x")
    generation = identity.mtime_generation((tmp_path / "a").stat().st_mtime_ns)
    whole = local._read_all

    def read_and_touch(*given):
        os.utime(tmp_path / "a", ns=(0, 77))
        return whole(*given)

    monkeypatch.setattr(local, "_read_all", read_and_touch)
    assert code_of(event(tmp_path / "a", generation)) == "changed"


def test_a_message_reads_files_only_below_the_roots(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(b"x")
    (tmp_path / "inside").write_bytes(b"x")
    (tmp_path / "in/link").symlink_to(tmp_path / "inside")
    (tmp_path / "door").symlink_to(tmp_path / "in")
    only = replace(SETTINGS, file_roots=(str(tmp_path / "door"),))
    assert fetch(event(tmp_path / "in/a"), only, LIMITS) == b"x"
    for outside in ("inside", "in/link", "missing", "in"):
        assert code_of(event(tmp_path / outside), only) == "forbidden_location"
    raw = ImageEvent("e", f"file://{tmp_path}/in/../inside")
    assert code_of(raw, only) == "forbidden_location"
    assert code_of(event(tmp_path / "in/a"), SETTINGS.for_messages()) == "forbidden_location"


def test_a_link_that_is_turned_between_check_and_opening_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"s")
    check, calls = local._check_root, []

    def turn_after_the_first(path: bytes, roots: tuple[str, ...]) -> None:
        check(path, roots)
        if not calls:
            (tmp_path / "in/a").unlink()
            (tmp_path / "in/a").symlink_to(tmp_path / "secret")
        calls.append(path)

    monkeypatch.setattr(local, "_check_root", turn_after_the_first)
    assert (
        code_of(event(tmp_path / "in/a"), replace(SETTINGS, file_roots=(str(tmp_path / "in"),))) == "forbidden_location"
    )


def test_a_file_that_may_not_be_read(unprivileged: Path) -> None:
    (unprivileged / "a").write_bytes(b"x")
    (unprivileged / "a").chmod(0)
    assert code_of(event(unprivileged / "a")) == "permission_denied"


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    handles = Path("/proc/self/fd")
    if not handles.exists():
        pytest.skip("this system has no /proc")
    before = len(list(handles.iterdir()))
    for _ in range(50):
        fetch(event(tmp_path / "a"), SETTINGS, LIMITS)
        code_of(event(tmp_path))
    assert len(list(handles.iterdir())) <= before
