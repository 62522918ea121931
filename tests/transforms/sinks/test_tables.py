import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from sink_rows import NOON, dead, quality

from transforms.errors import UserError
from transforms.records import dead_letters_schema, quality_schema
from transforms.sinks import tables as module
from transforms.sinks.output import Output
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Committed, Tables, read_table

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def keys(output, name=QUALITY):
    table = read_table(output, name).to_pyarrow_table(columns=["event_id", "revision"])
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))


def child(script, *arguments, **options):
    """Start a Python process that can import what this test can."""
    path = os.pathsep.join([str(ROOT), str(HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        text=True,
        **options,
    )


def test_an_epoch_is_in_both_tables_with_its_position(output, tables):
    assert tables.position("source") is None
    assert tables.commit_epoch([quality(1), quality(2)], [dead(3)], {"source": 41}) == Committed(2, 1)
    assert keys(output) == [("e1", 0), ("e2", 0)]
    assert keys(output, DEAD_LETTERS) == [("e3", 0)]
    assert tables.position("source") == 41


def test_rows_come_back_as_they_were_written(output, tables):
    tables.commit_epoch([quality(1, product_id="p1", extra={"shelf": 7})], [dead(2)])
    row = read_table(output, QUALITY).to_pyarrow_table().cast(quality_schema()).to_pylist()[0]
    wanted = quality(1, product_id="p1", extra={"shelf": 7})
    assert row["measures"].keys() and set(row["measures"].values()) == {None}
    row["measures"] = {}
    assert row == wanted
    letter = read_table(output, DEAD_LETTERS).to_pyarrow_table().cast(dead_letters_schema()).to_pylist()[0]
    assert letter == dead(2)


def test_partitions_are_utc_days(output, tables):
    late = NOON.replace(hour=23, minute=30).astimezone(datetime.now().astimezone().tzinfo)
    tables.commit_epoch([quality(1, at=late), quality(2, at=NOON + timedelta(days=1))], [])
    assert {p["dt"] for p in read_table(output, QUALITY).partitions()} == {"2026-03-01", "2026-03-02"}
    assert sorted(read_table(output, QUALITY).to_pyarrow_table().column("dt").to_pylist()) == [
        date(2026, 3, 1),
        date(2026, 3, 2),
    ]


def test_committing_again_adds_nothing(output, tables):
    epoch = [quality(n) for n in range(20)], [dead(n) for n in range(20, 25)], {"source": 3}
    assert tables.commit_epoch(*epoch) == Committed(20, 5)
    version = read_table(output, QUALITY).version()
    assert tables.commit_epoch(*epoch) == Committed(0, 0)
    assert read_table(output, QUALITY).version() == version


def test_what_is_new_is_taken_from_an_epoch_that_is_partly_there(output, tables):
    tables.commit_epoch([quality(1)], [dead(2)])
    assert tables.commit_epoch([quality(1), quality(2), quality(3)], [dead(1), dead(4)]) == Committed(1, 1)
    assert keys(output) == [("e1", 0), ("e3", 0)]
    assert keys(output, DEAD_LETTERS) == [("e2", 0), ("e4", 0)]


def test_a_repeated_row_in_one_epoch_is_written_once(output, tables):
    renamed = quality(1) | {"event_id": "another name of the same version"}
    assert tables.commit_epoch([quality(1), quality(1), renamed], []) == Committed(1, 0)


def test_versions_without_a_generation_are_told_apart_by_event(output, tables):
    rows = [quality(n) | {"uri": "https://shop/a.jpg", "generation": ""} for n in (1, 2)]
    assert tables.commit_epoch(rows, []) == Committed(2, 0)


def test_a_higher_revision_is_another_row(output, tables):
    tables.commit_epoch([quality(1)], [dead(2)])
    assert tables.commit_epoch([quality(1, 1), quality(2, 1)], []) == Committed(2, 0)
    assert tables.commit_epoch([quality(1, 1), quality(1, 0)], []) == Committed(0, 0)
    assert tables.revisions([("e1", None, None), ("e2", None, None), ("e9", None, None)]) == [1, 1, None]


def test_a_replay_after_midnight_adds_nothing(output, tables):
    tables.commit_epoch([quality(1, at=NOON)], [dead(2, at=NOON)])
    tomorrow = NOON + timedelta(days=1)
    assert tables.commit_epoch([quality(1, at=tomorrow)], [dead(2, at=tomorrow)]) == Committed(0, 0)


def test_an_epoch_without_rows_commits_its_position(output, tables):
    tables.commit_epoch([], [], {"a": 1, "b": 9})
    tables.commit_epoch([], [], {"a": 2, "b": 4})
    assert (tables.position("a"), tables.position("b")) == (2, 9)
    assert keys(output) == []


def test_text_that_is_no_utf8_can_be_written(output, tables):
    odd = quality(1) | {"event_id": "e"}
    tables.commit_epoch([odd], [dead(2) | {"message": "\N{PILE OF POO}\0\n"}])
    assert tables.revisions([("\udcff", None, None)]) == [None]
    assert tables.commit_epoch([quality(3, trace_id="t\udcff")], []) == Committed(1, 0)


# Two writers


def test_two_handles_that_began_from_one_version_cannot_both_append(output):
    first, second = Tables(output), Tables(output)
    unknown, came_between = second._unknown, []

    def interrupted(rows):
        fresh = unknown(rows)
        if not came_between:
            came_between.append(first.commit_epoch([quality(1)], []))
        return fresh

    second._unknown = interrupted
    assert second.commit_epoch([quality(1), quality(2)], []) == Committed(1, 0)
    assert came_between == [Committed(1, 0)]
    assert keys(output) == [("e1", 0), ("e2", 0)]


def test_without_the_shared_transaction_both_would_append(output):
    """The reason for `WRITER`: this is what Delta does by itself; the day it does not, the reason is gone."""
    Tables(output).close()
    one, two = read_table(output, QUALITY), read_table(output, QUALITY)
    for handle in (one, two):
        write_deltalake(handle, pa.Table.from_pylist([quality(1)], schema=quality_schema()), mode="append")
    assert keys(output) == [("e1", 0)] * 2


def test_threads_that_commit_the_same_events_leave_each_once(output):
    added, failures = collections.Counter(), []

    def work(seed):
        opened = Tables(output)
        chooser = random.Random(seed)
        try:
            for _ in range(6):
                numbers = chooser.sample(range(60), 25)
                done = opened.commit_epoch([quality(n) for n in numbers[:20]], [dead(n) for n in numbers[20:]])
                added.update(rows=done.rows, dead=done.dead_letters)
        except Exception as error:
            failures.append(error)
        finally:
            opened.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    rows, letters = keys(output), keys(output, DEAD_LETTERS)
    assert len(set(rows)) == len(rows) == added["rows"]
    assert len(set(letters)) == len(letters) == added["dead"]


WRITER = """
    import sys
    from sink_rows import quality, dead
    from transforms.sinks.output import open_output
    from transforms.sinks.tables import Tables

    place, first, last, size = sys.argv[1], *map(int, sys.argv[2:5])
    tables = Tables(open_output(place))
    print("open", flush=True)
    for start in range(first, last, size):
        numbers = range(start, start + size)
        tables.commit_epoch(
            [quality(n) for n in numbers if n % 10], [dead(n) for n in numbers if n % 10 == 0], {"source": start}
        )
        print(start, flush=True)
"""


def test_processes_that_commit_the_same_events_leave_each_once(output):
    writers = [child(WRITER, output.root, 0, 400, 20, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert keys(output) == sorted((f"e{n}", 0) for n in range(400) if n % 10)
    assert keys(output, DEAD_LETTERS) == sorted((f"e{n}", 0) for n in range(400) if n % 10 == 0)
    assert Tables(output).position("source") == 380


# Killed


def test_killed_at_random_moments_nothing_is_missing_and_nothing_twice(output):
    last, chooser, kills = 600, random.Random(7), 0
    for _ in range(60):
        writer = child(WRITER, output.root, 0, last, 20, stdout=subprocess.PIPE)
        assert writer.stdout.readline() == "open\n"
        time.sleep(chooser.uniform(0, 0.4))
        writer.kill()
        code = writer.wait(20)
        writer.stdout.close()
        if code == 0:
            break
        kills += 1
        if kills == 6:
            assert child(WRITER, output.root, 0, last, 20, stdout=subprocess.DEVNULL).wait(60) == 0
            break
    assert kills > 0
    assert keys(output) == sorted((f"e{n}", 0) for n in range(last) if n % 10)
    assert keys(output, DEAD_LETTERS) == sorted((f"e{n}", 0) for n in range(last) if n % 10 == 0)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", [DEAD_LETTERS, QUALITY])
def test_killed_right_before_or_after_either_commit(output, name, moment):
    script = f"""
        import os, signal, sys
        from sink_rows import quality, dead
        from transforms.sinks.output import open_output
        from transforms.sinks.tables import Tables

        tables = Tables(open_output(sys.argv[1]))
        write = tables._write
        def fatal(name, *arguments):
            if name == {name!r} and {moment == "before"}:
                os.kill(os.getpid(), signal.SIGKILL)
            write(name, *arguments)
            if name == {name!r}:
                os.kill(os.getpid(), signal.SIGKILL)
        tables._write = fatal
        tables.commit_epoch([quality(1)], [dead(2)], {{"source": 5}})
    """
    assert child(script, output.root).wait(60) == -signal.SIGKILL
    again = Tables(output)
    done = again.commit_epoch([quality(1)], [dead(2)], {"source": 5})
    assert done == Committed(
        rows=0 if (name, moment) == (QUALITY, "after") else 1,
        dead_letters=1 if (name, moment) == (DEAD_LETTERS, "before") else 0,
    )
    assert (keys(output), keys(output, DEAD_LETTERS)) == ([("e1", 0)], [("e2", 0)])
    assert again.position("source") == 5


def test_after_a_crash_between_the_commits_a_photo_with_a_dead_letter_gets_no_row(output, tables):
    """The second run may find readable what the first could not read; the dead letter is there, so it stays the answer."""
    tables.commit_epoch([], [dead(1)])
    assert tables.commit_epoch([quality(1), quality(2)], []) == Committed(1, 0)
    assert keys(output) == [("e2", 0)]


# Other versions of this program

EXTENSION = {"measures": {"gloss": 0.5}, "shelf": "top"}


def extended_schema():
    """Return the schema of a later program: one more measure, one more field of a reason, one more column."""
    fields = []
    for field in quality_schema():
        if field.name == "measures":
            field = pa.field("measures", pa.struct([*field.type, pa.field("gloss", pa.float64())]))
        if field.name == "reasons":
            reason = field.type.value_type
            field = pa.field("reasons", pa.list_(pa.struct([*reason, pa.field("since", pa.string())])))
        fields.append(field)
    return pa.schema([*fields, pa.field("shelf", pa.string())])


def test_a_measure_and_a_column_added_later_go_into_an_old_table(output, tables, monkeypatch):
    tables.commit_epoch([quality(1)], [])
    monkeypatch.setitem(module.SCHEMAS, QUALITY, extended_schema)
    assert Tables(output).commit_epoch([quality(2) | EXTENSION], []) == Committed(1, 0)
    table = read_table(output, QUALITY).to_pyarrow_table()
    found = {row["event_id"]: row for row in table.to_pylist()}
    assert found["e2"]["measures"]["gloss"] == 0.5 and found["e2"]["shelf"] == "top"
    assert found["e1"]["shelf"] is None and found["e1"]["measures"]["gloss"] is None
    assert found["e1"]["reasons"][0]["code"] == "dim"


def test_a_table_with_a_column_more_than_we_know_takes_our_rows(output, tables, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setitem(module.SCHEMAS, QUALITY, extended_schema)
        Tables(output).commit_epoch([quality(1) | EXTENSION], [])
    assert tables.commit_epoch([quality(2)], []) == Committed(1, 0)
    table = read_table(output, QUALITY).to_pyarrow_table()
    found = {row["event_id"]: (row["shelf"], row["measures"]["gloss"]) for row in table.to_pylist()}
    assert found == {"e1": ("top", 0.5), "e2": (None, None)}


def test_a_table_of_a_newer_version_is_refused_and_left_alone(output, tables, monkeypatch):
    tables.commit_epoch([quality(1)], [])
    table = read_table(output, QUALITY)
    table.alter.set_table_properties({module.VERSION_PROPERTY: "2"}, raise_if_not_exists=False)
    for opened in (lambda: Tables(output), lambda: read_table(output, QUALITY)):
        with pytest.raises(UserError, match=r"newer version of this program \(table version 2, this one knows 1\)"):
            opened()
    monkeypatch.setattr(module, "SCHEMA_VERSION", 3)
    assert Tables(output).commit_epoch([quality(2)], []) == Committed(1, 0)
    assert read_table(output, QUALITY).metadata().configuration[module.VERSION_PROPERTY] == "3"


def test_a_writer_that_is_open_when_a_newer_one_comes_stops(output, tables):
    read_table(output, QUALITY).alter.set_table_properties({module.VERSION_PROPERTY: "2"}, raise_if_not_exists=False)
    with pytest.raises(UserError, match="newer version of this program"):
        tables.commit_epoch([quality(1)], [])


# Bad places


def test_an_output_without_tables_is_a_sentence(output):
    with pytest.raises(UserError, match="has no table quality"):
        read_table(output, QUALITY)


def test_a_damaged_log_is_a_sentence(output, tables):
    tables.commit_epoch([quality(1)], [])
    Path(output.root, QUALITY, "_delta_log", f"{1:020d}.json").write_text("{garbage")
    with pytest.raises(UserError, match="quality cannot be used"):
        Tables(output)


def test_a_table_deleted_under_an_open_writer_is_a_sentence(output, tables):
    tables.commit_epoch([quality(1)], [])
    shutil.rmtree(Path(output.root, QUALITY))
    with pytest.raises(UserError):
        tables.commit_epoch([quality(2)], [])


def test_no_permission_is_a_sentence(output, tables):
    tables.commit_epoch([quality(1)], [])
    script = """
        import os, sys
        from sink_rows import quality
        from transforms.errors import UserError
        from transforms.sinks.output import open_output
        from transforms.sinks.tables import Tables

        tables = Tables(open_output(sys.argv[1]))
        if os.geteuid() == 0:
            os.setegid(65534)
            os.seteuid(65534)
        try:
            tables.commit_epoch([quality(2)], [])
        except UserError as error:
            print(error)
    """
    folders = [Path(output.root, QUALITY), *Path(output.root, QUALITY).iterdir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        process = child(script, output.root, stdout=subprocess.PIPE)
        said, _ = process.communicate(timeout=60)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert "quality cannot be written: no permission" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_a_full_disk_is_a_sentence_and_the_next_run_completes_it(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        script = """
            import sys
            from sink_rows import quality, dead
            from transforms.sinks.output import open_output
            from transforms.sinks.tables import Tables

            tables = Tables(open_output(sys.argv[1]))
            for start in range(0, int(sys.argv[2]), 50):
                tables.commit_epoch([quality(n) for n in range(start, start + 50)], [dead(10_000 + start)])
        """
        full = child(script, place, 100_000, stderr=subprocess.PIPE)
        _, said = full.communicate(timeout=100)
        assert full.returncode == 1
        assert said.splitlines()[-1].endswith("the disk is full; make room and run the same command again")
        assert "panicked" not in said
        subprocess.run(["mount", "-o", "remount,size=20m", place], check=True)
        assert child(script, place, 1_500).wait(60) == 0
        assert {revision for _, revision in keys(Output(str(place)))} == {0}
        assert len(keys(Output(str(place)))) == len(set(keys(Output(str(place)))))
        assert set(keys(Output(str(place)))) >= {(f"e{n}", 0) for n in range(1_500)}
    finally:
        subprocess.run(["umount", "-l", place], check=True)


# Small files


def test_compaction_puts_small_files_together_and_vacuum_deletes_what_it_replaced(output):
    opened = Tables(output, TableSettings(compact_every=5, vacuum_after_h=0))
    for number in range(23):
        opened.commit_epoch([quality(number)], [])
    files = list(Path(output.root, QUALITY).glob("dt=*/*.parquet"))
    assert len(files) < 12
    assert keys(output) == sorted((f"e{n}", 0) for n in range(23))


def test_what_a_killed_process_left_half_written_is_deleted_when_it_is_old(output):
    opened = Tables(output, TableSettings(compact_every=2))
    opened.commit_epoch([quality(1)], [])
    partition = next(Path(output.root, QUALITY).glob("dt=*"))
    old, new = partition / "part-1.parquet#1", partition / "part-2.parquet#1"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    opened.commit_epoch([quality(2)], [])
    assert not old.exists() and new.exists()
    assert keys(output) == [("e1", 0), ("e2", 0)]


def test_a_reader_that_began_before_a_compaction_is_undisturbed(output):
    opened = Tables(output, TableSettings(compact_every=4, vacuum_after_h=1))
    for number in range(3):
        opened.commit_epoch([quality(number)], [])
    reader = read_table(output, QUALITY).to_pyarrow_dataset()
    for number in range(3, 12):
        opened.commit_epoch([quality(number)], [])
    assert reader.count_rows() == 3
    assert len(read_table(output, QUALITY).file_uris()) < 9
    assert keys(output) == sorted((f"e{n}", 0) for n in range(12))


def test_compaction_does_not_undo_what_others_commit_meanwhile(output):
    stop, failures = threading.Event(), []

    def compact():
        while not stop.is_set():
            try:
                read_table(output, QUALITY).optimize.compact()
            except Exception as error:
                failures.append(error)

    opened = Tables(output)
    thread = threading.Thread(target=compact)
    thread.start()
    for number in range(15):
        opened.commit_epoch([quality(number)], [])
    stop.set()
    thread.join()
    assert keys(output) == sorted((f"e{n}", 0) for n in range(15))


def test_the_log_names_no_long_text(output, tables):
    tables.commit_epoch([], [dead(1) | {"payload": "x" * 100_000}])
    log = Path(output.root, DEAD_LETTERS, "_delta_log", f"{1:020d}.json").read_text()
    assert len(log) < 3_000
    stats = [json.loads(json.loads(line)["add"]["stats"]) for line in log.splitlines() if '"add"' in line]
    assert stats[0]["minValues"].keys() == {"failed_at", "code", "stage"}
