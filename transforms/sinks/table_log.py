"""The commits of one Delta table: one JSON file each, lines of actions (Delta protocol, "Delta Log Entries")."""

import functools
import hashlib
import json
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from transforms.sinks.output import table_options

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from pyarrow.fs import FileSystem

BATCH_ROWS = 10_000


@functools.lru_cache(maxsize=16)
def _files(place: str, options: tuple[tuple[str, str], ...]) -> "FileSystem":
    """Return a table's files; kept, since on a bucket each new one looks for credentials again."""
    import pyarrow.fs
    from deltalake.fs import DeltaStorageHandler

    return pyarrow.fs.PyFileSystem(DeltaStorageHandler(place, dict(options)))


class TableLog:
    """What came into a table and when, up to the version that is loaded."""

    def __init__(self, table: "DeltaTable"):
        self.table = table
        self.name = table.table_uri.rstrip("/").rpartition("/")[2]
        self._files = _files(table.table_uri, tuple(table_options(table.table_uri).items()))

    def added_since(self, version: int) -> list[str] | None:
        """Return the data files added after `version`; None where rows also went, or that part of the log is gone."""
        files = []
        for later in range(version + 1, self.table.version() + 1):
            text = self._commit(later)
            if text is None:
                return None
            for action in map(json.loads, text.splitlines()):
                if "remove" in action and action["remove"].get("dataChange", True):
                    return None
                if "add" in action and action["add"].get("dataChange", True):
                    files.append(urllib.parse.unquote(action["add"]["path"]))
        return files

    def all_files(self) -> list[str]:
        """Return the data files of the loaded version."""
        import pyarrow as pa

        paths: list[str] = pa.table(self.table.get_add_actions()).column("path").to_pylist()
        return [urllib.parse.unquote(path) for path in paths]

    def digest(self, version: int) -> str | None:
        """Return a digest of one commit, which tells this table from another of its name; None where it is gone."""
        text = self._commit(version)
        return None if text is None else hashlib.sha256(text).hexdigest()

    def read(self, file: str, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """Yield a data file's rows, all columns or some.

        Raises:
            FileNotFoundError: it was put together with others and deleted since.
        """
        import pyarrow.parquet as pq

        with self._files.open_input_file(file) as handle:
            yield from pq.ParquetFile(handle).iter_batches(BATCH_ROWS, columns=columns)

    def _commit(self, version: int) -> bytes | None:
        try:
            with self._files.open_input_file(f"_delta_log/{version:020d}.json") as file:
                content: bytes = file.read()
                return content
        except FileNotFoundError:
            return None
