import cv2
import numpy as np

from models import order
from models.distortions import DISTORTIONS
from models.graded import STEPS, graded, steps, uploads
from models.references import one_of_each
from models.tiles import TileSettings


def nothing(*_):
    pass


def test_steps_that_the_opinion_does_not_see_are_learnt_and_a_photo_that_is_fine_loses_little(monkeypatch):
    monkeypatch.setattr(order, "BATCH", 64)
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(300, 2, 8)).astype(np.float32)
    clean[..., 0] = -1
    spoilt = clean.copy()
    spoilt[..., 0] = 1
    features, pairs = np.concatenate([clean, spoilt]), np.stack([np.arange(300), np.arange(300, 600)], axis=1)
    trained = order.train(features, np.full(600, 50.0), pairs[:200], 0, nothing)
    lost = trained.lost(features)
    assert (lost[500:] > lost[200:300]).all()
    assert lost[200:300].mean() < lost[500:].mean() / 2 and (lost >= 0).all()


def test_each_version_is_worse_than_the_photo_and_than_every_weaker_one():
    pairs = steps()
    assert len(pairs) == len(DISTORTIONS) * STEPS * (STEPS + 1) // 2
    assert set(pairs[pairs[:, 0] == 0][:, 1]) == set(range(1, 1 + len(DISTORTIONS) * STEPS))
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_versions_of_a_chain_move_away_from_the_photo(tmp_path, photos):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photos[0][:300, :300, ::-1])
    tiles = graded(path, 0, TileSettings(64, 200)).astype(int)
    away = np.abs(tiles[1:] - tiles[0]).mean(axis=(1, 2, 3, 4)).reshape(len(DISTORTIONS), STEPS)
    assert len(tiles) == 1 + len(DISTORTIONS) * STEPS
    assert (np.diff(away, axis=1) > 0).mean() > 0.9


def test_a_seller_is_on_one_side_only(tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    rows = "\n".join(f"{photo}.jpg,{photo % 50},Shirt" for photo in range(200))
    (folder / "uploads.csv").write_text(f"file,seller_id,category\n{rows}\n")
    found = uploads(tmp_path)
    train, test = (one_of_each(found, test=side, seed=0) for side in (False, True))
    assert len(train) + len(test) == 50 and test and not {r.group for r in train} & {r.group for r in test}
    assert uploads(tmp_path / "elsewhere") == []
