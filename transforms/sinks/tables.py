"""The two Delta tables of an output, and the commit that ends an epoch.

Delta's own rules let two appends both succeed, and do not skip a transaction that is repeated. So every commit here
also carries one transaction of this program's (`WRITER`): two commits that began from the same version conflict on it,
the second fails, loads what the first one wrote, leaves out what is there, and tries again: no row is there twice.
"""

import contextlib
import logging
import random
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transforms.errors import UserError
from transforms.records import SCHEMA_VERSION, Row, dead_letters_schema, quality_schema
from transforms.sinks.finished import Finished, Identity
from transforms.sinks.images import STALE_S
from transforms.sinks.output import Output, one_line, table_options
from transforms.sinks.table_settings import TableSettings

if TYPE_CHECKING:
    from deltalake import DeltaTable

QUALITY = "quality"
DEAD_LETTERS = "dead_letters"
SCHEMAS = {QUALITY: quality_schema, DEAD_LETTERS: dead_letters_schema}

WRITER = "vitrine"
"""The application id that every commit carries, so that two at once conflict."""

VERSION_PROPERTY = "vitrine.schemaVersion"

STATS = {QUALITY: "processed_at,verdict,score,category", DEAD_LETTERS: "failed_at,code,stage"}
"""The columns whose range is in the log, for readers to skip files by; long texts would make the log huge."""

_ATTEMPTS = 200
_LOG_BYTES = 200_000
"""Room for a commit's own file and the index, beside the rows."""

_SIGNS = {
    "os error 28": "cannot be written: the disk is full; make room and run the same command again",
    "os error 122": "cannot be written: the disk quota is used up",
    "os error 13": "cannot be written: no permission",
    "os error 30": "cannot be written: the file system is read-only",
    "loading credentials|token request": "cannot be reached without credentials: set those of AWS (AWS_ACCESS_KEY_ID, …) "
    "or Google Cloud (GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login)",
    "connect error|dns error": "cannot be reached: the store does not answer (another than the vendor's own is named by "
    "AWS_ENDPOINT_URL or STORAGE_EMULATOR_HOST)",
    "NoSuchBucket|list request.*404": "cannot be reached: there is no such bucket",
    "AccessDenied|403 Forbidden": "cannot be read or written: these credentials may not",
}
"""What delta-rs says somewhere in a message -> what it means to whoever started the job."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit of an epoch added: rows that the tables already had are not counted."""

    rows: int
    dead_letters: int


class Tables:
    """The tables of one output, open. One object for one thread at a time; other processes may write too."""

    def __init__(self, output: Output, settings: TableSettings | None = None):
        """Open the tables, making those that are missing.

        Raises:
            UserError: a table is of a newer version, or cannot be read or written.
        """
        self.output = output
        self.settings = settings or TableSettings()
        self._tables = {name: _open(output, name) for name in SCHEMAS}
        self._finished = Finished(output.state_folder())

    def close(self) -> None:
        """Let go of the index."""
        self._finished.close()

    def position(self, app_id: str) -> int | None:
        """Return how far a source has been committed, None where it never was."""
        return self._refreshed(QUALITY).transaction_version(app_id)

    def versions(self) -> dict[str, int]:
        """Return each table's version as it is loaded here: after a commit, at least that commit's."""
        return {name: table.version() for name, table in self._tables.items()}

    def revisions(self, identities: Iterable[Identity]) -> list[int | None]:
        """Return the highest revision of each identity in either table, None where neither has it."""
        return self._finished.revisions([self._refreshed(name) for name in SCHEMAS], identities)

    def _refreshed(self, name: str) -> "DeltaTable":
        from deltalake.exceptions import DeltaError

        table = self._tables[name]
        try:
            table.update_incremental()
        except (DeltaError, OSError) as error:
            raise _unusable(self.output, name, error) from error
        _check_version(table)
        return table

    def commit_epoch(
        self, rows: Sequence[Row], dead_letters: Sequence[Row], positions: Mapping[str, int] | None = None
    ) -> Committed:
        """Commit an epoch: its dead letters, then its rows together with the sources' positions, each at most once.

        A crash between the two leaves dead letters without the position: the epoch is read again, and what either
        table holds is left out. An epoch without rows commits its positions alone.

        Raises:
            UserError: the tables cannot be written.
        """
        letters = self._append(DEAD_LETTERS, dead_letters, {})
        return Committed(self._append(QUALITY, rows, positions or {}), letters)

    def _append(self, name: str, rows: Sequence[Row], positions: Mapping[str, int]) -> int:
        from deltalake.exceptions import CommitFailedError, DeltaError

        if not rows and not positions:
            return 0
        for attempt in range(_ATTEMPTS):
            try:
                fresh = self._unknown(rows)
                table = self._tables[name]
                ahead = {app: at for app, at in positions.items() if at > _at(table, app)}
                if not fresh and not ahead:
                    return 0
                self._write(name, fresh, ahead)
            except CommitFailedError:
                time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 25)))
                self._tables[name] = _open(self.output, name)
                continue
            except (DeltaError, OSError) as error:
                raise _unusable(self.output, name, error) from error
            self._tidy(name)
            return len(fresh)
        raise UserError(f"{self.output.child(name)} was changed by others at each of {_ATTEMPTS} attempts to commit")

    def _unknown(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that neither table has, each once."""
        identities = [(row["event_id"], row["uri"], row["generation"]) for row in rows]
        fresh: list[Row] = []
        seen: set[Any] = set()
        for row, identity, known in zip(rows, identities, self.revisions(identities), strict=True):
            revision = row["revision"]
            names = {(revision, identity[0])} | ({(revision, *identity[1:])} if all(identity[1:]) else set())
            if (known is None or known < revision) and not names & seen:
                fresh.append(row)
            seen |= names
        return fresh

    def _write(self, name: str, rows: Sequence[Row], positions: Mapping[str, int]) -> None:
        import pyarrow as pa
        from deltalake import CommitProperties, Transaction, write_deltalake

        table, schema = self._tables[name], SCHEMAS[name]()
        transactions = [Transaction(WRITER, _at(table, WRITER) + 1)]
        transactions += [Transaction(app, at) for app, at in positions.items()]
        data = pa.Table.from_pylist(list(rows), schema=schema)
        self._check_room(name, data.nbytes)
        write_deltalake(
            table,
            data,
            mode="append",
            schema_mode=None if pa.schema(table.schema()).equals(schema) else "merge",
            commit_properties=CommitProperties(app_transactions=transactions),
        )

    def _check_room(self, name: str, size: int) -> None:
        # On a full disk a thread of delta-rs panics: the error is the right one, but a stack trace is printed first.
        if self.output.scheme == "file" and shutil.disk_usage(self.output.root).free < size + _LOG_BYTES:
            raise _unusable(self.output, name, OSError("os error 28"))

    def _tidy(self, name: str) -> None:
        """Now and then put small files together and delete those that were replaced long ago."""
        from deltalake.exceptions import DeltaError

        table = self._tables[name]
        if table.version() == 0 or table.version() % self.settings.compact_every:
            return
        try:
            table.optimize.compact()
            hours = self.settings.vacuum_after_h
            # Full: also files that no commit names. With no time given to them, another writer's would be among them.
            table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=hours > 0)
            if self.output.scheme == "file":
                _sweep(Path(self.output.child(name)))
        except (DeltaError, OSError) as error:
            # The rows are committed; another process may be tidying too, and the next time comes soon.
            logging.warning("%s was not compacted: %s", self.output.child(name), error)
            self._tables[name] = _open(self.output, name)


def read_table(output: Output, name: str) -> "DeltaTable":
    """Return a table to read from.

    Raises:
        UserError: there is none, it is of a newer version, or it cannot be read.
    """
    table = _find(output, name)
    if table is None:
        raise UserError(f"{output.root} has no table {name}: it is not the output of a run")
    return table


def _open(output: Output, name: str) -> "DeltaTable":
    """Return a table to write to, made where it is missing."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    table = _find(output, name)
    try:
        if table is None:
            with contextlib.suppress(CommitFailedError):  # another process made it just now
                _create(output, name)
        elif _version(table) < SCHEMA_VERSION:
            with contextlib.suppress(CommitFailedError):
                table.alter.set_table_properties({VERSION_PROPERTY: str(SCHEMA_VERSION)}, raise_if_not_exists=False)
        else:
            return table
    except (DeltaError, OSError) as error:
        raise _unusable(output, name, error) from error
    return read_table(output, name)


def _find(output: Output, name: str) -> "DeltaTable | None":
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    uri = output.child(name)
    try:
        table = DeltaTable(uri, storage_options=table_options(uri))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise _unusable(output, name, error) from error
    _check_version(table)
    return table


def _create(output: Output, name: str) -> None:
    from deltalake import DeltaTable

    uri = output.child(name)
    DeltaTable.create(
        uri,
        SCHEMAS[name](),
        mode="ignore",
        partition_by="dt",
        name=name,
        configuration={VERSION_PROPERTY: str(SCHEMA_VERSION), "delta.dataSkippingStatsColumns": STATS[name]},
        storage_options=table_options(uri),
        raise_if_key_not_exists=False,
    )


def _version(table: "DeltaTable") -> int:
    return int(table.metadata().configuration.get(VERSION_PROPERTY) or 0)


def _check_version(table: "DeltaTable") -> None:
    if (version := _version(table)) > SCHEMA_VERSION:
        raise UserError(
            f"{table.table_uri} was written by a newer version of this program (table version {version}, this one "
            f"knows {SCHEMA_VERSION}): update vitrine, or choose another output"
        )


def _at(table: "DeltaTable", app_id: str) -> int:
    position = table.transaction_version(app_id)
    return -1 if position is None else position


def _sweep(folder: Path) -> None:
    """Delete what a killed process left half written: delta-rs writes a local file as `name#1`, then renames it."""
    for path in folder.rglob("*#[0-9]*"):
        if time.time() - path.stat().st_mtime > STALE_S:
            path.unlink(missing_ok=True)


def _unusable(output: Output, name: str, error: Exception) -> UserError:
    place, text = output.child(name), str(error)
    for sign, sentence in _SIGNS.items():
        if re.search(sign, text, re.DOTALL):
            return UserError(f"{place} {sentence}")
    return UserError(f"the table {place} cannot be used: {one_line(error)}")
