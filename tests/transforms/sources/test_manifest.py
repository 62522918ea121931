"""A manifest of any sort: each row is an event or a dead letter that names its line."""

import codecs
import io
import json
import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import identity
from transforms.errors import UserError
from transforms.records import DeadLetter, ImageEvent, dead_letter_row
from transforms.sources import manifest
from transforms.sources.manifest import read_manifest
from transforms.sources.names import InputSettings
from transforms.sources.read import read


def rows(data: bytes | str, name: str = "m.csv") -> list[ImageEvent | DeadLetter]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_manifest(io.BytesIO(raw), f"file:///shop/{name}"))


def parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_known_columns_are_fields_and_the_others_are_kept() -> None:
    (event,) = rows(
        "uri,product_id,seller_id,category,role,event_time,generation,event_id,trace_id,colour\n"
        "gs://b/a.jpg,p,s,shoes,Size Chart,2026-01-02T03:04:05+02:00,7,e,t,red\n"
    )
    assert event == ImageEvent(
        event_id="e",
        uri="gs://b/a.jpg",
        generation="00000000000000000007",
        source_position="file:///shop/m.csv#line 2",
        product_id="p",
        seller_id="s",
        category="shoes",
        role="size_chart",
        event_time=datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        trace_id="t",
        extra={"colour": "red"},
    )


def test_the_three_kinds_say_the_same() -> None:
    expected = ("file:///shop/p/a.jpg", "7", "main", datetime(2026, 1, 2, tzinfo=UTC), {"price": "9"})
    csv = rows("uri,seller_id,role,event_time,price\np/a.jpg,7,main,2026-01-02,9\n")
    jsonl = rows(
        '{"uri": "p/a.jpg", "seller_id": 7, "role": "main", "event_time": 1767312000, "price": "9"}', "m.jsonl"
    )
    table = parquet(uri=["p/a.jpg"], seller_id=[7.0], role=["main"], event_time=[datetime(2026, 1, 2)], price=["9"])
    for event in (csv[0], jsonl[0], rows(table, "m.parquet")[0]):
        assert isinstance(event, ImageEvent)
        assert (event.uri, event.seller_id, event.role, event.event_time, dict(event.extra)) == expected


def test_a_bad_row_is_a_dead_letter_with_its_line_and_the_rest_goes_on() -> None:
    found = rows(
        'uri,role\na.jpg,main\n,main\n"b\nb.jpg",main\nc.jpg\nd.jpg,main,more\nftp://x/y,\n"e"x,main\nf.jpg,\n'
    )
    assert [f"{item.source_position}".partition("#")[2] + f" {getattr(item, 'code', 'ok')}" for item in found] == [
        "line 2 ok",
        "line 3 bad_manifest_row",
        "lines 4 to 5 ok",
        "line 6 bad_manifest_row",
        "line 7 bad_manifest_row",
        "line 8 bad_manifest_row",
        "line 9 bad_manifest_row",
        "line 10 ok",
    ]
    letter = found[1]
    assert isinstance(letter, DeadLetter) and letter.message == "line 3: there is no uri"
    assert json.loads(letter.payload) == {"manifest": "file:///shop/m.csv", "at": "line 3", "row": ",main\n"}
    assert len({item.event_id for item in found}) == len(found)


def test_a_json_line_that_is_no_object_with_a_uri_is_a_dead_letter() -> None:
    lines = ['{"uri": "a.jpg"}', "", "nonsense", "[1]", '{"url": "b"}', '{"uri": 5}', "[" * 100_000, '{"uri": "c.jpg"}']
    found = rows("\n".join(lines), "m.ndjson")
    assert [isinstance(item, ImageEvent) for item in found] == [True, False, False, False, False, False, True]
    assert [item.source_position for item in found][1] == "file:///shop/m.ndjson#line 3"


def test_parquet_rows_without_a_text_are_dead_letters() -> None:
    found = rows(parquet(uri=["a.jpg", None, ""], n=[1, 2, 3]), "m.parquet")
    assert [getattr(item, "code", "ok") for item in found] == ["ok", "bad_manifest_row", "bad_manifest_row"]
    assert found[1].source_position == "file:///shop/m.parquet#row 2"
    assert {item.code for item in rows(parquet(uri=[1, 2]), "m.parquet") if isinstance(item, DeadLetter)} == {
        "bad_manifest_row"
    }


def test_parquet_texts_may_be_unmarked_and_photos_in_the_table_are_not_read() -> None:
    image = pa.array([{"bytes": b"x" * 1_000, "path": "a.jpg"}] * 2)
    uris = pa.array([b"a.jpg", b"\xff.jpg"], pa.binary())
    table = parquet(uri=uris, seller_id=pa.array([b"s", None], pa.binary()), image=image, thumb=[b"x", b"y"], n=[1, 2])
    first, second = rows(table, "m.parquet")
    assert isinstance(first, ImageEvent) and isinstance(second, ImageEvent)
    assert (first.uri, first.seller_id, first.extra) == ("file:///shop/a.jpg", "s", {"n": 1})
    assert second.uri == "file:///shop/%FF.jpg"


def test_parquet_holds_times_that_python_cannot() -> None:
    times = pa.array([2**61, 5, None], pa.timestamp("ms"))
    nanoseconds = pa.array([1, 2, 3], pa.timestamp("ns"))
    found = rows(parquet(uri=["a.jpg", "b.jpg", "c.jpg"], event_time=times, made=nanoseconds), "m.parquet")
    assert [getattr(item, "code", "ok") for item in found] == ["bad_manifest_row", "ok", "ok"]


@pytest.mark.parametrize(
    "encoded",
    [
        codecs.BOM_UTF8 + "uri,shop\nä.jpg,ö\n".encode(),
        codecs.BOM_UTF16_LE + "uri,shop\nä.jpg,ö\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "uri,shop\r\nä.jpg,ö\r\n".encode("utf-16-be"),
        "uri;shop\nä.jpg;ö\n".encode(),
        "uri\tshop\rä.jpg\tö\r".encode(),
        ' URI ,"Shop"\r\n\r\nä.jpg,ö\r\n'.encode(),
    ],
)
def test_encodings_delimiters_and_line_ends(encoded: bytes) -> None:
    (event,) = rows(encoded)
    assert isinstance(event, ImageEvent)
    assert event.uri == "file:///shop/%C3%A4.jpg" and event.extra == {"shop": "ö"}


def test_bytes_that_are_no_utf8_still_name_the_file() -> None:
    (event,) = rows(b"uri,shop\n\xb0\xa1.jpg,\xb0\xa1\n")
    assert isinstance(event, ImageEvent)
    assert identity.file_path(event.uri) == b"/shop/\xb0\xa1.jpg"
    assert "\\udcb0" in event.extra["shop"]


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ("url,x\na,1\n", "m.csv", "needs a column 'uri' that names the photos: rename 'url'"),
        ("a,b\n1,2\n", "m.csv", "it has a, b"),
        ("uri,x,X\na,1,2\n", "m.csv", "names the column 'x' twice"),
        ("", "m.csv", "is empty"),
        ("\n\n", "m.csv", "is empty"),
        (b"PAR1 nonsense", "m.parquet", "no readable Parquet"),
        (b"", "m.parquet", "no readable Parquet"),
        (parquet(url=["a"]), "m.parquet", "rename 'url'"),
        ('[\n {"uri": "a.jpg"}\n]', "m.jsonl", "one JSON object a line"),
    ],
)
def test_what_is_no_manifest_is_said_in_one_sentence(data: str | bytes, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rows(data, name)


def test_a_field_without_end_costs_its_own_row_and_not_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_LINE", 1_000)
    data = "uri,x\na.jpg,1\nb.jpg," + "y" * 500_000 + '\nc.jpg,3\nd.jpg,"' + "z\n" * 100_000 + "e.jpg,5\n"
    found = rows(data)
    good = [item.uri.rpartition("/")[2] for item in found if isinstance(item, ImageEvent)]
    assert good[:3] == ["a.jpg", "b.jpg", "c.jpg"] and good[-1] == "e.jpg"
    assert any(isinstance(item, DeadLetter) and "field larger" in item.message for item in found)


@pytest.mark.parametrize(
    ("column", "value"),
    [("event_time", "yesterday"), ("generation", "-1"), ("generation", "x" * 200), ("product_id", "y" * 5_000)],
)
def test_a_field_of_the_wrong_kind_is_a_bad_row(column: str, value: str) -> None:
    (letter,) = rows(f"uri,{column}\na.jpg,{value}\n")
    good = column == "generation" and value == "-1"  # a text that is no number is the sender's own version name
    assert isinstance(letter, ImageEvent if good else DeadLetter)


def test_an_unknown_role_is_kept_beside_unknown() -> None:
    (event,) = rows("uri,role\na.jpg,hero\n")
    assert isinstance(event, ImageEvent) and event.role == "unknown" and event.extra == {"role": "hero"}


def test_a_local_file_without_a_generation_gets_its_time_of_change(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    os.utime(tmp_path / "a.jpg", ns=(0, 5))
    (tmp_path / "m.csv").write_text("uri,event_time\na.jpg,2026-01-01\nmissing.jpg,2026-01-01\n")
    there, missing = read(str(tmp_path / "m.csv"), None, InputSettings())
    assert there.generation == identity.mtime_generation(5) and isinstance(there, ImageEvent) and there.size == 1
    assert missing.generation == "2026-01-01T00:00:00.000000Z"


def test_an_edited_manifest_names_new_events() -> None:
    (before,), (after,) = rows("uri\nhttps://h/a.jpg\n"), rows("uri\nhttps://h/b.jpg\n")
    assert before.event_id != after.event_id
    assert rows("uri\n\nhttps://h/a.jpg\n")[0].source_position == "file:///shop/m.csv#line 3"


@given(st.binary(max_size=300), st.sampled_from(["m.csv", "m.jsonl", "m.parquet", "m.tsv"]), st.booleans())
def test_any_bytes_end_as_rows_or_a_sentence(data: bytes, name: str, header: bool) -> None:
    try:
        found = rows(b"uri,x\n" * header + data, name)
    except UserError as error:
        assert "\n" not in str(error)
        return
    for item in found:
        assert isinstance(item, ImageEvent | DeadLetter)
        if isinstance(item, DeadLetter):
            assert item.code == "bad_manifest_row"
            dead_letter_row(item)


def test_a_long_manifest_is_read_row_by_row() -> None:
    class Endless(io.RawIOBase):
        """A CSV of a billion rows."""

        def __init__(self) -> None:
            self.row = -1

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def readinto(self, buffer) -> int:
            self.row += 1
            line = b"https://h/%d.jpg\n" % self.row if self.row else b"uri\n"
            buffer[: len(line)] = line
            return len(line)

    found = read_manifest(io.BufferedReader(Endless(), 64), "file:///m.csv")
    assert [next(found).uri for _ in range(3)] == [f"https://h/{n}.jpg" for n in (1, 2, 3)]


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, name: str) -> None:
    peaks = []
    for count in (200, 3_000):
        row = '{"uri": "https://h/%d.jpg"}\n' if name == "m.jsonl" else "https://h/%d.jpg\n"
        (tmp_path / name).write_text("uri\n" * (name == "m.csv") + "".join(row % n for n in range(count)))
        with (tmp_path / name).open("rb") as file:
            tracemalloc.start()
            assert sum(1 for _ in read_manifest(file, f"file:///{name}")) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000, peaks
