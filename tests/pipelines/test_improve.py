import io

import numpy as np
import pytest
from PIL import Image

from pipelines.cli import main
from transforms.imaging.fixes.light import to_bytes, to_linear


def write(path, pixels, **how):
    Image.fromarray(pixels).save(path, **how)
    return path


def scene() -> np.ndarray:
    """Grey shapes from black to white, with some colour."""
    rng = np.random.default_rng(2)
    photo = np.full((160, 200, 3), 190, np.uint8)
    for _ in range(40):
        top, left = rng.integers(0, 140, 2)
        photo[top : top + 24, left : left + 24] = rng.integers(5, 245, 3)
    return photo


def dark() -> np.ndarray:
    return to_bytes(to_linear(scene()) / 5)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "dark.png", dark())
    write(folder / "fine.jpg", scene(), quality=95)
    (folder / "notes.txt").write_text("no photo")
    return folder


def test_a_folder_is_mended_photo_by_photo_and_what_needs_nothing_keeps_its_bytes(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["improve", str(photos), "-o", str(out), "--show"]) == 0
    said = capsys.readouterr().out
    assert "did exposure_gain" in said
    assert (out / "fine.jpg").read_bytes() == (photos / "fine.jpg").read_bytes()
    mended = np.asarray(Image.open(out / "dark.png"))
    assert mended.shape == dark().shape
    assert mended.mean() > 1.3 * dark().mean()
    assert Image.open(out / "shown" / "dark.png").width > 2 * 200
    assert not list(out.rglob("*.part"))


def test_only_applies_one_operation_without_asking(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["improve", str(photos), "-o", str(out), "--only", "equalize", "--format", "png"]) == 0
    assert {path.name for path in out.iterdir()} == {"dark.png", "fine.png"}
    assert np.asarray(Image.open(out / "fine.png")).shape == scene().shape


def test_what_only_writes_as_jpeg_is_what_the_operation_made(photos, tmp_path):
    write(photos / "fine.jpg", scene(), quality=95)
    for suffix in ("jpeg", "png"):
        assert (
            main(
                [
                    "improve",
                    str(photos / "fine.jpg"),
                    "-o",
                    str(tmp_path / suffix),
                    "--only",
                    "contrast",
                    "--format",
                    suffix,
                ]
            )
            == 0
        )
    coded, exact = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("jpeg/fine.jpg", "png/fine.png"))
    assert np.square(coded - exact).mean() < 1.5


def test_the_same_stem_twice_gives_two_files(photos, tmp_path):
    write(photos / "dark.jpg", dark())
    assert main(["improve", str(photos), "-o", str(tmp_path / "out"), "--only", "denoise", "--format", "png"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dark.png", "dark-2.png", "fine.png"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["missing.jpg", "-o", "out"], "there is no"),
        (["empty", "-o", "out"], "no photo in"),
        (["in/dark.png", "-o", "in"], "overwritten"),
        (["in/dark.png", "-o", "out", "--strength", "2"], "--only"),
        (["in/dark.png", "-o", "out", "--only", "denoise", "--strength", "nan"], "0 to 10"),
        (["in/dark.png", "-o", "in/dark.png"], "folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(photos, tmp_path, monkeypatch, capsys, arguments, why):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["improve", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_a_file_that_is_no_photo_is_refused_and_the_rest_goes_on(photos, tmp_path, capsys):
    (photos / "fake.jpg").write_bytes(b"not a photo at all")
    assert main(["improve", str(photos), "-o", str(tmp_path / "out")]) == 1
    assert "not_an_image" in capsys.readouterr().out
    assert (tmp_path / "out" / "dark.png").exists()


def test_a_missing_file_does_not_stop_the_others_and_is_told_at_the_end(photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    named = [tmp_path / "gone.jpg", photos / "dark.png", tmp_path / "empty", photos / "fine.jpg"]
    assert main(["improve", *map(str, named), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert f"there is no {tmp_path / 'gone.jpg'}" in said.out
    assert f"no photo in {tmp_path / 'empty'}" in said.out
    assert "2 of 4 left out" in said.err.splitlines()[-1]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dark.png", "fine.jpg"}


@pytest.mark.parametrize("method", ["biharmonic", "telea"])
def test_restore_fills_the_mask_and_nothing_else(tmp_path, capsys, method):
    mask = np.zeros(scene().shape[:2], np.uint8)
    mask[50:54, 20:120] = 255
    damaged = scene()
    damaged[mask > 0] = 255
    photo, marked = write(tmp_path / "photo.png", damaged), write(tmp_path / "mask.png", mask)
    assert main(["restore", str(photo), "--mask", str(marked), "--method", method]) == 0
    assert method in capsys.readouterr().out
    mended = np.asarray(Image.open(tmp_path / "photo-restored.png"))
    assert (mended[mask == 0] == damaged[mask == 0]).all()
    assert (mended[mask > 0] != 255).any()


def test_restore_writes_over_neither_photo_nor_mask(tmp_path, capsys):
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.new("RGB", (40, 30), (200, 10, 10)).save(photo)
    marked = Image.new("L", (40, 30))
    marked.paste(255, (5, 5, 9, 9))
    marked.save(mask)
    before = photo.read_bytes(), mask.read_bytes()
    for target in (photo, mask):
        assert main(["restore", str(photo), "--mask", str(mask), "-o", str(target)]) == 2
        assert "would be lost" in capsys.readouterr().err
    assert (photo.read_bytes(), mask.read_bytes()) == before


def test_restore_says_what_is_wrong_with_a_mask(tmp_path, capsys):
    photo = write(tmp_path / "photo.png", scene())
    mask = write(tmp_path / "mask.png", np.zeros((5, 9), np.uint8))
    assert main(["restore", str(photo), "--mask", str(mask)]) == 2
    assert "9x5" in capsys.readouterr().err
    assert main(["restore", str(photo), "--mask", str(tmp_path / "none.png")]) == 2
    (tmp_path / "bad.png").write_bytes(io.BytesIO(b"x").getvalue())
    assert main(["restore", str(photo), "--mask", str(tmp_path / "bad.png")]) == 2
