"""Photos that a table names: CSV, JSON lines or Parquet with a column `uri`; a bad row is a dead letter, not an end.

Everything is read row by row, so a manifest of any length takes the same memory.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple, cast

from transforms import identity
from transforms.errors import RefusalError, UserError
from transforms.events.fields import KNOWN, event_of
from transforms.records import DeadLetter, ImageEvent, unread_dead_letter

STAGE = "source"
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
MAX_LINE = 16 * 1024 * 1024
"""Characters of one line; a longer one is a bad row (an unclosed quote, or no text at all)."""

_LIKELY = ("url", "path", "file", "filename", "image", "image_url", "image_uri", "photo", "src")


class Row(NamedTuple):
    """One row: where it stands ("line 7"), its fields or what is wrong with it, and the text as it came."""

    place: str
    fields: Mapping[str, Any] | RefusalError
    raw: str


def is_manifest(name: str) -> bool:
    """Tell by its ending whether a file is a manifest."""
    return name.lower().endswith(ENDINGS)


def read_manifest(file: IO[bytes], uri: str) -> Iterator[ImageEvent | DeadLetter]:
    """Yield an event or a dead letter for each row.

    Args:
        file: the manifest, opened for reading bytes; Parquet needs one that can seek.
        uri: its canonical URI: plain paths in it are relative to its folder, and a row's place is this and its line.

    Raises:
        UserError: it has no column `uri`, names a column twice, or is no file of the kind that its name says.
    """
    name = uri.lower()
    if name.endswith(".parquet"):
        rows = _parquet_rows(file, uri)
    elif name.endswith((".csv", ".tsv")):
        rows = _csv_rows(file, uri)
    else:
        rows = _json_rows(file)
    folder = identity.folder_of(uri)
    for row in rows:
        position = f"{uri}#{row.place}"
        try:
            if isinstance(row.fields, RefusalError):
                raise row.fields
            yield event_of(row.fields, folder, position, stat_files=True)
        except RefusalError as refusal:
            said = RefusalError("bad_manifest_row", f"{row.place}: {refusal.message}")
            id_ = identity.event_id(None, row.raw, "", position)
            payload = json.dumps({"manifest": uri, "at": row.place, "row": row.raw[:100_000]})
            yield unread_dead_letter(id_, payload, STAGE, said, datetime.now(UTC), position)


def _csv_rows(file: IO[bytes], uri: str) -> Iterator[Row]:
    lines = _Lines(_as_text(file, newline=""))
    header = next((line for line in lines if line.strip()), None)
    if header is None:
        raise UserError(f"the manifest {uri} is empty")
    delimiter, names = _header(header, uri)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = lines.count + 1
        lines.recent.clear()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(_span(first, lines.count), RefusalError("bad_event", f"no CSV: {error}"), "".join(lines.recent))
            continue
        if not values:
            continue
        raw, place = "".join(lines.recent), _span(first, lines.count)
        if len(values) != len(names):
            said = f"{len(values)} fields where the header has {len(names)}"
            yield Row(place, RefusalError("bad_event", said), raw)
        else:
            yield Row(place, {n: v.strip() if n != "uri" else v for n, v in zip(names, values, strict=True) if n}, raw)


def _json_rows(file: IO[bytes]) -> Iterator[Row]:
    lines = _Lines(_as_text(file, newline="\n"))
    for line in lines:
        lines.recent.clear()
        if not line.strip():
            continue
        place = f"line {lines.count}"
        if lines.count == 1 and line.strip() == "[":
            raise UserError("the manifest is one JSON array: write one JSON object a line")
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(place, RefusalError("bad_event", f"no JSON: {error}"), line)
            continue
        if isinstance(fields, dict):
            yield Row(place, fields, line)
        else:
            yield Row(place, RefusalError("bad_event", "a row is one JSON object"), line)


def _parquet_rows(file: IO[bytes], uri: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = itertools.count(1)
    try:
        table = pq.ParquetFile(file)
        schema = table.schema_arrow
        _checked_names(list(schema.names), uri)
        # Photos that lie in the table itself would be a gigabyte for each thousand rows, and are no field to keep.
        read = [f.name for f in schema if f.name.strip().lower() in KNOWN or not _holds_bytes(f.type)]
        names = [name.strip().lower() for name in read]
        for batch in table.iter_batches(batch_size=1_024, columns=read):
            columns = [_values(column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                fields = dict(zip(names, values, strict=True))
                bad = next((value for value in values if isinstance(value, RefusalError)), None)
                yield Row(f"row {next(number)}", bad or fields, str(fields))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"the manifest {uri} is no readable Parquet file: {_one_line(error)}") from None


def _values(column: Any) -> list[Any]:
    """Return a column's values as Python's own, a `RefusalError` for one that Python cannot hold."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    try:
        if _holds_bytes(column.type):  # a text that its writer did not mark as one
            return [value and bytes(value).decode("utf-8", "surrogateescape") for value in column.to_pylist()]
        return list(column.to_pylist())
    except (TypeError, ValueError, OverflowError):
        return [_value(cell) for cell in column]


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return True
    return any(_holds_bytes(kind.field(n).type) for n in range(kind.num_fields))


def _value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except (ValueError, OverflowError) as error:
        return RefusalError("bad_event", _one_line(error))


def _header(line: str, uri: str) -> tuple[str, list[str]]:
    """Return the delimiter, and the names in lower case; a delimiter is right when it leaves a column `uri`."""
    readings = []
    for delimiter in (",", ";", "\t", "|"):
        try:
            readings.append((delimiter, [n.strip().lower() for n in next(csv.reader([line], delimiter=delimiter))]))
        except csv.Error:
            continue
    if not readings:
        raise UserError(f"the manifest {uri} has no readable line of column names")
    delimiter, names = next((r for r in readings if "uri" in r[1]), max(readings, key=lambda r: len(r[1])))
    return delimiter, _checked_names(names, uri)


def _checked_names(names: list[str], uri: str) -> list[str]:
    names = [name.strip().lower() for name in names]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"the manifest {uri} names the column {twice!r} twice")
    if "uri" not in names:
        likely = next((name for name in names if name in _LIKELY), None)
        hint = f"rename {likely!r}" if likely else f"it has {', '.join(names)[:200] or 'none'}"
        raise UserError(f"the manifest {uri} needs a column 'uri' that names the photos: {hint}")
    return names


class _Lines:
    """The lines of a text, one at a time: counted, cut at `MAX_LINE`, and kept until the row that they make is done."""

    def __init__(self, text: IO[str]):
        self.text = text
        self.count = 0
        self.recent: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.count += 1
        self.recent.append(line)
        rest = line
        while len(rest) == MAX_LINE and not rest.endswith(("\n", "\r")):
            rest = self.text.readline(MAX_LINE)
        return line


def _as_text(file: IO[bytes], newline: str) -> IO[str]:
    """Read as UTF-8, or as what the byte order mark says; bytes that are no UTF-8 stay as they are in a file's name."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file))
    start = buffered.peek(2)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return io.TextIOWrapper(buffered, encoding="utf-16", errors="replace", newline=newline)
    return io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def _span(first: int, last: int) -> str:
    return f"line {first}" if last <= first else f"lines {first} to {last}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
