import csv
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import cli, sql
from transforms.records import dead_letters_schema, quality_schema
from transforms.sinks.output import open_output
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Tables

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(uri="file:///a.jpg", generation="1", revision=0, verdict="accept", score=50.0, at=NOON):
    return dict.fromkeys(quality_schema().names) | {
        "event_id": f"{uri} {generation}",
        "uri": uri,
        "generation": generation,
        "revision": revision,
        "verdict": verdict,
        "score": score,
        "processed_at": at,
        "dt": at.date(),
        "notes": ["alpha_on_white"],
    }


def letter(code="truncated"):
    return dict.fromkeys(dead_letters_schema().names) | {
        "event_id": code,
        "uri": f"file:///{code}.jpg",
        "revision": 0,
        "code": code,
        "failed_at": NOON,
        "dt": NOON.date(),
    }


@pytest.fixture
def place(tmp_path):
    output = open_output(str(tmp_path / "out"))
    tables = Tables(output)
    tables.commit_epoch(
        [row("file:///a.jpg"), row("file:///b.jpg", verdict="retake", score=None), row("file:///c.jpg", score=70.25)],
        [letter("truncated"), letter("not_found")],
    )
    tables.close()
    return output.root


def said(capsys, *arguments):
    assert cli.main(["sql", *arguments]) == 0
    return capsys.readouterr().out


def test_a_question_is_answered_as_a_table(place, capsys):
    text = said(capsys, place, "select verdict, count(*) as photos, avg(score) s from quality group by 1 order by 1")
    assert text.splitlines() == [
        "verdict  photos       s",
        "-------  ------  ------",
        "accept        2  60.125",
        "retake        1       ·",
    ]


def test_dead_letters_are_a_view(place, capsys):
    assert said(capsys, place, "select code from dead_letters order by 1", "--csv") == "code\nnot_found\ntruncated\n"


def test_json_is_an_array_of_rows(place, capsys):
    text = said(capsys, place, "select uri, score, notes, processed_at from quality order by uri", "--json")
    rows = json.loads(text)
    assert [row["score"] for row in rows] == [50.0, None, 70.25]
    assert rows[0] == {
        "uri": "file:///a.jpg",
        "score": 50.0,
        "notes": ["alpha_on_white"],
        "processed_at": "2026-03-01T12:00:00+00:00",
    }
    assert len(text.splitlines()) == 3
    assert json.loads(said(capsys, place, "select * from quality where false", "--json")) == []


def test_latest_is_the_highest_revision_of_the_highest_generation(tmp_path, capsys):
    output = open_output(str(tmp_path / "out"))
    tables = Tables(output)
    # The newest generation was judged first, and an older one has the highest revision.
    tables.commit_epoch([row("file:///a.jpg", "00010", 0, "accept")], [])
    tables.commit_epoch([row("file:///a.jpg", "00009", 0, "retake")], [])
    tables.commit_epoch([row("file:///a.jpg", "00009", 1, "retake"), row("file:///a.jpg", "00010", 1, "improve")], [])
    tables.commit_epoch([row("file:///b.jpg", "1", 0, "accept")], [])
    for number, verdict in enumerate(["accept", "retake"]):
        later = row("https://shop/c.jpg", "", 0, verdict, at=NOON + timedelta(hours=number)) | {
            "event_id": f"c{number}"
        }
        tables.commit_epoch([later], [])
    found = json.loads(said(capsys, output.root, "select uri, verdict from latest order by uri", "--json"))
    assert [(row["uri"][-5:], row["verdict"]) for row in found] == [
        ("a.jpg", "improve"),
        ("b.jpg", "accept"),
        ("c.jpg", "retake"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "create table t as select 1",
        "drop view latest",
        "insert into quality select * from quality",
        "copy (select 1) to '{tmp}/written.csv'",
        "attach '{tmp}/written.db'",
        "export database '{tmp}/written'",
        "explain analyze copy (select 1) to '{tmp}/written.csv'",
        "select 1; copy (select 1) to '{tmp}/written.csv'",
        "set threads = 1",
        "install httpfs",
    ],
)
def test_nothing_is_written(place, tmp_path, capsys, query):
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["sql", place, query.format(tmp=tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "only asks" in captured.err and len(captured.err.splitlines()) == 1 and not captured.out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "query",
    [
        "describe latest",
        "summarize quality",
        "explain select 1",
        "explain analyze select 1",
        "from latest",
        "show tables",
    ],
)
def test_all_that_asks_is_answered(place, capsys, query):
    assert said(capsys, place, query)


def test_each_of_several_questions_is_answered(place, capsys):
    text = said(capsys, place, "select count(*) n from quality; select 'a;b' as x; -- the end")
    assert text == "n\n-\n3\n\nx  \n---\na;b\n".replace("x  ", "x")
    assert cli.main(["sql", place, "select 1; select 2", "--csv"]) == 2
    assert "one answer" in capsys.readouterr().err


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 200))
def test_columns_fit_a_terminal_and_the_narrow_ones_keep_their_width(widths, room):
    narrow = sql.fitted(widths, room)
    if narrow is None:
        assert sum(min(width, 20) for width in widths) > room
        return
    assert sum(narrow) == min(room, sum(widths))
    assert all(min(width, 20) <= new <= width for width, new in zip(widths, narrow, strict=True))


def test_the_columns_of_a_table_are_described_in_a_line_each_on_a_terminal(place):
    columns, rows = sql.ask(sql.connect(open_output(place)), "describe latest")
    to = io.StringIO()
    sql.write_text(columns, rows, to, screen=80)
    lines = to.getvalue().splitlines()
    assert len(lines) == 2 + len(quality_schema().names)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("product_region_confidence  DOUBLE") for line in lines)


def test_times_are_utc_wherever_one_is(place, capsys, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert said(capsys, place, "select distinct hour(processed_at) h from quality", "--csv") == "h\n12\n"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("select * from qualty", 'Table with name qualty does not exist! Did you mean "quality"'),
        ("select verdit from quality", '"verdit" not found'),
        ("selec", "syntax error"),
        ("select event_id::int from quality", "Could not convert"),
        ("  ", "the query is empty"),
        ("select * from place", "place does not exist"),
    ],
)
def test_a_wrong_question_is_one_sentence(place, capsys, query, sentence):
    assert cli.main(["sql", place, query]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert len(captured.err.splitlines()) == 1 and "LINE 1" not in captured.err
    assert captured.out == ""


def test_a_wrong_place_is_one_sentence_and_stays_untouched(tmp_path, capsys):
    for place, sentence in [("none", "is not there"), ("", "has no table quality"), ("gs://", "names no bucket")]:
        assert cli.main(["sql", str(tmp_path / place) if "//" not in place else place, "select 1"]) == 2
        assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_cannot_be_read_is_one_sentence(place, capsys):
    for file in Path(place, QUALITY).glob("dt=*/*.parquet"):
        file.write_bytes(b"no parquet")
    assert cli.main(["sql", place, "select verdict from quality"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_it_imports_neither_beam_nor_tensorflow(place):
    script = (
        "import sys; from pipelines import cli; code = cli.main(['sql', sys.argv[1], 'select count(*) n from quality']);"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'apache_beam', 'tensorflow', 'keras'}))"
    )
    done = subprocess.run([sys.executable, "-c", script, place], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["n", "-", "3", "[]"]


# How values are written


def written(columns, rows, screen=None):
    to = io.StringIO()
    sql.write_text(columns, iter(rows), to, screen)
    return to.getvalue().splitlines()


def test_wide_characters_line_up():
    lines = written(["name", "n"], [["中文", 1], ["é", 22]])
    assert lines == ["name   n", "----  --", "中文   1", "é     22"]


def test_odd_values_stay_on_their_line():
    assert written(["x"], [["a\nb\x1b[31m"]])[2:] == ["a\\nb\\x1b[31m"]


def test_rows_after_the_measured_ones_are_written_too(monkeypatch):
    monkeypatch.setattr(sql, "_MEASURED_ROWS", 2)
    assert written(["n"], [[1], [2], [333333]])[2:] == ["1", "2", "333333"]


def test_what_is_too_wide_for_the_screen_is_written_as_blocks():
    lines = written(["uri", "verdict"], [["x" * 100, "accept"], ["y", "retake"]], screen=60)
    assert lines == ["-- 1 --", f"uri      {'x' * 59}…", "verdict  accept", "-- 2 --", "uri      y", "verdict  retake"]


def test_a_statement_without_an_answer_prints_nothing():
    assert written([], []) == []


def test_json_says_what_python_cannot():
    to = io.StringIO()
    odd = [float("nan"), float("inf"), Decimal("3"), Decimal("1.5"), b"\xff", date(2026, 1, 2), {"a": [NOON]}, 1, None]
    sql.write_json(["a"] * len(odd), iter([odd]), to)
    row = json.loads(to.getvalue())[0]
    assert list(row) == ["a", *(f"a_{n}" for n in range(2, 10))]
    assert list(row.values())[:6] == [None, None, 3, 1.5, "/w==", "2026-01-02"]
    assert row["a_7"] == {"a": ["2026-03-01T12:00:00+00:00"]}


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_csv_is_read_back(rows):
    to = io.StringIO(newline="")
    sql.write_csv(["a", "b"], iter(map(list, rows)), to)
    assert [tuple(row) for row in csv.reader(io.StringIO(to.getvalue(), newline=""))][1:] == rows


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",))), min_size=1, max_size=4))
def test_every_row_of_a_table_is_one_line(texts):
    assert len(written(["x"], [[text] for text in texts])) == 2 + len(texts)


def test_a_null_column_of_a_newer_table_is_readable(place, capsys):
    from deltalake import write_deltalake

    table = pa.Table.from_pylist([row("file:///z.jpg")], schema=quality_schema())
    table = table.append_column("shelf", pa.array(["top"]))
    write_deltalake(str(Path(place, QUALITY)), table, mode="append", schema_mode="merge")
    text = said(capsys, place, "select shelf from quality order by shelf nulls first", "--csv")
    assert text.split("\n")[-2] == "top"
    assert said(capsys, place, f"select count(*) n from {DEAD_LETTERS}", "--csv") == "n\n2\n"
