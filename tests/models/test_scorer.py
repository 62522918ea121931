import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.scorer import BUCKETS, CARD, FILES, FORMS, SHIPPED, choose_form, load
from models.tiles import TileSettings
from transforms.errors import UserError

SAME = 0.01


@pytest.fixture(params=FORMS)
def scorer(request):
    return load(form=request.param)


def test_a_photo_scores_the_same_alone_and_in_any_batch(scorer, tiles):
    alone = [scorer.score(photo[None], [{}])[0].score for photo in tiles]
    for order in (np.arange(len(tiles)), np.arange(len(tiles))[::-1], np.array([3, 0, 0, 5, 7])):
        together = [p.score for p in scorer.score(tiles[order], [{}] * len(order))]
        assert np.abs(np.array(together) - np.array(alone)[order]).max() <= SAME


def test_a_photo_scores_the_same_from_many_threads_at_once(scorer, tiles):
    alone = [p.score for p in scorer.score(tiles, [{}] * len(tiles))]
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: [p.score for p in scorer.score(tiles, [{}] * len(tiles))], range(4)):
            assert np.abs(np.array(scores) - alone).max() <= SAME


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_agree(form, tiles):
    a, b = ([p.score for p in load(form=name).score(tiles, [{}] * len(tiles))] for name in (form, "savedmodel"))
    assert np.abs(np.array(a) - b).max() <= (2.0 if form == "int8" else 0.05)
    assert load(form=form).version == load(form="savedmodel").version


def test_without_a_gpu_the_int8_form_is_chosen(monkeypatch):
    monkeypatch.setattr("models.scorer.Path.glob", lambda *_: iter(()))
    assert choose_form(FORMS) == "int8"
    assert choose_form(("litert", "savedmodel")) == "litert"
    monkeypatch.setattr("models.scorer.Path.glob", lambda *_: iter(["nvidia0"]))
    assert choose_form(FORMS, tensorflow=False) == "int8"
    assert choose_form(FORMS) == "savedmodel"


def test_scores_and_intervals_are_ordered_and_within_the_scale(scorer, tiles):
    for prediction in scorer.score(tiles, [{}] * len(tiles)):
        assert 0 <= prediction.low <= prediction.score <= prediction.high <= 100


def test_photos_are_told_apart(scorer, tiles):
    assert np.ptp([p.score for p in scorer.score(tiles, [{}] * len(tiles))]) > 3


@pytest.mark.parametrize("wrong", [np.zeros((1, 2, 8, 8, 3), np.uint8), np.zeros((1, 2, 320, 320, 3), np.float32)])
def test_tiles_of_another_shape_or_type_are_refused(scorer, wrong):
    with pytest.raises(ValueError, match="tiles must be uint8"):
        scorer.score(wrong, [{}] * len(wrong))


def test_no_photos_no_predictions(scorer):
    assert scorer.score(np.empty((0, *scorer.shape), np.uint8), []) == []


@pytest.mark.parametrize("count", [1, 3, 5, 33])
def test_a_gpu_sees_few_sizes_of_batch_and_the_same_scores(count, tiles, monkeypatch):
    scorer = load(form="savedmodel")
    some = tiles[np.arange(count) % len(tiles)]
    alone = [p.score for p in scorer.score(tiles, [{}] * len(tiles))]
    sizes, constant = [], scorer._constant
    monkeypatch.setattr(scorer, "_gpu", True)
    monkeypatch.setattr(scorer, "_constant", lambda batch: sizes.append(len(batch)) or constant(batch))
    scores = [p.score for p in scorer.score(some, [{}] * len(some))]
    assert set(sizes) <= set(BUCKETS) and len(scores) == count
    assert np.abs(np.array(scores) - np.array(alone)[np.arange(count) % len(tiles)]).max() <= SAME


def test_a_model_is_loaded_once_in_a_process(scorer, tmp_path):
    copy = shutil.copytree(SHIPPED, tmp_path / "copy")
    assert load(copy, scorer.form) is scorer


@pytest.mark.parametrize("form", ["int8", "litert"])
def test_the_light_forms_need_neither_tensorflow_nor_beam(form):
    code = (
        f"import sys, numpy as np; from models.scorer import load; s = load(form='{form}');"
        "s.score(np.zeros((1, *s.shape), np.uint8), [{}]);"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'apache_beam', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_damaged_or_missing_model_is_named(tmp_path):
    with pytest.raises(UserError, match="no trained model"):
        load(tmp_path)
    shutil.copy(SHIPPED / CARD, tmp_path)
    (tmp_path / FILES["litert"]).write_bytes(b"cut short")
    card = json.loads((tmp_path / CARD).read_text())
    card["digests"]["litert"] = "0" * 64
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(UserError, match="is missing or is not what"):
        load(tmp_path, "litert")
    with pytest.raises(UserError, match="no such form"):
        load(form="onnx")


def test_a_form_that_was_not_written_is_one_sentence(tmp_path):
    card = json.loads((SHIPPED / CARD).read_text("utf-8"))
    del card["digests"]["int8"]
    (tmp_path / CARD).write_text(json.dumps(card), "utf-8")
    with pytest.raises(UserError, match=FILES["int8"]):
        load(tmp_path, "int8")


def test_other_tiles_than_those_of_the_training_are_one_sentence():
    scorer = load(form="int8")
    scorer.expect(scorer.tiles)
    with pytest.raises(UserError, match=f"--tiles-side {scorer.tiles.side}"):
        scorer.expect(TileSettings(side=64))
