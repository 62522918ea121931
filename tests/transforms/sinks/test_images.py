import hashlib
import os
import random
import resource
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from transforms.errors import RefusalError, UserError
from transforms.sinks import images
from transforms.sinks.images import sweep, write_image
from transforms.sinks.output import Output

ROOT = Path(__file__).parents[3]


def local(uri):
    return Path(unquote(urlsplit(uri).path))


def written(output):
    return sorted(path for path in Path(output.root, "images").rglob("*") if path.is_file())


def unfinished(output):
    return list((output.state_folder() / "unfinished").glob("*"))


def test_a_photo_is_named_by_its_content(output):
    digest = hashlib.sha256(b"pixels").hexdigest()
    uri = write_image(output, b"pixels", "jpg")
    assert uri == f"file://{output.root}/images/{digest[:2]}/{digest}.jpg"
    assert local(uri).read_bytes() == b"pixels"
    assert unfinished(output) == []


def test_writing_again_changes_nothing(output):
    uri = write_image(output, b"pixels", "jpg")
    before = local(uri).stat()
    assert write_image(output, b"pixels", "jpg") == uri
    after = local(uri).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_file_of_another_length_under_that_name_is_replaced(output):
    uri = write_image(output, b"pixels", "jpg")
    local(uri).write_bytes(b"pix")
    write_image(output, b"pixels", "jpg")
    assert local(uri).read_bytes() == b"pixels"


def test_threads_may_write_the_same_photo(output):
    failures = []

    def write():
        try:
            for number in range(30):
                write_image(output, f"photo {number}".encode() * 1000, "webp")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(written(output)) == 30
    assert unfinished(output) == []


def test_an_extension_without_a_content_type_is_a_fault(output):
    with pytest.raises(KeyError):
        write_image(output, b"pixels", "exe")


def test_killed_at_random_moments_there_is_no_half_file(output):
    script = """
        import random, sys
        from transforms.sinks.images import write_image
        from transforms.sinks.output import Output

        print("open", flush=True)
        while True:
            write_image(Output(sys.argv[1]), random.randbytes(3_000_000), "jpg")
    """
    chooser, left = random.Random(3), 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), output.root],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        time.sleep(chooser.uniform(0.05, 0.2))
        process.kill()
        process.wait(20)
        process.stdout.close()
        left += len(unfinished(output))
        sweep(output)
        assert unfinished(output) == []
    assert written(output)
    for path in written(output):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_only_what_a_dead_process_left_is_swept(output):
    folder = output.state_folder() / "unfinished"
    folder.mkdir()
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait(20)
    here = images.socket.gethostname()
    mine, dead = folder / f"{here}~a.jpg~{os.getpid()}~0", folder / f"{here}~b.jpg~{finished.pid}~0"
    elsewhere, old = folder / "elsewhere~c.jpg~1~0", folder / "elsewhere~d.jpg~1~0"
    stranger = folder / "notes.txt"
    for path in (mine, dead, elsewhere, old, stranger):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert sweep(output) == 2
    assert sorted(unfinished(output)) == sorted([mine, elsewhere, stranger])


def test_nothing_to_sweep_in_a_new_output(output):
    assert sweep(output) == 0


def test_a_photo_that_cannot_be_written_is_refused_alone(output, monkeypatch):
    def broken(self, target):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as context:
        context.setattr(Path, "replace", broken)
        with pytest.raises(RefusalError, match="Input/output error") as error:
            write_image(output, b"pixels", "jpg")
    assert error.value.code == "write_failed"
    assert written(output) == unfinished(output) == []
    write_image(output, b"pixels", "jpg")


def test_a_full_disk_ends_the_job_in_a_sentence(output):
    """The limit on a file's size stands for the disk: both fail in the middle of a write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot be written: file too large"):
            write_image(output, b"x" * 200_000, "jpg")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert written(output) == unfinished(output) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make a small file system")
def test_a_really_full_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        output = Output(str(place))
        with pytest.raises(UserError, match="the disk is full"):
            for number in range(10):
                write_image(output, bytes([number]) * 300_000, "jpg")
        assert unfinished(output) == []
        assert {path.stat().st_size for path in written(output)} == {300_000}
    finally:
        subprocess.run(["umount", place], check=True)


def test_no_permission_ends_the_job_in_a_sentence(output):
    script = """
        import os, sys
        from transforms.errors import UserError
        from transforms.sinks.images import write_image
        from transforms.sinks.output import Output

        if os.geteuid() == 0:
            os.setegid(65534)
            os.seteuid(65534)
        try:
            write_image(Output(sys.argv[1]), b"pixels", "jpg")
        except UserError as error:
            print(error)
    """
    folder = Path(output.root)
    folder.chmod(0o555)
    try:
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), output.root],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        folder.chmod(0o755)
    assert "cannot be written: permission denied" in said.stdout, said.stderr
