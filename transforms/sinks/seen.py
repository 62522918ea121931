"""What a stream asks about the past: the newest generation of each URI, and the first row of each content.

A local SQLite file, kept up by the tables' own logs as the index of finished versions is: only what was added since the
last look is read. It can always be made again from the tables, and is, where it does not fit them.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from transforms.errors import UserError
from transforms.identity import is_newer
from transforms.records import Row
from transforms.sinks.index_file import connect, discard, is_damaged, transaction
from transforms.sinks.output import Output
from transforms.sinks.table_log import TableLog
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, read_table

FILE = "seen.sqlite"
FORMAT = 1
_COLUMNS = {
    QUALITY: [
        "uri",
        "generation",
        "sha256",
        "role",
        "config_digest",
        "model_version",
        "event_id",
        "dt",
        "duplicate_of",
    ],
    DEAD_LETTERS: ["uri", "generation"],
}
_LAYOUT = (
    "CREATE TABLE newest (uri BLOB PRIMARY KEY, generation TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE contents (content BLOB PRIMARY KEY, event_id TEXT NOT NULL, dt TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE followed (name TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID",
    f"PRAGMA user_version = {FORMAT}",
)


def content_key(sha256: str, role: str, config_digest: str, model_version: str) -> bytes:
    """Return the 16-byte name of a content as it is judged: the same bytes in the same role by the same rules."""
    text = "\0".join((sha256, role, config_digest, model_version))
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()


class Seen:
    """The index of one output. One object for one thread at a time; processes may share the file."""

    def __init__(self, output: Output):
        """Open the index; it is filled when first asked.

        Raises:
            UserError: the tables cannot be read.
        """
        self._output = output
        self._path = output.state_folder() / FILE
        self._logs = [TableLog(read_table(output, name)) for name in (QUALITY, DEAD_LETTERS)]
        self._connection = _open(self._path)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def follow(self) -> None:
        """Take in what the tables got since the last look.

        Raises:
            UserError: the tables cannot be read, or the file not be written.
        """
        try:
            for log in self._logs:
                log.table.update_incremental()
            if all(self._known(log) == log.table.version() for log in self._logs):
                return
            with transaction(self._connection):
                if not all(self._catch_up(log) for log in self._logs):
                    self._rebuild()
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"the index {self._path} cannot be used: {error}; delete it, and it is made again"
            ) from error

    def newest(self, uris: Sequence[str]) -> list[str | None]:
        """Return the newest generation of each URI that either table has, None where neither has one."""
        query = "SELECT generation FROM newest WHERE uri = ?"
        found = (self._connection.execute(query, (_name(uri),)).fetchone() for uri in uris)
        return [row and row[0] for row in found]

    def row(self, content: bytes) -> Row | None:
        """Return the row of the first photo with this content, None where there is none."""
        found = self._connection.execute("SELECT event_id, dt FROM contents WHERE content = ?", (content,)).fetchone()
        if found is None:
            return None
        import pyarrow.compute as pc

        event_id, day = found[0], date.fromisoformat(found[1])
        table = self._logs[0].table
        rows: list[Row] = (
            table.to_pyarrow_dataset()
            .to_table(filter=(pc.field("event_id") == event_id) & (pc.field("dt") == day))
            .to_pylist()
        )
        return max(rows, key=lambda row: row["revision"], default=None)

    def _catch_up(self, log: TableLog) -> bool:
        known = self._known(log)
        files = None if known is None else log.added_since(known)
        if files is None:
            return False
        try:
            for file in files:
                self._add(log, file)
        except FileNotFoundError:
            return False  # put together with others and deleted since
        self._remember(log)
        return True

    def _rebuild(self) -> None:
        for table in ("newest", "contents", "followed"):
            self._connection.execute(f"DELETE FROM {table}")
        for log in self._logs:
            for file in log.all_files():
                self._add(log, file)
            self._remember(log)

    def _add(self, log: TableLog, file: str) -> None:
        for batch in log.read(file, [name for name in _COLUMNS[log.name] if name != "dt"]):
            day = _day_of(file)
            for row in batch.to_pylist():
                self._add_version(row["uri"], row["generation"])
                if log.name == QUALITY and row["sha256"] and not row["duplicate_of"]:
                    made = (row["sha256"], row["role"] or "", row["config_digest"] or "", row["model_version"] or "")
                    self._connection.execute(
                        "INSERT OR IGNORE INTO contents VALUES (?, ?, ?)", (content_key(*made), row["event_id"], day)
                    )

    def _add_version(self, uri: str | None, generation: str | None) -> None:
        if not uri or not generation:
            return
        known = self.newest([uri])[0]
        if known is None or is_newer(generation, known):
            self._connection.execute("INSERT OR REPLACE INTO newest VALUES (?, ?)", (_name(uri), generation))

    def _known(self, log: TableLog) -> int | None:
        found = self._connection.execute("SELECT version, digest FROM followed WHERE name = ?", (log.name,)).fetchone()
        return found[0] if found is not None and log.digest(found[0]) == found[1] else None

    def _remember(self, log: TableLog) -> None:
        version = log.table.version()
        self._connection.execute(
            "INSERT OR REPLACE INTO followed VALUES (?, ?, ?)", (log.name, version, log.digest(version))
        )


def _day_of(file: str) -> str:
    """Return the partition that a data file's path names: the column is not in the file itself."""
    return next(part.removeprefix("dt=") for part in Path(file).parts if part.startswith("dt="))


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _laid_out(path)
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        discard(path)
        return _laid_out(path)


def _laid_out(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        with transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                for table in ("newest", "contents", "followed"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in _LAYOUT:
                    connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _name(uri: str) -> bytes:
    return hashlib.blake2b(uri.encode("utf-8", "backslashreplace"), digest_size=16).digest()
