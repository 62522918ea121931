"""Which photo versions have a record or a dead letter: a local index of both tables, kept up by the tables' own logs.

Asking the tables would read every row of a year for each epoch. The index is a SQLite file that holds, for each photo
version (uri, generation) and for each event id, the highest revision that was committed. Each commit that came since
the last look is read once, and of it only the columns that identify a row; a compaction adds no row and is passed over.
The index can always be made again from the tables, and is, where it is missing, damaged, or of tables since replaced.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.errors import UserError
from transforms.sinks.index_file import connect, discard, is_damaged, transaction
from transforms.sinks.table_log import TableLog

if TYPE_CHECKING:
    from deltalake import DeltaTable

FILE = "finished.sqlite"
FORMAT = 1
"""The file's own layout; an index of another one is made anew."""

Identity = tuple[str, str | None, str | None]
"""(event_id, uri, generation); without a generation the URI is not looked at: it tells no version from the next."""

_COLUMNS = ["event_id", "uri", "generation", "revision"]
_CACHE_KB = 16_000


_LAYOUT = f"""
CREATE TABLE revisions (key BLOB PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE followed (name TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
"""
_ADD = "INSERT INTO revisions VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET revision = max(revision, excluded.revision)"


class Finished:
    """The index in a file. Several processes may share one file, each with an object of its own."""

    def __init__(self, folder: Path):
        self.path = folder / FILE
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def revisions(self, tables: Sequence["DeltaTable"], identities: Iterable[Identity]) -> list[int | None]:
        """Return the highest revision of each identity in the tables, None where none of them has it.

        An event id and a photo version are two names of one thing: one that is known is enough.

        Args:
            tables: all the tables that the index is of, always the same ones, each loaded; what they hold up to the
                loaded version is taken in first. The index may know more, from another process.
            identities: any number.

        Raises:
            UserError: the file cannot be written.
        """
        identities = list(identities)
        try:
            try:
                return self._revisions(tables, identities)
            except sqlite3.DatabaseError as error:
                if not is_damaged(error):
                    raise
            self._discard()
            return self._revisions(tables, identities)
        except sqlite3.DatabaseError as error:
            raise UserError(f"the index {self.path} cannot be used: {error}") from error

    def _revisions(self, tables: Sequence["DeltaTable"], identities: list[Identity]) -> list[int | None]:
        if self._connection is None:
            self._connection = _open(self.path)
        _follow(self._connection, tables)
        return [_highest(self._connection, identity) for identity in identities]

    def _discard(self) -> None:
        self.close()
        discard(self.path)


def _open(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        with transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                for name in ("revisions", "followed"):
                    connection.execute(f"DROP TABLE IF EXISTS {name}")
                for statement in filter(str.strip, _LAYOUT.split(";")):
                    connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _highest(connection: sqlite3.Connection, identity: Identity) -> int | None:
    keys = list(_keys(*identity))
    query = f"SELECT max(revision) FROM revisions WHERE key IN ({', '.join('?' * len(keys))})"
    revision: int | None = connection.execute(query, keys).fetchone()[0]
    return revision


def _keys(event_id: str, uri: str | None, generation: str | None) -> Iterator[bytes]:
    """Yield the 16-byte names under which a row is known."""
    yield _name(b"event", event_id)
    if uri and generation:
        # A canonical URI has no NUL, so the pair cannot be read in two ways.
        yield _name(b"version", f"{uri}\0{generation}")


def _name(kind: bytes, text: str) -> bytes:
    # Rows are written with the same replacement, so that an event and its row have the same name.
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16, person=kind).digest()


def _follow(connection: sqlite3.Connection, tables: Sequence["DeltaTable"]) -> None:
    logs = [_Log(table) for table in tables]
    if all(_known(connection, log) == log.table.version() for log in logs):
        return
    with transaction(connection):
        if not _catch_up(connection, logs):
            _rebuild(connection, logs)


def _catch_up(connection: sqlite3.Connection, logs: Sequence["_Log"]) -> bool:
    """Take in what came since the last look; False where only a rebuild tells."""
    for log in logs:
        known = _known(connection, log)
        files = None if known is None else log.added_since(known)
        if files is None:
            return False
        try:
            for file in files:
                for batch in log.rows(file):
                    connection.executemany(_ADD, batch)
        except FileNotFoundError:
            return False  # put together with others and deleted since
        _remember(connection, log)
    return True


def _known(connection: sqlite3.Connection, log: "_Log") -> int | None:
    """Return the version that the index holds, or None where it is of another table of that name."""
    row = connection.execute("SELECT version, digest FROM followed WHERE name = ?", (log.name,)).fetchone()
    return row[0] if row is not None and log.digest(row[0]) == row[1] else None


def _rebuild(connection: sqlite3.Connection, logs: Sequence["_Log"]) -> None:
    """Make the index from all rows. Sorted first: a tree filled in order is written once, not a page for each key."""
    connection.execute("CREATE TEMP TABLE arrived (key BLOB NOT NULL, revision INTEGER NOT NULL)")
    try:
        for log in logs:
            for file in log.all_files():
                for batch in log.rows(file):
                    connection.executemany("INSERT INTO arrived VALUES (?, ?)", batch)
        connection.execute("DELETE FROM revisions")
        connection.execute("DELETE FROM followed")
        connection.execute("INSERT INTO revisions SELECT key, max(revision) FROM arrived GROUP BY key ORDER BY key")
        for log in logs:
            _remember(connection, log)
    finally:
        connection.execute("DROP TABLE IF EXISTS arrived")


def _remember(connection: sqlite3.Connection, log: "_Log") -> None:
    version = log.table.version()
    known = _known(connection, log)
    if known is None or known < version:
        connection.execute("INSERT OR REPLACE INTO followed VALUES (?, ?, ?)", (log.name, version, log.digest(version)))


class _Log(TableLog):
    """A table's log, and of its rows what identifies them."""

    def rows(self, file: str) -> Iterator[list[tuple[bytes, int]]]:
        """Yield a file's rows as batches of (key, revision)."""
        for batch in self.read(file, _COLUMNS):
            columns = (batch.column(name).to_pylist() for name in _COLUMNS)
            yield [
                (key, revision or 0) for *identity, revision in zip(*columns, strict=True) for key in _keys(*identity)
            ]
