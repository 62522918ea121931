"""A file that several open at once, and what makes it worth making anew."""

import sqlite3
import threading
from pathlib import Path

import pytest

from transforms.sinks.index_file import connect, is_damaged, transaction


def test_all_who_open_a_new_file_at_once_are_let_in(tmp_path: Path) -> None:
    """SQLite refuses some of those who set its mode at the same moment: without waiting, some rounds of a hundred fail."""
    failures: list[Exception] = []
    for number in range(100):
        start = threading.Barrier(6)

        def work(path: Path = tmp_path / f"{number}.sqlite", start: threading.Barrier = start) -> None:
            start.wait()
            try:
                connection = connect(path)
                with transaction(connection):
                    connection.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER)")
                    connection.execute("INSERT INTO rows VALUES (1)")
                connection.close()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert connect(tmp_path / f"{number}.sqlite").execute("SELECT count(*) FROM rows").fetchone() == (6,)


def test_what_fails_half_way_is_not_there(tmp_path: Path) -> None:
    connection = connect(tmp_path / "x.sqlite")
    connection.execute("CREATE TABLE rows (number INTEGER)")
    with pytest.raises(KeyError), transaction(connection):
        connection.execute("INSERT INTO rows VALUES (1)")
        raise KeyError
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (0,)


def test_a_file_that_is_no_database_is_damaged_and_a_busy_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"no database, but long enough to be looked at " * 40)
    with pytest.raises(sqlite3.DatabaseError) as refused:
        connect(tmp_path / "x.sqlite")
    assert is_damaged(refused.value)
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert not is_damaged(busy)
