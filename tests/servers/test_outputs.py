"""Tables and images in buckets: what the local tests prove, against servers that speak the stores' own protocols."""

import collections
import hashlib
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from sink_rows import dead, quality

from pipelines import cli
from transforms.errors import UserError
from transforms.sinks.finished import FILE
from transforms.sinks.images import write_image
from transforms.sinks.output import open_output
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Committed, Tables, read_table
from transforms.stores import cloud_storage
from transforms.stores import s3 as s3_client

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PREFIX = "a prefix/50%/ü"


@pytest.fixture
def output(bucket):
    return open_output(f"{bucket}/out")


def keys(output, name=QUALITY):
    table = read_table(output, name).to_pyarrow_table(columns=["event_id", "revision"])
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))


def stored(output, name):
    """The bytes and the content type of what lies in a bucket."""
    bucket, key = output.bucket_and_key(name)
    if output.scheme == "gs":
        blob = cloud_storage().bucket(bucket).get_blob(key)
        return blob.download_as_bytes(), blob.content_type
    found = s3_client().get_object(Bucket=bucket, Key=key)
    return found["Body"].read(), found["ContentType"]


def test_an_epoch_is_committed_once_with_its_position(output):
    epoch = [quality(n) for n in range(50)], [dead(n) for n in range(50, 60)], {"source": 7}
    tables = Tables(output)
    assert tables.commit_epoch(*epoch) == Committed(50, 10)
    assert tables.commit_epoch(*epoch) == Committed(0, 0)
    assert Tables(output).commit_epoch(*epoch) == Committed(0, 0)
    assert keys(output) == sorted((f"e{n}", 0) for n in range(50))
    assert len(keys(output, DEAD_LETTERS)) == 10
    assert Tables(output).position("source") == 7


def test_threads_that_commit_the_same_events_leave_each_once(output):
    added, failures = collections.Counter(), []

    def work(seed):
        opened = Tables(output)
        chooser = random.Random(seed)
        try:
            for _ in range(4):
                numbers = chooser.sample(range(40), 20)
                done = opened.commit_epoch([quality(n) for n in numbers[:15]], [dead(n) for n in numbers[15:]])
                added.update(rows=done.rows, dead=done.dead_letters)
        except Exception as error:
            failures.append(error)
        finally:
            opened.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    rows, letters = keys(output), keys(output, DEAD_LETTERS)
    assert len(set(rows)) == len(rows) == added["rows"]
    assert len(set(letters)) == len(letters) == added["dead"]


def test_killed_at_random_moments_nothing_is_missing_and_nothing_twice(output):
    script = """
        import sys
        from sink_rows import quality, dead
        from transforms.sinks.images import write_image
        from transforms.sinks.output import open_output
        from transforms.sinks.tables import Tables

        output = open_output(sys.argv[1])
        tables = Tables(output)
        print("open", flush=True)
        for start in range(0, 200, 20):
            numbers = range(start, start + 20)
            for n in numbers:
                write_image(output, str(n).encode() * 50_000, "jpg")
            tables.commit_epoch(
                [quality(n) for n in numbers if n % 10], [dead(n) for n in numbers if n % 10 == 0], {"source": start}
            )
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests/transforms/sinks")])
    chooser, kills = random.Random(5), 0
    while True:
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), output.root],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        writer.stdout.readline()
        if kills < 4:
            time.sleep(chooser.uniform(0, 1.0))
            writer.kill()
        code = writer.wait(120)
        writer.stdout.close()
        if code == 0:
            break
        kills += 1
    assert kills > 0
    assert keys(output) == sorted((f"e{n}", 0) for n in range(200) if n % 10)
    assert keys(output, DEAD_LETTERS) == sorted((f"e{n}", 0) for n in range(200) if n % 10 == 0)
    for number in range(200):
        data = str(number).encode() * 50_000
        digest = hashlib.sha256(data).hexdigest()
        assert stored(output, f"images/{digest[:2]}/{digest}.jpg")[0] == data


def test_compaction_and_vacuum(output):
    opened = Tables(output, TableSettings(compact_every=4, vacuum_after_h=0))
    for number in range(10):
        opened.commit_epoch([quality(number)], [])
    assert len(read_table(output, QUALITY).file_uris()) < 7
    assert keys(output) == sorted((f"e{n}", 0) for n in range(10))


def test_the_index_lies_in_the_cache_and_is_made_anew_without_it(output, tmp_path):
    tables = Tables(output)
    tables.commit_epoch([quality(1)], [dead(2)])
    tables.close()
    index = next((tmp_path / "cache").rglob(FILE))
    index.unlink()
    assert Tables(output).revisions([("e1", None, None), ("e2", None, None), ("e3", None, None)]) == [0, 0, None]


def test_a_prefix_may_have_odd_characters(bucket):
    output = open_output(f"{bucket}/{PREFIX}")
    assert Tables(output).commit_epoch([quality(1)], []) == Committed(1, 0)
    assert keys(output) == [("e1", 0)]
    uri = write_image(output, b"pixels", "jpg")
    assert unquote(uri).startswith(f"{bucket}/{PREFIX}/images/")
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert stored(output, f"images/{digest[:2]}/{digest}.jpg") == (b"pixels", "image/jpeg")


def test_images_have_their_type_and_are_written_once(output):
    for extension, kind in [("jpg", "image/jpeg"), ("png", "image/png"), ("webp", "image/webp")]:
        data = f"a photo as {extension}".encode()
        uri = write_image(output, data, extension)
        digest = hashlib.sha256(data).hexdigest()
        assert uri == f"{output.root}/images/{digest[:2]}/{digest}.{extension}"
        assert stored(output, f"images/{digest[:2]}/{digest}.{extension}") == (data, kind)
        assert write_image(output, data, extension) == uri


def test_what_is_there_is_not_overwritten(output):
    data = b"pixels"
    digest = hashlib.sha256(data).hexdigest()
    name = f"images/{digest[:2]}/{digest}.jpg"
    bucket, key = output.bucket_and_key(name)
    if output.scheme == "gs":
        cloud_storage().bucket(bucket).blob(key).upload_from_string(b"first", content_type="image/jpeg")
    else:
        s3_client().put_object(Bucket=bucket, Key=key, Body=b"first")
    write_image(output, data, "jpg")
    assert stored(output, name)[0] == b"first"


def test_threads_may_write_the_same_photos(output):
    failures = []

    def write():
        try:
            for number in range(15):
                write_image(output, str(number).encode() * 1_000, "webp")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_missing_bucket_is_a_sentence(bucket):
    output = open_output(f"{bucket}-missing/out")
    with pytest.raises(UserError, match="cannot be written"):
        write_image(output, b"pixels", "jpg")
    with pytest.raises(UserError, match=r"quality cannot be reached: there is no such bucket"):
        Tables(output)


def test_an_output_without_tables_is_a_sentence(bucket, capsys):
    assert cli.main(["sql", f"{bucket}/nothing", "select 1"]) == 2
    assert "has no table quality" in capsys.readouterr().err


def test_sql_over_a_bucket(output, capsys):
    Tables(output).commit_epoch([quality(n, verdict="retake" if n < 3 else "accept") for n in range(10)], [dead(20)])
    assert cli.main(["sql", output.root, "select verdict, count(*) n from latest group by 1 order by 1", "--csv"]) == 0
    assert capsys.readouterr().out == "verdict,n\naccept,7\nretake,3\n"


@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_a_store_that_does_not_answer_is_a_sentence(scheme, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="quality cannot be reached: the store does not answer") as error:
        Tables(open_output(f"{scheme}://bucket/out"))
    assert "\n" not in str(error.value)
