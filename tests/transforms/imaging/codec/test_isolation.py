"""The decoding process: what it gives back, and what becomes of us when it dies, hangs or asks for too much."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transforms.errors import RefusalError
from transforms.imaging.codec import isolation
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.header import read_header
from transforms.imaging.codec.isolation import decode_isolated, end_processes
from transforms.imaging.codec.limits import DecodeLimits

LIMITS = DecodeLimits()


def stored(form: str, width: int = 64, height: int = 40, **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


@pytest.fixture(autouse=True)
def only_our_processes() -> Iterator[None]:
    end_processes()
    yield
    end_processes()


def waiting() -> list[int]:
    """The ids of the decoding processes that wait for work."""
    return [process.process.pid for process in isolation._idle]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_same_photo_comes_out_of_both_processes(form: str) -> None:
    data = stored(form)
    here, there = decode(data, LIMITS), decode(data, LIMITS, isolated=True)
    assert np.array_equal(here.pixels, there.pixels)
    assert replace(here, pixels=there.pixels) == there
    assert read_header(data, LIMITS) == read_header(data, LIMITS, isolated=True)


def test_the_pixels_can_be_written_and_outlive_the_process() -> None:
    photo = decode(stored("BMP"), LIMITS)
    end_processes()
    photo.pixels[:] = 7
    assert int(photo.pixels.sum()) == photo.pixels.size * 7


def test_one_process_serves_many_files() -> None:
    decode(stored("BMP"), LIMITS)
    (first,) = waiting()
    for form in ("GIF", "TIFF", "BMP", "PPM"):
        decode(stored(form), LIMITS)
    with pytest.raises(RefusalError):
        decode(b"GIF89a" + bytes(30), LIMITS)
    assert waiting() == [first]


def test_threads_decode_side_by_side() -> None:
    widths, wrong = range(50, 56), []

    def work(width: int) -> None:
        mine = stored("BMP", width, 30)
        wrong.extend({decode(mine, LIMITS).pixels.shape for _ in range(5)} - {(30, width, 3)})

    threads = [threading.Thread(target=work, args=[width]) for width in widths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= len(waiting()) <= len(widths)


def test_a_process_that_died_between_two_files_is_replaced() -> None:
    decode(stored("BMP"), LIMITS)
    (first,) = waiting()
    os.kill(first, signal.SIGKILL)
    while (Path("/proc") / str(first) / "cmdline").read_bytes():
        time.sleep(0.01)
    assert decode(stored("BMP"), LIMITS).pixels.shape == (40, 64, 3)
    assert waiting() != [first]


def test_a_process_that_dies_on_a_file_is_given_a_second_look_by_a_fresh_one() -> None:
    decode(stored("BMP"), LIMITS)
    (first,) = waiting()
    die_soon(first)
    assert decode(stored("BMP"), LIMITS).pixels.shape == (40, 64, 3)
    assert first not in waiting()


def test_a_file_that_a_fresh_decoder_dies_on_is_refused_and_the_next_one_decodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = isolation._Process.__init__

    def start_dying(process: isolation._Process) -> None:
        start(process)
        die_soon(process.process.pid)

    with monkeypatch.context() as patch:
        patch.setattr(isolation._Process, "__init__", start_dying)
        with pytest.raises(RefusalError) as refusal:
            decode(stored("BMP"), LIMITS)
    assert refusal.value.code == "decoder_crashed"
    assert "signal 11" in refusal.value.message
    assert decode(stored("BMP"), LIMITS).pixels.shape == (40, 64, 3)


def die_soon(pid: int) -> None:
    """Stop a process now and let it die of a segmentation fault while it has a file in hand."""
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, [pid, signal.SIGSEGV]).start()
    threading.Timer(0.4, os.kill, [pid, signal.SIGCONT]).start()


def test_a_decoder_that_sleeps_is_killed_when_its_time_is_up() -> None:
    decode(stored("BMP"), LIMITS)
    (first,) = waiting()
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(RefusalError) as refusal:
        decode(stored("BMP"), replace(LIMITS, timeout_s=0.1))
    assert refusal.value.code == "decode_timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_decoder_that_works_for_too_long_is_killed() -> None:
    slow = stored("TIFF", 3000, 2000, compression="tiff_lzw")
    with pytest.raises(RefusalError) as refusal:
        decode(slow, replace(LIMITS, timeout_s=0.05))
    assert refusal.value.code == "decode_timeout"


def test_memory_is_limited() -> None:
    out = io.BytesIO()
    Image.new("RGB", (5000, 4000)).save(out, "TIFF", compression="tiff_lzw")
    large = out.getvalue()
    with pytest.raises(RefusalError) as refusal:
        decode(large, replace(LIMITS, memory_bytes=250_000_000))
    assert refusal.value.code == "decode_memory"
    assert decode(large, LIMITS).pixels.shape == (4000, 5000, 3)


PARENT = """
import sys
from transforms.imaging.codec import isolation
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
decode(open(sys.argv[1], "rb").read(), DecodeLimits())
print(isolation._idle[0].process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_process_ends_with_its_parent(tmp_path: Path, how: signal.Signals | None) -> None:
    (tmp_path / "photo").write_bytes(stored("BMP"))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "photo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None and parent.stdin is not None
    child = int(parent.stdout.readline())
    parent.send_signal(how) if how else parent.stdin.close()
    parent.wait()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_fork_does_not_use_the_parents_process() -> None:
    decode(stored("BMP"), LIMITS)
    before = waiting()
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if decode(stored("BMP"), LIMITS).pixels.shape == (40, 64, 3) and waiting() != before else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert waiting() == before
    assert decode(stored("BMP"), LIMITS).pixels.shape == (40, 64, 3)


def test_what_decoders_write_to_stderr_stays_there(capfd: pytest.CaptureFixture[str]) -> None:
    broken = stored("TIFF", compression="tiff_lzw")
    with pytest.raises(RefusalError):
        decode_isolated(broken[:200] + b"\xff" * 300 + broken[500:], LIMITS)
    assert capfd.readouterr().err == ""


def test_the_decoding_process_loads_neither_opencv_nor_beam() -> None:
    decode(stored("BMP"), LIMITS)
    (process,) = waiting()
    libraries = (Path("/proc") / str(process) / "maps").read_text()
    assert "PIL" in libraries
    assert not any(name in libraries for name in ("cv2", "apache_beam", "tensorflow", "pyarrow"))
