import dataclasses

import cv2
import numpy as np
import pytest

from models import order
from models.distortions import DISTORTIONS
from models.graded import STEPS, graded, steps, uploads
from models.references import one_of_each
from models.tiles import TileSettings


def nothing(*_):
    pass


def lessons(rng, count=300, columns=8):
    """Photos that differ by their first column where they are spoilt, and by their second where they were only stored."""
    clean = rng.normal(size=(count, 2, columns)).astype(np.float32)
    clean[..., 0] = -1
    spoilt, stored = clean.copy(), clean.copy()
    spoilt[..., 0] = 1
    stored[..., 1] += 0.5
    pairs = np.stack([np.arange(count), np.arange(count, 2 * count)], axis=1)
    level = np.full(count, 50.0)
    return (
        order.Graded(np.concatenate([clean, spoilt]), np.tile(level, 2), pairs[: count * 2 // 3]),
        order.Stored((clean, stored), (level, level)),
    )


@pytest.fixture
def small(monkeypatch):
    for name, size in (
        ("BATCH", 64),
        ("RATED_BATCH", 32),
        ("STORED_BATCH", 32),
        ("EPOCHS", 60),
        ("LEARNING_RATE", 0.01),
    ):
        monkeypatch.setattr(order, name, size)


def test_steps_that_the_opinion_does_not_see_are_learnt_and_people_are_still_followed(small):
    rng = np.random.default_rng(0)
    graded_ones, stored = lessons(rng)
    seen = rng.normal(size=(200, 2, 8)).astype(np.float32)
    seen[..., 0] = -1
    mos = 50 + 15 * seen[:, 0, 2]
    trained = order.train(order.Rated(seen, mos, np.full(200, 50.0)), graded_ones, stored, 0, nothing)
    scores = trained.score(graded_ones.features, graded_ones.opinions)
    # The last third of the pairs was not taught.
    assert (scores[200:300] > scores[500:600] + order.MARGIN).mean() > 0.95
    assert np.corrcoef(trained.score(seen, np.full(200, 50.0)), mos)[0, 1] > 0.9


def test_being_stored_as_jpeg_moves_the_score_less_than_where_that_is_not_taught(small, monkeypatch):
    rng = np.random.default_rng(0)
    graded_ones, stored = lessons(rng)
    seen = rng.normal(size=(200, 2, 8)).astype(np.float32)
    rated = order.Rated(seen, 50 + 15 * seen[:, 0, 1], np.full(200, 50.0))

    def moved():
        trained = order.train(rated, graded_ones, stored, 0, nothing)
        before, after = (trained.score(f, o) for f, o in zip(stored.features, stored.opinions, strict=True))
        return np.abs(before - after).mean()

    taught = moved()
    monkeypatch.setattr(order, "STEADY", 0.0)
    assert taught < moved()


def test_fewer_pairs_than_a_step_takes_are_learnt_from(small):
    rng = np.random.default_rng(0)
    graded_ones, stored = lessons(rng)
    few = dataclasses.replace(graded_ones, pairs=graded_ones.pairs[:20])
    seen = rng.normal(size=(200, 2, 8)).astype(np.float32)
    trained = order.train(order.Rated(seen, np.full(200, 50.0), np.full(200, 50.0)), few, stored, 0, nothing)
    scores = trained.score(few.features, few.opinions)
    assert (scores[:20] > scores[300:320]).all()


def test_a_score_has_its_share_of_the_opinion(small):
    rng = np.random.default_rng(0)
    graded_ones, stored = lessons(rng)
    seen = rng.normal(size=(200, 2, 8)).astype(np.float32)
    trained = order.train(
        order.Rated(seen, rng.normal(50, 10, 200), np.full(200, 50.0)), graded_ones, stored, 0, nothing
    )
    opinions = rng.normal(50, 10, 200)
    np.testing.assert_allclose(
        trained.score(seen, opinions + 10) - trained.score(seen, opinions), 10 * order.SHARE, atol=1e-4
    )


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
