"""`vitrine sql`: ask the tables of an output in SQL (DuckDB's), without a server.

Views: `quality` and `dead_letters` are the tables; `latest` is of `quality` the one row for each photo that counts now.
"""

import argparse
import base64
import decimal
import itertools
import json
import math
import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pipelines.config import Config
from transforms.errors import UserError
from transforms.sinks.output import Output, name_output
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, read_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LATEST = """
CREATE VIEW latest AS SELECT * FROM quality
QUALIFY row_number() OVER (PARTITION BY uri ORDER BY generation DESC, revision DESC, processed_at DESC) = 1
"""
"""Generations sort as text; where a source counts none, the time of judging decides."""

_ASKING = ("SELECT", "MULTI")
"""Kinds of statements that change nothing; `describe`, `summarize`, `show` and `from` are select too, a pivot is several."""

_EXPLAIN = re.compile(r"\s*explain\s+(?:analyze\s+)?(.*)", re.IGNORECASE | re.DOTALL)

_MEASURED_ROWS = 1_000
"""Rows whose widths make the columns' widths; what comes after is printed as it comes."""

_CELL = 60
"""Characters of one value on a terminal."""

_LEAST_CELL = 20
"""To so many a value of a long answer may be cut so that a row fits a terminal's line."""

_BLOCKS = 20
"""Rows that can be read as blocks, with a line for each column."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vitrine sql` takes."""
    parser.add_argument("output", metavar="OUT", help="the output of a run: a folder, gs://… or s3://…")
    parser.add_argument(
        "query", help='SQL over quality, dead_letters and latest: "select verdict, count(*) from quality …"'
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, nested values as JSON")
    form.add_argument("--json", action="store_true", help="print one JSON array of objects")


def run(args: argparse.Namespace, config: Config) -> int:
    """Print what the query finds, or one answer after another where there are several."""
    connection = connect(name_output(args.output))
    found = queries(connection, args.query)
    if len(found) > 1 and (args.json or args.csv):
        raise UserError(f"--{'json' if args.json else 'csv'} prints one answer: give one query, not {len(found)}")
    screen = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for number, query in enumerate(found):
        columns, rows = ask(connection, query)
        if args.json:
            write_json(columns, rows, sys.stdout)
        elif args.csv:
            write_csv(columns, rows, sys.stdout)
        else:
            sys.stdout.write("\n" if number else "")
            write_text(columns, rows, sys.stdout, screen)
    return 0


def connect(output: Output) -> "duckdb.DuckDBPyConnection":
    """Return a database that has the views of an output, read as they are now.

    Raises:
        UserError: there are no tables, or they cannot be read.
    """
    import duckdb

    if output.scheme == "file" and not Path(output.root).is_dir():
        raise UserError(f"{output.root} is not there: give the output folder of a run")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "TimeZone": "UTC",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "temp_directory": tempfile.gettempdir(),
    }
    connection = duckdb.connect(config=settings)
    for name in (QUALITY, DEAD_LETTERS):
        try:
            connection.register(name, read_table(output, name).to_pyarrow_dataset())
        except Exception as error:
            if isinstance(error, UserError):
                raise
            # Another program may have given the table features that the Arrow reader lacks (deletion vectors).
            raise UserError(f"the table {output.child(name)} cannot be read: {_one_line(error)}") from error
    connection.execute(LATEST)
    return connection


def queries(connection: "duckdb.DuckDBPyConnection", text: str) -> list[str]:
    """Part a text into its queries.

    Raises:
        UserError: there is none, one is no SQL, or one would write something: to a file, another database, or nowhere that lasts.
    """
    found = _statements(connection, text)
    if not found:
        raise UserError('the query is empty: try "select verdict, count(*) from quality group by verdict"')
    for statement in found:
        if not _only_asks(connection, statement):
            kind = statement.type.name.lower()
            raise UserError(f"vitrine sql only asks, it runs no {kind}: write select, describe, summarize or explain")
    return [statement.query for statement in found]


def _only_asks(connection: "duckdb.DuckDBPyConnection", statement: "duckdb.Statement") -> bool:
    if statement.type.name == "EXPLAIN":
        explained = _EXPLAIN.match(statement.query)  # `explain analyze` runs what it explains
        return explained is not None and all(
            _only_asks(connection, inner) for inner in _statements(connection, explained[1])
        )
    return statement.type.name in _ASKING


def _statements(connection: "duckdb.DuckDBPyConnection", text: str) -> "list[duckdb.Statement]":
    import duckdb

    try:
        return connection.extract_statements(text)
    except duckdb.Error as error:
        raise UserError(f"the query failed: {_one_line(error)}") from None


def ask(connection: "duckdb.DuckDBPyConnection", query: str) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the columns' names and the rows of a query's answer, which is read as the rows are.

    Raises:
        UserError: the query is wrong, or fails.
    """
    import duckdb

    try:
        relation = connection.sql(query)
        if relation is None:
            return [], iter(())
        reader = relation.to_arrow_reader(_MEASURED_ROWS)
    except duckdb.Error as error:
        raise UserError(f"the query failed: {_one_line(error)}") from None
    return list(reader.schema.names), _rows(reader)


def _rows(reader: "pa.RecordBatchReader") -> Iterator[list[Any]]:
    try:
        for batch in reader:
            yield from (list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except (OSError, ValueError) as error:
        raise UserError(f"the query failed: {_one_line(error)}") from None


def write_json(columns: Sequence[str], rows: Iterator[list[Any]], to: TextIO) -> None:
    """Write one array, an object a line; a name that occurs twice gets a number."""
    names = _distinct(columns)
    separator = "["
    for row in rows:
        document = dict(zip(names, map(_plain, row), strict=True))
        to.write(f"{separator}{json.dumps(document, ensure_ascii=False)}")
        separator = ",\n "
    to.write("[]\n" if separator == "[" else "]\n")


def write_csv(columns: Sequence[str], rows: Iterator[list[Any]], to: TextIO) -> None:
    """Write a header and a line a row (RFC 4180 with Unix line ends); null is nothing, "" is the empty text."""
    # Not the csv module: with these line ends it leaves a carriage return in a value unquoted, and readers break there.
    for row in itertools.chain([list(columns)], rows):
        to.write(",".join("" if value is None else _quoted(_text(value, "")) for value in row) + "\n")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if not text or any(c in text for c in ',"\r\n') else text


def write_text(columns: Sequence[str], rows: Iterator[list[Any]], to: TextIO, screen: int | None = None) -> None:
    """Write a table for a person: numbers to the right, null as a dot.

    Args:
        columns: their names; none where the statement has no answer.
        rows: any number; the first thousand make the columns' widths.
        to: where to.
        screen: characters of the terminal's line: longer values are cut, and a row that does not fit is written as a
            block with a line for each column; of a long answer the longest values are cut further first. None: nothing is cut.
    """
    if not columns:
        return
    limit = None if screen is None else _CELL
    cells = ([_cell(value, limit) for value in row] for row in rows)
    first = list(itertools.islice(cells, _MEASURED_ROWS))
    widths = [max([_width(name), *(_width(text) for text, _ in column)]) for name, column in _columns(columns, first)]
    room = screen and screen - 2 * len(widths) + 2
    if room is not None and sum(widths) > room:
        narrow = fitted(widths, room) if len(first) > _BLOCKS else None
        if narrow is None or any(_width(name) > width for name, width in zip(columns, narrow, strict=True)):
            _write_blocks(columns, itertools.chain(first, cells), to)
            return
        widths = narrow
        first, cells = [_cut(row, widths) for row in first], (_cut(row, widths) for row in cells)
    right = [any(number for _, number in column) for _, column in _columns(columns, first)]
    to.write(_line(columns, widths, right))
    to.write(_line(["-" * width for width in widths], widths, right))
    for row in itertools.chain(first, cells):
        to.write(_line([text for text, _ in row], widths, right))


def fitted(widths: Sequence[int], room: int) -> list[int] | None:
    """Return the widths of columns with the widest made narrower until all fit; None where they cannot."""
    least = sum(min(width, _LEAST_CELL) for width in widths)
    if least > room:
        return None
    narrow = list(widths)
    while (over := sum(narrow) - room) > 0:
        widest = max(narrow)
        below = max([_LEAST_CELL, *(width for width in narrow if width < widest)])
        among = [index for index, width in enumerate(narrow) if width == widest]
        step = max(1, min(widest - below, over // len(among)))
        for index in among[: -(-over // step)]:
            narrow[index] -= step
    return narrow


def _cut(row: list[tuple[str, bool]], widths: Sequence[int]) -> list[tuple[str, bool]]:
    return [(_shortened(text, width), number) for (text, number), width in zip(row, widths, strict=True)]


def _shortened(text: str, width: int) -> str:
    """Cut a text to so many columns of a terminal."""
    if _width(text) <= width:
        return text
    kept = ""
    for character in text:
        if _width(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    gaps = (" " * (width - _width(text)) for text, width in zip(texts, widths, strict=True))
    padded = (gap + text if aside else text + gap for gap, text, aside in zip(gaps, texts, right, strict=True))
    return "  ".join(padded).rstrip() + "\n"


def _write_blocks(columns: Sequence[str], rows: Iterable[list[tuple[str, bool]]], to: TextIO) -> None:
    width = max(map(_width, columns))
    for number, row in enumerate(rows, start=1):
        to.write(f"-- {number} --\n")
        for name, (text, _) in zip(columns, row, strict=True):
            to.write(f"{name}{' ' * (width - _width(name))}  {text}\n")


def _columns(names: Sequence[str], rows: list[list[tuple[str, bool]]]) -> list[tuple[str, list[tuple[str, bool]]]]:
    return [(name, [row[index] for row in rows]) for index, name in enumerate(names)]


def _cell(value: Any, limit: int | None) -> tuple[str, bool]:
    """Return a value's text on one line, and whether it belongs to the right."""
    number = isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool)
    text = f"{value:.6g}" if isinstance(value, float) else _text(value, "·")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return (text if limit is None or len(text) <= limit else text[: limit - 1] + "…"), number


def _text(value: Any, null: str) -> str:
    plain = _plain(value)
    if plain is None:
        return null
    if isinstance(plain, bool | dict | list):
        return json.dumps(plain, ensure_ascii=False)
    return str(plain)


def _plain(value: Any) -> Any:
    """Return what JSON can say: times as ISO 8601, bytes as base64, a number that is none as null."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
    return str(value)


def _distinct(names: Sequence[str]) -> list[str]:
    taken: list[str] = []
    for name in names:
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        taken.append(next(candidate for candidate in candidates if candidate not in taken))
    return taken


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes: East Asian wide characters take two, marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _one_line(error: Exception) -> str:
    """Return a database's message without the drawing of where it stopped."""
    return " ".join(str(error).partition("\nLINE ")[0].split()) or type(error).__name__
