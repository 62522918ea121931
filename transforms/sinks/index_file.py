"""A local index in a SQLite file that several processes and threads share: opening it, and writing to it whole or not at all."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

WAIT_S = 600.0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""SQLITE_ERROR: the tables in the file are not those that our statements are for."""


def is_damaged(error: sqlite3.DatabaseError) -> bool:
    """Say whether the file is to be made anew; one that is busy, full or not ours to write is not."""
    return error.sqlite_errorcode & 0xFF in DAMAGED


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that readers may read while one writes.

    Raises:
        sqlite3.DatabaseError: it cannot be opened, or is no such file.
    """
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Set the mode; of several who set it at once in a new file, SQLite refuses some without letting them wait."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def discard(path: Path) -> None:
    """Delete the file with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what follows, or nothing; others who write wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
