import os
import shutil
import sqlite3
import threading
import tracemalloc
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - before memory is watched
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from sink_rows import dead, event, quality

from transforms.errors import UserError
from transforms.sinks import finished as module
from transforms.sinks import table_log
from transforms.sinks.finished import FILE, Finished
from transforms.sinks.table_settings import TableSettings
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Tables, read_table


def handles(output):
    return [read_table(output, name) for name in (QUALITY, DEAD_LETTERS)]


def by_event(number):
    return (f"e{number}", None, None)


def by_version(number):
    return ("unheard of", event(number).uri, event(number).generation)


@pytest.fixture
def reads(monkeypatch):
    """The data files that are read, by name."""
    names, rows = [], module._Log.rows

    def noted(self, file):
        names.append(file)
        return rows(self, file)

    monkeypatch.setattr(module._Log, "rows", noted)
    return names


def test_a_photo_is_known_by_event_and_by_version_from_either_table(output, tables):
    tables.commit_epoch([quality(1)], [dead(2)])
    asked = [by_event(1), by_version(1), by_event(2), by_version(2), by_event(3), by_version(3)]
    assert tables.revisions(asked) == [0, 0, 0, 0, None, None]


def test_the_highest_revision_counts_whatever_the_order(output, tables):
    tables.commit_epoch([quality(1, 3)], [])
    tables.commit_epoch([quality(2, 0)], [dead(2, 4)])
    assert tables.revisions([by_event(1), by_version(2)]) == [3, 4]


def test_each_commit_is_read_once_and_a_compaction_never(output, reads):
    opened = Tables(output, TableSettings(compact_every=6))
    for number in range(20):
        opened.commit_epoch([quality(number)], [])
    assert opened.revisions([by_event(19)]) == [0]
    assert len(reads) == len(set(reads)) == 20
    again = Tables(output)
    assert again.revisions([by_event(n) for n in range(20)]) == [0] * 20
    assert len(reads) == 20


def test_commits_of_others_are_seen(output):
    one, two = Tables(output), Tables(output)
    one.commit_epoch([quality(1)], [])
    assert two.revisions([by_event(1)]) == [0]
    two.commit_epoch([], [dead(2)])
    assert one.revisions([by_event(2)]) == [0]


@pytest.mark.parametrize("damage", ["missing", "garbage", "torn", "empty", "other layout", "no table"])
def test_a_missing_or_damaged_index_is_made_anew(output, damage):
    opened = Tables(output)
    for number in range(5):
        opened.commit_epoch([quality(n) for n in range(number * 100, number * 100 + 100)], [dead(10_000 + number)])
    opened.close()
    path = output.state_folder() / FILE
    if damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif damage == "torn":
        content = bytearray(path.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99" if damage == "other layout" else "DROP TABLE revisions")
        connection.commit()
        connection.close()
    again = Tables(output)
    assert again.revisions([by_event(0), by_version(499), by_event(10_004), by_event(777)]) == [0, 0, 0, None]


def test_damage_found_while_open_is_mended_too(output, tables):
    tables.commit_epoch([quality(n) for n in range(2_000)], [])
    tables._finished.close()
    path = output.state_folder() / FILE
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    assert tables.revisions([by_event(n) for n in range(2_001)]) == [0] * 2_000 + [None]


def test_an_index_of_other_tables_is_not_believed(output, tmp_path):
    first = Tables(output)
    first.commit_epoch([quality(1)], [])
    first.close()
    for name in (QUALITY, DEAD_LETTERS):
        shutil.rmtree(Path(output.root, name))
    second = Tables(output)
    assert second.revisions([by_event(1)]) == [None]
    assert second.commit_epoch([quality(1)], []).rows == 1


def test_tables_put_back_to_an_older_copy_are_noticed(output, tmp_path):
    opened = Tables(output)
    opened.commit_epoch([quality(1)], [])
    shutil.copytree(Path(output.root, QUALITY), tmp_path / "copy")
    opened.commit_epoch([quality(2)], [])
    opened.close()
    shutil.rmtree(Path(output.root, QUALITY))
    shutil.copytree(tmp_path / "copy", Path(output.root, QUALITY))
    again = Tables(output)
    assert again.revisions([by_event(1), by_event(2)]) == [0, None]
    assert again.commit_epoch([quality(2)], []).rows == 1


def test_rows_deleted_by_another_program_are_forgotten(output, tables):
    tables.commit_epoch([quality(1), quality(2)], [])
    assert tables.revisions([by_event(1)]) == [0]
    read_table(output, QUALITY).delete("event_id = 'e1'")
    assert tables.revisions([by_event(1), by_event(2)]) == [None, 0]


def test_a_log_that_was_cleaned_away_costs_a_rebuild_not_an_answer(output, tables):
    tables.commit_epoch([quality(1)], [])
    assert tables.revisions([by_event(1)]) == [0]
    other = read_table(output, QUALITY)
    for number in range(2, 5):
        with pytest.MonkeyPatch.context() as context:
            context.setattr(tables._finished, "revisions", lambda _, identities: [None] * len(list(identities)))
            tables.commit_epoch([quality(number)], [])
    other = read_table(output, QUALITY)
    other.create_checkpoint()
    for version in range(other.version()):
        Path(output.root, QUALITY, "_delta_log", f"{version:020d}.json").unlink()
    assert Tables(output).revisions([by_event(n) for n in range(1, 6)]) == [0, 0, 0, 0, None]


def test_an_older_handle_does_not_take_the_index_back(output):
    opened = Tables(output)
    opened.commit_epoch([quality(1)], [])
    old = [DeltaTable(output.child(name)) for name in (QUALITY, DEAD_LETTERS)]
    opened.commit_epoch([quality(2)], [])
    index = Finished(output.state_folder())
    assert index.revisions(handles(output), [by_event(2)]) == [0]
    assert index.revisions(old, [by_event(2)]) == [0]


def test_many_may_ask_and_build_at_once(output):
    opened = Tables(output)
    opened.commit_epoch([quality(n) for n in range(500)], [])
    (output.state_folder() / FILE).unlink()
    answers, failures = [], []

    def ask():
        try:
            index = Finished(output.state_folder())
            answers.append(index.revisions(handles(output), [by_event(n) for n in range(501)]))
            index.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert answers == [[0] * 500 + [None]] * 6


def test_building_holds_batches_not_tables_in_memory(output, monkeypatch):
    opened = Tables(output)
    opened.commit_epoch([quality(n) for n in range(6_000)], [])
    monkeypatch.setattr(table_log, "BATCH_ROWS", 200)
    (output.state_folder() / FILE).unlink()
    tracemalloc.start()
    Finished(output.state_folder()).revisions(handles(output), [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_500_000


def test_an_index_that_cannot_be_written_is_a_sentence(output, tables):
    tables.commit_epoch([quality(1)], [])
    tables._finished.close()
    path = output.state_folder() / FILE
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"finished\.sqlite cannot be used"):
        tables.revisions([by_event(1)])


@given(st.text(), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_an_event_and_a_version_never_share_a_name(event_id, uri, generation, other):
    event_key, version_key = module._keys(event_id, uri, generation)
    assert event_key != version_key
    assert len(event_key) == len(version_key) == 16
    if other != generation and "\0" not in uri + generation + other:
        assert list(module._keys(event_id, uri, other))[1] != version_key


def test_a_version_without_a_generation_has_no_name():
    assert len(list(module._keys("e", "https://shop/1.jpg", ""))) == 1
    assert len(list(module._keys("e", None, None))) == 1
