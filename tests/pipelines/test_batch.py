"""The main job, end to end, on photos made here: what a person runs, and what the tables then hold."""

import functools
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from deltalake import DeltaTable
from PIL import Image

from pipelines import cli


def photo(seed: int, size: tuple[int, int] = (240, 180), gain: float = 1.0) -> Image.Image:
    """A soft-edged coloured shape on a light ground, different for each seed."""
    random = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    ground = np.full((height, width, 3), 225.0) + random.normal(0, 1.5, (height, width, 3))
    shape = ((x - width / 2) / (width * 0.3)) ** 2 + ((y - height / 2) / (height * 0.35)) ** 2 < 1
    weave = 25 * np.sin(x / 1.7 + seed) * np.sin(y / 2.3)
    colour = random.uniform(60, 200, 3)
    pixels = np.where(shape[..., None], colour + weave[..., None], ground) * gain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def save(folder: Path, count: int, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(start, start + count):
        photo(seed).save(folder / f"photo-{seed:04}.jpg", quality=92)


def rows(output: Path, table: str = "quality") -> list[dict]:
    return DeltaTable(str(output / table)).to_pyarrow_table().to_pylist()


def batch(*argv: str) -> int:
    return cli.main(["batch", "--quiet", *argv])


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> tuple[Path, Path]:
    """A folder of good, dark and broken files, and the output of one run over it."""
    folder = tmp_path_factory.mktemp("odd")
    save(folder, 3)
    photo(7, gain=0.12).save(folder / "dark.png")
    Image.new("RGB", (300, 300), (200, 10, 10)).save(folder / "solid.webp")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no photo")
    whole = io.BytesIO()
    photo(9).save(whole, "JPEG")
    (folder / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "dangling.jpg").symlink_to(folder / "nowhere")
    with open(os.fsencode(folder) + b"/odd \xff\nname.gif", "wb") as file:  # noqa: PTH123
        photo(11).save(file, "GIF")
    output = tmp_path_factory.mktemp("out") / "out"
    assert batch("--input", str(folder), "--output", str(output)) == 0
    return folder, output


def test_each_file_ends_as_one_record_or_one_dead_letter_with_its_code(odd):
    _, output = odd
    records = {Path(row["uri"]).name: row for row in rows(output)}
    letters = {Path(row["uri"]).name: row["code"] for row in rows(output, "dead_letters")}
    assert set(records) == {
        *(f"photo-{n:04}.jpg" for n in range(3)),
        "dark.png",
        "solid.webp",
        "odd%20%FF%0Aname.gif",
    }
    assert letters == {
        "empty.jpg": "empty_file",
        "text.jpg": "not_an_image",
        "half.jpg": "truncated",
        "dangling.jpg": "not_found",
    }


def test_a_blank_photo_has_no_score_and_says_why(odd):
    _, output = odd
    row = next(row for row in rows(output) if row["uri"].endswith("solid.webp"))
    assert row["score"] is None and row["unscored"] == "blank" and row["verdict"] == "retake"


def test_records_are_whole(odd):
    _, output = odd
    for row in rows(output):
        assert row["verdict"] in ("accept", "improve", "retake")
        assert row["score"] is None or 0 <= row["score_low"] <= row["score"] <= row["score_high"] <= 100
        assert len(row["sha256"]) == 64 and row["width"] > 0 and row["model_version"] and row["config_digest"]
        assert (row["delivered_uri"] == row["uri"]) == (row["verdict"] != "improve")
        if row["optimized_uri"]:
            written = Path(row["optimized_uri"].removeprefix("file://"))
            assert written.stat().st_size == row["optimized_bytes"] and row["optimized_sha256"] in written.name


def test_a_second_run_adds_nothing(odd):
    folder, output = odd
    before = rows(output), rows(output, "dead_letters")
    assert batch("--input", str(folder), "--output", str(output)) == 0
    assert (rows(output), rows(output, "dead_letters")) == before
    assert json.loads((output / "run.json").read_text())["already_finished"] == 10


def test_run_file_counts_what_the_tables_hold(odd):
    folder, output = odd
    fresh = output.with_name("fresh")
    assert batch("--input", str(folder), "--output", str(fresh)) == 0
    run = json.loads((fresh / "run.json").read_text())
    assert run["records"] == len(rows(fresh)) == sum(run["verdicts"].values())
    assert sum(run["dead_letters"].values()) == len(rows(fresh, "dead_letters"))
    assert run["stages"]["assess"]["photos"] == len(rows(fresh))


def test_again_adds_one_revision_of_what_fits(tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    save(folder, 3)
    photo(7, gain=0.02).save(folder / "dark.png")
    assert batch("--input", str(folder), "--output", str(output)) == 0
    chosen = "uri like '%photo-0001%'"
    assert batch("--input", str(folder), "--output", str(output), "--again", "--where", chosen) == 0
    revisions = sorted((Path(row["uri"]).name, row["revision"]) for row in rows(output))
    assert revisions == [
        ("dark.png", 0),
        ("photo-0000.jpg", 0),
        ("photo-0001.jpg", 0),
        ("photo-0001.jpg", 1),
        ("photo-0002.jpg", 0),
    ]


def test_a_condition_that_does_not_fit_is_one_sentence(odd, capsys):
    folder, output = odd
    assert batch("--input", str(folder), "--output", str(output), "--again", "--where", "colour = 'red'") == 2
    assert "--where" in capsys.readouterr().err


def test_a_replaced_photo_is_another_version(tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    save(folder, 2)
    assert batch("--input", str(folder), "--output", str(output)) == 0
    photo(99).save(folder / "photo-0000.jpg")
    os.utime(folder / "photo-0000.jpg", ns=(1, time.time_ns() + 10**9))
    assert batch("--input", str(folder), "--output", str(output)) == 0
    assert len(rows(output)) == 3 and len({row["generation"] for row in rows(output)}) == 3


def test_a_manifest_keeps_ids_and_refuses_a_bad_row_by_its_line(tmp_path):
    save(tmp_path / "in", 2)
    manifest = tmp_path / "in" / "list.csv"
    manifest.write_text("uri,event_id,seller_id\nphoto-0000.jpg,a,s1\n,b,s1\nphoto-0001.jpg,c,s2\n")
    assert batch("--input", str(manifest), "--output", str(tmp_path / "out")) == 0
    assert {(row["event_id"], row["seller_id"]) for row in rows(tmp_path / "out")} == {("a", "s1"), ("c", "s2")}
    (letter,) = rows(tmp_path / "out", "dead_letters")
    assert letter["code"] == "bad_manifest_row" and "3" in letter["source_position"]


def test_an_event_id_that_names_two_photos_loses_none(tmp_path):
    save(tmp_path / "in", 2)
    manifest = tmp_path / "in" / "list.csv"
    manifest.write_text("uri,event_id\nphoto-0000.jpg,a\nphoto-0001.jpg,a\n")
    for _ in range(2):
        assert batch("--input", str(manifest), "--output", str(tmp_path / "out")) == 0
        assert [row["event_id"] for row in rows(tmp_path / "out")] == ["a"]
        (letter,) = rows(tmp_path / "out", "dead_letters")
        assert letter["code"] == "bad_event" and letter["uri"].endswith("photo-0001.jpg")


def test_a_photo_that_a_manifest_names_twice_is_judged_once_and_it_is_said_so(tmp_path, capsys):
    save(tmp_path / "in", 1)
    manifest = tmp_path / "in" / "list.csv"
    manifest.write_text("uri,product_id\nphoto-0000.jpg,a\nphoto-0000.jpg,b\n")
    assert batch("--input", str(manifest), "--output", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "named more than once: 1" in said and "finished before" not in said
    assert [row["product_id"] for row in rows(tmp_path / "out")] == ["a"]
    assert batch("--input", str(manifest), "--output", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "named more than once: 1" in said and "finished before: 1" in said


def test_photos_cross_no_shuffle_and_no_buffer(tmp_path, monkeypatch):
    """What crosses one is unpickled on the other side. (Pickled it may be: Beam samples sizes for its counters so.)"""
    from transforms.case import Case

    def refuse(self: object, state: object) -> None:
        raise AssertionError("a photo crossed a shuffle or a buffer")

    monkeypatch.setattr(Case, "__setstate__", refuse)
    with pytest.raises(AssertionError):
        pickle.loads(pickle.dumps(Case(event=None, data=b"")))
    save(tmp_path / "in", 4)
    photo(7, gain=0.12).save(tmp_path / "in" / "dark.png")
    assert batch("--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")) == 0
    assert len(rows(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--input", "{tmp}/none"), "none"),
        (("--input", "{tmp}/empty"), "no photo"),
        (("--input", "{tmp}/in", "--where", "true"), "--again"),
        (("--input", "{tmp}/in", "--output", "{tmp}/in/photo-0000.jpg"), "is a file"),
        (("--input", "{tmp}/in", "--output", "ftp://host/x"), "ftp://"),
        (("--input", "{tmp}/in", "--model-directory", "{tmp}/empty"), "model"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_2(tmp_path, capsys, arguments, said):
    save(tmp_path / "in", 1)
    (tmp_path / "empty").mkdir()
    argv = [part.format(tmp=tmp_path) for part in arguments]
    if "--output" not in argv:
        argv += ["--output", str(tmp_path / "out")]
    assert batch(*argv) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error and len(error.strip().splitlines()) == 1


def test_a_killed_run_is_completed_by_the_next(tmp_path):
    """Killed at several moments, with small epochs: nothing missing, nothing twice."""
    save(tmp_path / "in", 24)
    command = [sys.executable, "-m", "pipelines.cli", "batch", "--quiet", "--input", str(tmp_path / "in")]
    command += ["--output", str(tmp_path / "out"), "--run-epoch-photos", "5"]
    for wait in (2.0, 3.0, 4.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.kill()
        process.wait()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    found = [row["uri"] for row in rows(tmp_path / "out")]
    assert len(found) == len(set(found)) == 24


def test_an_interrupt_is_answered_at_once_and_the_next_run_goes_on(tmp_path):
    """At several moments: what the workers do while their process ends is not the user's to read."""
    save(tmp_path / "in", 12)
    command = [sys.executable, "-m", "pipelines.cli", "batch", "--quiet", "--input", str(tmp_path / "in")]
    command += ["--output", str(tmp_path / "out"), "--run-epoch-photos", "2"]
    # A job that a shell put in the background ignores Ctrl-C, and so does what it starts.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    for wait in (2.0, 2.7, 3.4, 4.1):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heed
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=10)
        if process.returncode != 0:  # on a fast machine it may have been done
            assert process.returncode == 130 and "the same command goes on" in error and "Traceback" not in error
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert len(rows(tmp_path / "out")) == 12


def small_disk(folder: Path, size: str) -> bool:
    """Mount a small file system; False where that needs a right that the tests do not have."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    return mounted.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk and dropping privileges need root")
class TestPlacesThatCannotBeWritten:
    def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(self, tmp_path):
        save(tmp_path / "in", 3)
        disk = tmp_path / "disk"
        if not small_disk(disk, "300k"):
            pytest.skip("no file system may be mounted here")
        try:
            command = [sys.executable, "-m", "pipelines.cli", "batch", "--quiet", "--input", str(tmp_path / "in")]
            command += ["--output", str(disk / "out")]
            filler = disk / "filler"
            filler.write_bytes(bytes(270_000))
            full = subprocess.run(command, capture_output=True, text=True, check=False)
            # SQLite calls a full disk an I/O error where it was about to write its shared memory.
            assert full.returncode == 2 and "disk" in full.stderr and "Traceback" not in full.stderr
            filler.unlink()
            assert subprocess.run(command, capture_output=True, check=False).returncode == 0
            assert len(rows(disk / "out")) == 3
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_without_permission_it_is_one_sentence_or_one_dead_letter(self, tmp_path):
        tmp_path.chmod(0o755)
        for parent in list(tmp_path.parents)[:2]:
            parent.chmod(0o755)
        save(tmp_path / "in", 2)
        (tmp_path / "in" / "photo-0000.jpg").chmod(0)
        (tmp_path / "open").mkdir(mode=0o777)
        (tmp_path / "open").chmod(0o777)
        base = [sys.executable, "-m", "pipelines.cli", "batch", "--quiet", "--input", str(tmp_path / "in"), "--output"]
        nobody = {"user": 65534, "extra_groups": [], "env": {**os.environ, "HOME": str(tmp_path / "open")}}
        try:
            subprocess.run([sys.executable, "-c", "import numpy"], check=True, capture_output=True, **nobody)
        except (PermissionError, subprocess.CalledProcessError):
            pytest.skip("the interpreter may not be read by another user")
        closed = subprocess.run([*base, str(tmp_path / "out")], capture_output=True, text=True, check=False, **nobody)
        assert closed.returncode == 2 and "permission" in closed.stderr and "Traceback" not in closed.stderr
        done = subprocess.run(
            [*base, str(tmp_path / "open" / "out")], capture_output=True, text=True, check=False, **nobody
        )
        assert done.returncode == 0
        (letter,) = rows(tmp_path / "open" / "out", "dead_letters")
        assert letter["code"] == "permission_denied" and len(rows(tmp_path / "open" / "out")) == 1
