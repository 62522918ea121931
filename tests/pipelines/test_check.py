import dataclasses
import json
import subprocess
import sys

import pytest
from PIL import Image

from pipelines import check, cli
from transforms.case import Case
from transforms.imaging.types import Action, Judgement, Mended, Reason
from transforms.records import ImageEvent

SAMPLE = "samples/dark-hoodie.jpg"


def test_it_imports_neither_beam_nor_tensorflow():
    script = (
        "import sys; from pipelines import cli; code = cli.main(['check', sys.argv[1]]); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'apache_beam', 'tensorflow', 'keras', 'torch'}))"
    )
    done = subprocess.run([sys.executable, "-c", script, SAMPLE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_is_the_record_with_advice(capsys):
    assert cli.main(["check", "--json", SAMPLE]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["verdict"] in ("accept", "improve", "retake") and row["uri"].endswith("dark-hoodie.jpg")
    assert all(reason["advice"]["en"] and reason["advice"]["zh"] for reason in row["reasons"])


@pytest.mark.parametrize(("language", "said"), [("en", "nothing is asked of the seller"), ("zh", "无需卖家处理")])
def test_an_accepted_photo_is_not_asked_for_again(language, said, capsys):
    assert cli.main(["check", "--language", language, "samples/hazy-shirt.jpg", "samples/moved-trousers.jpg"]) == 0
    accepted, _, retake = capsys.readouterr().out.partition("moved-trousers")
    assert ": accept" in accepted and said in accepted
    assert ": retake" in retake and said not in retake


def test_a_bad_file_is_told_by_its_code_and_the_others_go_on(tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no photo")
    assert cli.main(["check", str(tmp_path / "text.jpg"), str(tmp_path / "none.jpg"), SAMPLE]) == 1
    said = capsys.readouterr().out
    assert "not_an_image" in said and "not_found" in said and "dark-hoodie.jpg: " in said


@pytest.mark.parametrize("name", ["dark-hoodie", "white-tshirt", "blurred-blazer"])
def test_check_says_what_a_run_records(name, tmp_path, capsys):
    from deltalake import DeltaTable

    photo = f"samples/{name}.jpg"
    assert cli.main(["check", "--json", "--role", "unknown", photo]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert cli.main(["batch", "--quiet", "--input", photo, "--output", str(tmp_path)]) == 0
    (recorded,) = DeltaTable(str(tmp_path / "quality")).to_pyarrow_table().to_pylist()
    assert recorded["verdict"] == checked["verdict"]
    assert recorded["score"] == pytest.approx(checked["score"], abs=0.01)
    assert [r["code"] for r in recorded["reasons"]] == [r["code"] for r in checked["reasons"]]


def test_a_one_pixel_photo_is_judged(tmp_path, capsys):
    Image.new("L", (1, 1)).save(tmp_path / "dot.gif")
    assert cli.main(["check", str(tmp_path / "dot.gif")]) == 0
    assert "retake" in capsys.readouterr().out


def test_explaining_costs_no_photo(tmp_path, capsys):
    photo, other = tmp_path / "photo.png", tmp_path / "other.jpg"
    Image.open(SAMPLE).save(photo)
    Image.open(SAMPLE).save(other)
    before = photo.read_bytes(), other.read_bytes()
    (tmp_path / "link.png").symlink_to(photo)
    for target in (photo, other, tmp_path / "link.png"):
        assert cli.main(["check", str(photo), "--explain", str(target)]) == 2
        assert "--explain" in capsys.readouterr().err
    assert (photo.read_bytes(), other.read_bytes()) == before
    assert cli.main(["check", str(photo), "--explain", str(tmp_path / "drawn.png")]) == 0
    assert Image.open(tmp_path / "drawn.png").format == "PNG"


@pytest.mark.parametrize(
    ("verdict", "said"), [("improve", "mended by exposure_gain"), ("accept", "not kept"), ("retake", "a proposal")]
)
def test_a_mend_is_called_one_only_where_it_is_delivered(verdict, said, monkeypatch):
    found = Judgement("improve", "good", (Reason("dark", 0.5, None, 0.6),), ("dark",))
    original = Case(ImageEvent("", "photo.jpg"), b"", judgement=found)
    mended = Mended(None, (Action("exposure_gain", {}, 0.5, 0.2),))
    case = dataclasses.replace(original, mended=mended, original=original)
    monkeypatch.setattr(check.steps, "final_judgement", lambda case: dataclasses.replace(found, verdict=verdict))
    lines = list(check._lines("photo.jpg", case, "en"))
    assert lines[0].startswith(f"photo.jpg: {verdict}, ")
    assert said in lines[-1] and "0.50 → 0.20" in lines[-1]
    assert ("mended by" in lines[-1]) == (verdict == "improve")


def test_a_name_with_a_line_end_stays_on_its_line(tmp_path, capsys):
    odd = tmp_path / "one\ntwo.jpg"
    Image.open(SAMPLE).save(odd)
    cli.main(["check", str(odd), str(tmp_path / "no\nne.jpg")])
    said = capsys.readouterr().out
    assert "one\\ntwo.jpg: " in said and "no\\nne.jpg: refused" in said


def test_why_a_photo_was_left_as_it_was_is_a_sentence(capsys):
    assert cli.main(["check", "samples/dim-boots.jpg"]) == 0
    assert "not mended by dark: the photo does not prove it beyond doubt" in capsys.readouterr().out
