"""`vitrine evaluate verdicts` on a small set made from the samples: what it counts, and what it says when there is none."""

import shutil
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.evaluate_rates import interval

SAMPLES = Path(__file__).parents[2] / "samples"
LABELS = (
    ("black-shirt.jpg", "ok,,3,black,ok,,3,black"),
    ("dull-tshirt.jpg", "mend,dark;low_contrast,2,plain,mend,dark,1,plain"),
    ("smeared-dress.jpg", "retake,blur,2,patterned,retake,blur,1,patterned"),
    ("white-tshirt.jpg", "ok,cast,3,white,ok,,3,white"),
)


@pytest.fixture
def labelled(tmp_path):
    head = "file,verdict_a,reasons_a,confidence_a,item_a,verdict_b,reasons_b,confidence_b,item_b"
    (tmp_path / "verdicts.csv").write_text("\n".join([head, *(f"{name},{row}" for name, row in LABELS)]) + "\n")
    rows = [f"{name},{seller},Shirt" for seller, (name, _) in enumerate(LABELS)]
    (tmp_path / "uploads.csv").write_text("\n".join(["file,seller_id,category", *rows]) + "\n")
    for name, _ in LABELS:
        shutil.copy(SAMPLES / name, tmp_path / name)
    return tmp_path


def test_it_counts_what_the_looks_and_we_say(labelled, capsys):
    page = labelled / "page.html"
    assert main(["evaluate", "verdicts", "--set", str(labelled), "--photos", str(labelled), "--page", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = {line.split()[0]: line.split()[1:] for line in lines if line[:8].strip() in ("ok", "mend", "retake")}
    assert sum(map(int, counts["ok"])) == 2
    assert sum(map(int, counts["mend"])) == 1
    assert any(line.startswith("false retake, both ok") and "0.0%" in line for line in lines)
    assert any(line.startswith("a look's reason is ours") and "100.0%" in line for line in lines)
    text = page.read_text()
    assert "none of our reasons was named" in text
    assert "data:image/jpeg;base64," in text


def test_photos_ruined_on_purpose_are_counted_by_way_and_by_item_and_the_missed_ones_shown(labelled, capsys):
    page = labelled / "page.html"
    command = ["evaluate", "verdicts", "--set", str(labelled), "--photos", str(labelled), "--spoilt", "1"]
    assert main([*command, "--page", str(page)]) == 0
    out = capsys.readouterr().out
    lines = out[out.index("missed retake    ") :].splitlines()
    rates = {line[:44].strip(): line[44:].split()[0] for line in lines if "%" in line and line.startswith("  ")}
    assert rates["dark"] == "0.0%"
    assert rates["black items"] == rates["all"]
    missed = sum(rate == "100.0%" for way, rate in rates.items() if way not in ("all", "black items"))
    assert (missed > 0) == ("ruined on purpose, and we do not ask" in page.read_text())


def test_without_labels_it_says_which_file_is_missing(tmp_path, capsys):
    assert main(["evaluate", "verdicts", "--set", str(tmp_path)]) == 2
    assert "uploads.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"), [(0, 270, 0.0, 0.014), (5, 10, 0.237, 0.763), (0, 0, 0.0, 1.0)]
)
def test_the_interval_is_wilsons(hits, count, low, high):
    assert interval(hits, count) == pytest.approx((low, high), abs=0.001)
