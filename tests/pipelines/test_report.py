"""The report page: what it counts, that it is safe to open and to send, and that it stays small."""

import base64
import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines import cli, run_file
from pipelines.report_figures import MAX_PHOTOS, fair_shares, read_figures
from pipelines.report_gallery import MAX_BYTES, SIDE, short_name, thumbnail, visible
from pipelines.tally import Tally
from transforms.errors import RefusalError
from transforms.identity import file_uri, mtime_generation
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Action, Assessment, Box, Header, Judgement, Mended, Pixels, Prediction, Reason
from transforms.reasons import REASONS, REFUSALS
from transforms.records import ImageEvent, Maker, Row, dead_letter, dead_letter_row, quality_row
from transforms.sinks.images import write_image
from transforms.sinks.output import Output, open_output
from transforms.sinks.tables import DEAD_LETTERS, QUALITY, Tables

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIMITS = DecodeLimits()


def scene(seed: int = 0, height: int = 120, width: int = 90) -> Pixels:
    """Return smooth colours with an edge: a picture that every codec keeps nearly."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (4, 3, 3)).astype(np.uint8)
    return np.ascontiguousarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def encoded(pixels: Pixels, extension: str = ".jpg") -> bytes:
    return cv2.imencode(extension, pixels[..., ::-1])[1].tobytes()


def event_of(path: Path, **fields: Any) -> ImageEvent:
    uri = file_uri(str(path))
    generation = mtime_generation(path.stat().st_mtime_ns) if path.exists() else ""
    return ImageEvent(event_id=hashlib.sha256(uri.encode()).hexdigest()[:32], uri=uri, generation=generation, **fields)


def row_of(
    event: ImageEvent,
    verdict: str = "accept",
    codes: tuple[str, ...] = (),
    score: float | None = 50.0,
    output: Output | None = None,
    mended: bytes | None = None,
    declined: tuple[Action, ...] = (),
    revision: int = 0,
    at: datetime = NOW,
) -> Row:
    assessment = Assessment(
        Header("jpeg", 90, 120, "RGB"),
        "0" * 64,
        "0" * 16,
        {},
        Box(0.25, 0.1, 0.5, 0.8),
        0.9,
        None,
        None if score is not None else "blank",
    )
    done = Mended(None, (Action("exposure_gain", {"gain": 1.5}, 0.6, 0.1),) if mended else (), declined)
    return quality_row(
        dataclasses.replace(event, revision=revision),
        assessment,
        None if score is None else Prediction(score, score - 10, score + 10),
        Judgement(verdict, None if score is None else "fair", tuple(Reason(c, 0.5, None, 2.0) for c in codes)),
        Maker("0.1.0", "model-a", "litert", "0123456789abcdef"),
        size=1_000,
        processed_at=at,
        elapsed_ms=20.0,
        mended=done,
        score_after=60.0 if mended else None,
        optimized=mended,
        optimized_uri=write_image(output, mended, "jpg") if output and mended else None,
    )


def letter_of(
    event: ImageEvent,
    code: str = "truncated",
    message: str = "it ends early",
    revision: int = 0,
    at: datetime = NOW,
) -> Row:
    event = dataclasses.replace(event, revision=revision)
    return dead_letter_row(dead_letter(event, "assess", RefusalError(code, message), at))


def commit(output: Output, rows: list[Row], letters: list[Row] | None = None) -> None:
    tables = Tables(output)
    tables.commit_epoch(rows, letters or [])
    tables.close()


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "shirt.jpg", seed: int = 0) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(scene(seed)))
        return path

    return make


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return open_output(str(tmp_path / "out"))


class Page(HTMLParser):
    """A page as a browser takes it: elements with attributes, texts, scripts."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [a for t, a in self.elements if t == tag and all(a.get(k.rstrip("_")) == v for k, v in wanted.items())]


def report(output: Output, *words: str) -> Page:
    assert cli.main(["report", output.root, *words]) == 0
    return Page(Path(output.root, "report.html").read_text(encoding="utf-8"))


def pictures(page: Page) -> Iterator[Pixels]:
    for image in page.all("img"):
        head, _, body = image["src"].partition(",")
        assert head == "data:image/jpeg;base64"
        yield np.array(Image.open(io.BytesIO(base64.b64decode(body))))


def test_the_page_counts_what_the_tables_hold(output: Output, photo: Callable[..., Path]) -> None:
    rows = [row_of(event_of(photo(f"{i}.jpg", i)), "accept", score=100.0 - i) for i in range(3)]
    rows += [row_of(event_of(photo("dim.jpg")), "retake", ("too_dark", "noise"), score=12.0)]
    rows += [row_of(event_of(photo("empty.jpg")), "retake", ("blank",), score=None)]
    commit(output, rows, [letter_of(event_of(photo("half.jpg")))])

    figures = read_figures(output, 12)
    assert figures.verdicts == {"improve": 0, "retake": 2, "accept": 3}
    assert (figures.photos, figures.letters) == (5, 1)
    assert sum(figures.histogram) == 4 and figures.histogram[2] == 1 and figures.histogram[19] == 3
    assert figures.unscored == {"blank": 1}
    assert {reason.code: reason.photos for reason in figures.reasons} == {"too_dark": 1, "noise": 1, "blank": 1}
    assert [(g.verdict, g.code, g.photos) for g in figures.groups] == [
        ("retake", "blank", 1),
        ("retake", "too_dark", 1),
        ("accept", None, 3),
    ]

    page = report(output)
    assert "6 photos" in page.text
    assert REFUSALS["truncated"] in page.text and "it ends early" in page.text
    assert "Without a score: 1 blank" in page.text
    assert len(page.all("article")) == 5 and len(list(pictures(page))) == 5


def test_advice_is_there_in_english_and_chinese(output: Output, photo: Callable[..., Path]) -> None:
    commit(output, [row_of(event_of(photo()), "retake", ("too_dark",))])
    page = report(output)
    assert REASONS["too_dark"].advice_en.format(amount="2") in page.text
    assert REASONS["too_dark"].advice_zh.format(amount="2") in page.text
    assert len(page.all("span", lang="en")) == len(page.all("span", lang="zh-Hans")) == 2
    assert {a["id"] for a in page.all("input", type_="radio")} == {"en", "zh"}


def test_a_mended_photo_has_a_slider_between_its_two_pictures(output: Output, photo: Callable[..., Path]) -> None:
    bright = encoded(scene(0) // 2 + 100)
    broken = Action("white_balance", {"strength": 0.5}, 0.5, 0.4, "colour")
    commit(output, [row_of(event_of(photo()), "improve", ("dark",), output=output, mended=bright, declined=(broken,))])
    page = report(output)
    before, after = pictures(page)
    assert before.shape == after.shape
    assert np.abs(after.astype(int) - decode(bright, LIMITS).pixels).mean() < 3
    assert {a["alt"] for a in page.all("img")} == {"shirt.jpg, as received", "shirt.jpg, mended"}
    (slider,) = page.all("input", type_="range")
    assert "shirt.jpg" in slider["aria-label"]
    assert "exposure gain : severity 0.60 → 0.10" in page.text and "gain 1.5" in page.text
    assert "white balance" in page.text and "mean move of colour" in page.text


def test_texts_of_records_stay_texts(output: Output, photo: Callable[..., Path]) -> None:
    path = photo("<script>alert('1')<img src=x onerror=alert(2)>\"'.jpg")
    event = event_of(path, category="</style><script>3", seller_id="<b>")
    unread = dataclasses.replace(event_of(path), event_id="other", uri="file:///\"><svg onload='4'>.jpg", generation="")
    commit(output, [row_of(event, "retake", ("too_dark",))], [letter_of(unread, message="<iframe src=//x>]]>")])
    Path(output.root, "run.json").write_text(json.dumps({"began": "<script>5", "versions": {"<i onclick=1>": "<u>"}}))
    page = report(output)
    assert len(page.scripts) == 1 and "alert" not in page.scripts[0]
    assert not {tag for tag, _ in page.elements} & {"iframe", "svg", "u", "object", "embed", "form"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert('1')<img src=x onerror=alert(2)>\"'.jpg" in page.text
    assert "<iframe src=//x>]]>" in page.text


def test_the_page_loads_nothing_and_runs_only_its_own_script(output: Output, photo: Callable[..., Path]) -> None:
    commit(output, [row_of(event_of(photo()))])
    page = report(output)
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy") or [
        a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy["content"] and "default-src 'none'" in policy["content"]
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert "url(" not in Path(output.root, "report.html").read_text() and "@import" not in page.text


def test_photos_that_cannot_be_read_any_more_have_a_placeholder(output: Output, photo: Callable[..., Path]) -> None:
    gone, changed, kept = photo("gone.jpg"), photo("changed.jpg"), photo("kept.jpg")
    mended = encoded(scene(5))
    rows = [row_of(event_of(path), "improve", ("dark",), output=output, mended=mended) for path in (gone, changed)]
    spoilt = row_of(event_of(kept), "improve", ("dark",), output=output, mended=encoded(scene(6)))
    far = row_of(ImageEvent("far", "gs2://bucket/photo.jpg", "1"))
    commit(output, [*rows, spoilt, far])
    gone.unlink()
    changed.write_bytes(b"something else")
    Path(spoilt["optimized_uri"].removeprefix("file://")).write_bytes(b"no photo")
    page = report(output)
    assert "nothing is there (not_found)" in page.text
    assert "written again since it was judged" in page.text
    assert "the bytes are of no image format (not_an_image)" in page.text
    assert "(bad_uri)" in page.text
    assert len(list(pictures(page))) == 3 and len(page.all("article")) == 4
    assert not page.all("input", type_="range")


def test_mended_photos_are_found_after_the_output_was_moved(
    output: Output, photo: Callable[..., Path], tmp_path: Path
) -> None:
    row = row_of(event_of(photo()), "improve", ("dark",), output=output, mended=encoded(scene(5)))
    commit(output, [row])
    moved = Path(output.root).rename(tmp_path / "elsewhere")
    assert len(list(pictures(report(Output(str(moved)))))) == 2


def test_the_page_stays_small_and_says_how_much_it_shows(output: Output, photo: Callable[..., Path]) -> None:
    event = event_of(photo())
    codes = list(REASONS)[:20]
    rows = [
        row_of(dataclasses.replace(event, event_id=f"{i}-{code}", uri=f"{event.uri}?{i}{code}"), "retake", (code,))
        for code in codes
        for i in range(60)
    ]
    rows += [row_of(event, "accept")]
    commit(output, rows)
    page = report(output, "--samples", "30")
    assert len(page.all("article")) == MAX_PHOTOS
    assert "7 of 60" in page.text and "1 of 1" in page.text
    few = report(output, "--samples", "2")
    assert len(few.all("article")) == 2 * len(codes) + 1


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(0, 300))
def test_shares_are_fair(sizes: list[int], total: int) -> None:
    shares = fair_shares(sizes, total)
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    assert sum(shares) <= total
    short = [share for share, size in zip(shares, sizes, strict=True) if share < size]
    if sum(sizes) <= total:
        assert not short
    else:
        assert sum(shares) == total
        # Who gets less than there is gets as much as any other, to one photo.
        assert max(shares) - min(short) <= 1


def test_a_photo_judged_again_counts_once(output: Output, photo: Callable[..., Path]) -> None:
    first, second, third = (event_of(photo(f"{i}.jpg", i)) for i in range(3))
    commit(output, [row_of(first, "retake", ("blur",)), row_of(second)], [letter_of(third)])
    commit(output, [row_of(first, "accept", revision=1), row_of(third, "accept", revision=1)])
    commit(output, [], [letter_of(second, "corrupt", revision=1)])
    figures = read_figures(output, 12)
    assert figures.verdicts == {"improve": 0, "retake": 0, "accept": 2}
    assert [(r.code, r.count) for r in figures.refused] == [("corrupt", 1)]
    assert figures.superseded == 3 and figures.reasons == ()
    assert "3 earlier judgements are not counted" in report(output).text


def test_a_photo_that_was_repaired_counts_in_one_table(output: Output, photo: Callable[..., Path]) -> None:
    broken, gone, worse, kept = (event_of(photo(f"{i}.jpg", i)) for i in range(4))

    def again(event: ImageEvent, generation: str) -> ImageEvent:
        return dataclasses.replace(event, event_id=f"{event.event_id} {generation}", generation=generation)

    older, newer, hour = mtime_generation(1), f"mtime:{'9' * 20}", timedelta(hours=1)
    commit(output, [row_of(worse)], [letter_of(broken), letter_of(again(gone, ""))])
    commit(output, [row_of(again(broken, newer), at=NOW + hour), row_of(gone, at=NOW + hour), row_of(kept)])
    commit(output, [], [letter_of(again(worse, newer), "corrupt")])
    # An older version that comes last changes nothing, nor does that a version which nobody named was once not there.
    commit(
        output,
        [],
        [letter_of(again(broken, older), at=NOW + 2 * hour), letter_of(again(kept, ""), at=NOW - hour)],
    )
    figures = read_figures(output, 12)
    assert figures.verdicts == {"improve": 0, "retake": 0, "accept": 3}
    assert [(r.code, r.count) for r in figures.refused] == [("corrupt", 1)]
    assert figures.superseded == 5


def test_what_names_no_photo_counts_each_for_itself(output: Output) -> None:
    letters = [letter_of(ImageEvent(f"{n}", ""), "bad_event") for n in range(3)]
    commit(output, [], [letters[0], letters[1] | {"uri": None}, letters[2] | {"uri": None}])
    assert [(r.code, r.count) for r in read_figures(output, 12).refused] == [("bad_event", 3)]


@pytest.mark.parametrize("verdict", ["accept", "improve", "retake"])
def test_only_a_retake_asks_for_another_photo(output: Output, photo: Callable[..., Path], verdict: str) -> None:
    commit(output, [row_of(event_of(photo()), verdict, ("too_dark",))])
    text = report(output).text
    # Among the reasons of all photos it stands in any case.
    assert text.count("Take it again in daylight") == (2 if verdict == "retake" else 1)
    assert ("nothing is asked of the seller" in text) == (verdict != "retake")


def test_tables_of_older_and_newer_programs_are_read(tmp_path: Path, photo: Callable[..., Path]) -> None:
    root = tmp_path / "out"
    output = open_output(str(root))
    row = row_of(event_of(photo()), "ponder", ("blur",))
    row["reasons"][0]["code"] = "haunted"
    letter = letter_of(event_of(photo("b.jpg")))
    letter["code"] = "abducted"
    commit(output, [row], [letter])
    for name, later in ((QUALITY, ["unscored", "product_region", "trace_id"]), (DEAD_LETTERS, ["revision"])):
        rows = DeltaTable(str(root / name)).to_pyarrow_table().drop_columns(later)
        write_deltalake(str(root / name), rows, mode="overwrite", schema_mode="overwrite", partition_by=["dt"])
    page = report(output)
    assert "haunted" in page.text and "abducted" in page.text and "ponder" in page.text


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{broken",
        json.dumps({"stages": {"fetch": {}, "x": 3, "y": {"photos": "1", "core_ms": [], "core_ms_per_photo": 1}}}),
    ],
)
def test_a_run_file_that_says_nothing_is_no_trouble(
    output: Output, photo: Callable[..., Path], text: str | None
) -> None:
    commit(output, [row_of(event_of(photo()))])
    if text is not None:
        Path(output.root, "run.json").write_text(text)
    assert "No timings" in report(output).text


def test_timings_and_versions_are_told(output: Output, photo: Callable[..., Path]) -> None:
    commit(output, [row_of(event_of(photo()))])
    tally = Tally(Counter(accept=1_234), seconds=Counter(assess=5.06), calls=Counter(assess=1_234))
    made_by = Maker("0.1.0", "model-a", "litert", "0123456789abcdef")
    run = run_file.summary("photos", output.root, NOW, 6.25, tally, made_by) | {"left_out": {"*.csv": 3}}
    Path(output.root, "run.json").write_text(json.dumps(run))
    page = report(output)
    assert re.search(r"assess 1,234 4\.1", page.text) and np.__version__ in page.text and "197.4 photos/s" in page.text
    assert "Not taken for photos: 3 *.csv" in page.text
    assert "model-a" in page.text and "0123456789abcdef" in page.text


def test_dead_letters_alone_make_a_page(output: Output, photo: Callable[..., Path]) -> None:
    commit(output, [], [letter_of(event_of(photo()))])
    page = report(output)
    assert "1 photo" in page.text and "No photo has a score" in page.text and not page.all("article")


def test_what_is_no_output_is_told_in_a_sentence(
    tmp_path: Path, photo: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    missing, empty, unused = tmp_path / "missing", tmp_path / "empty", tmp_path / "unused"
    empty.mkdir()
    commit(open_output(str(unused)), [])
    full = open_output(str(tmp_path / "full"))
    commit(full, [row_of(event_of(photo()))])
    for words in (
        [str(missing)],
        [str(empty)],
        [str(unused)],
        [str(photo())],
        ["ftp://x/y"],
        [full.root, "--samples", "0"],
        [full.root, "--html", str(tmp_path)],
        [full.root, "--html", str(photo()) + "/page.html"],
    ):
        assert cli.main(["report", *words]) == 2, words
        said = capsys.readouterr()
        assert said.err.startswith("vitrine: ") and said.err.count("\n") == 1 and not said.out
    assert not missing.exists() and not list(empty.iterdir())


def test_the_page_goes_where_it_is_asked_to(output: Output, photo: Callable[..., Path], tmp_path: Path) -> None:
    commit(output, [row_of(event_of(photo()))])
    assert cli.main(["report", output.root, "--html", str(tmp_path / "new" / "page.html")]) == 0
    assert (tmp_path / "new" / "page.html").read_text().lstrip().startswith("<!DOCTYPE html>")
    assert not Path(output.root, "report.html").exists()


def test_neither_beam_nor_tensorflow_is_loaded(output: Output, photo: Callable[..., Path]) -> None:
    commit(output, [row_of(event_of(photo()))])
    script = (
        "import sys; from pipelines import cli; assert cli.main(sys.argv[1:]) == 0; "
        "print([m for m in ('apache_beam', 'tensorflow', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "report", output.root], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize(("height", "width"), [(1200, 900), (333, 1777), (40, 30), (1, 2000)])
def test_a_thumbnail_is_the_photo_made_small(extension: str, height: int, width: int) -> None:
    data = encoded(scene(3, height, width), extension)
    small, w, h = thumbnail(data, SIDE, LIMITS)
    pixels = np.array(Image.open(io.BytesIO(small))).astype(int)
    assert pixels.shape == (h, w, 3) and max(h, w) == min(SIDE, max(height, width))
    whole = cv2.resize(decode(data, LIMITS).pixels, (w, h), interpolation=cv2.INTER_AREA)
    assert np.abs(pixels - whole).mean() < 3


def test_a_thumbnail_is_upright_and_without_metadata() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera maker"
    pixels = np.zeros((600, 1000, 3), np.uint8)
    pixels[:, :500] = (200, 30, 30)
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, quality=95)
    small, width, height = thumbnail(buffer.getvalue(), SIDE, LIMITS)
    assert (width, height) == (192, 320)
    made = Image.open(io.BytesIO(small))
    assert not made.getexif() and b"Camera maker" not in small
    top, bottom = np.array(made)[40, 90], np.array(made)[280, 90]
    assert top[0] > 150 and bottom.max() < 60


def test_a_thumbnail_of_noise_is_bounded() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    assert len(thumbnail(encoded(noise, ".png"), 480, LIMITS)[0]) <= 1.7 * MAX_BYTES


def test_a_thumbnail_of_what_is_no_photo_is_refused() -> None:
    for data in (b"", b"text", encoded(scene())[:200]):
        with pytest.raises(RefusalError):
            thumbnail(data, SIDE, LIMITS)


@given(st.text(max_size=60))
def test_what_cannot_be_seen_is_written_as_an_escape(name: str) -> None:
    shown = visible(name)
    assert not re.search(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown)
    assert short_name("file:///a/" + quote(name.replace("/", "_"), errors="surrogatepass", safe="") or "x")
