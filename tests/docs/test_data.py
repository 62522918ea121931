"""`docs/data.md` says what the code does, in both directions."""

import importlib.util
import re
from pathlib import Path

import pyarrow as pa
import pytest

from transforms.imaging import codec
from transforms.imaging.policy import BANDS
from transforms.reasons import NOTES
from transforms.records import MAX_MESSAGE, ROLES, SCHEMA_VERSION, dead_letters_schema, quality_schema
from transforms.sinks.tables import VERSION_PROPERTY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/data.md").read_text(encoding="utf-8")


def columns(heading):
    """The rows of the first table under a heading: the cells of each."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"\s*\|\s*", "|".join(row))] for row in rows]


def type_text(kind):
    """An Arrow type as the page writes it."""
    if pa.types.is_list(kind):
        return f"list<{type_text(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {type_text(field.type)}' for field in kind)}>"
    return {
        pa.string(): "string",
        pa.int64(): "int64",
        pa.float64(): "double",
        pa.date32(): "date32",
        pa.timestamp("us", tz="UTC"): "timestamp[us, UTC]",
    }[kind]


@pytest.mark.parametrize(
    ("heading", "schema"),
    [("Table `quality`", quality_schema()), ("Table `dead_letters`", dead_letters_schema())],
    ids=["quality", "dead_letters"],
)
def test_the_columns_their_order_and_types_are_those_of_the_code(heading, schema):
    said = {cells[0].strip("`"): cells[1] for cells in columns(heading)}
    told_apart = ("measures", "defects")  # structs with a table of their own
    declared = {
        field.name: "struct of double" if field.name in told_apart else type_text(field.type) for field in schema
    }
    assert list(said) == list(declared)
    assert said == declared


@pytest.mark.parametrize("heading", ["Table `quality`", "Table `dead_letters`"])
def test_every_column_says_what_it_means_and_when_it_is_null(heading):
    for name, *cells in columns(heading):
        assert len(cells) == 4, name
        assert cells[2] and cells[3], name


def test_what_cannot_be_null_in_the_table_never_is_on_the_page():
    for heading, schema in (("Table `quality`", quality_schema()), ("Table `dead_letters`", dead_letters_schema())):
        said = {cells[0].strip("`"): cells[4] for cells in columns(heading)}
        for field in schema:
            assert field.nullable or said[field.name] == "never"


def test_declared_tables_are_as_written_by_the_script():
    spec = importlib.util.spec_from_file_location("write_tables", ROOT / "docs/write_tables.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert set(re.findall(r"<!-- (\w+): python", PAGE)) == set(script.TABLES)
    assert script.written(PAGE) == PAGE, "run: python docs/write_tables.py"


def test_words_of_a_column_are_those_of_the_code():
    ranges = {cells[0].strip("`"): re.findall(r"`(\w+)`", cells[2]) for cells in columns("Table `quality`")}
    assert ranges["role"] == list(ROLES)
    assert ranges["band"] == [name for _, name in BANDS]
    assert f"at most {MAX_MESSAGE:,} characters" in PAGE
    assert f"`{VERSION_PROPERTY}`" in PAGE
    assert SCHEMA_VERSION == 1


def test_every_note_that_the_decoders_make_is_explained():
    made = set()
    for source in Path(codec.__file__).parent.glob("*.py"):
        text = source.read_text(encoding="utf-8")
        made |= set(re.findall(r'\("([a-z_]+)",\)', text)) | set(re.findall(r'notes, "([a-z_]+)"\)', text))
    assert made == set(NOTES)
