import cv2
import numpy as np
import pytest

from models.defects import DEFECTS
from models.distortions import DISTORTIONS
from models.examples import UNKNOWN, examples, labels, strength
from models.tiles import LAYOUT, TileSettings


@pytest.mark.parametrize("distortion", DISTORTIONS, ids=lambda d: d.defect)
def test_a_stronger_distortion_leads_further_away(distortion, photos):
    photo = np.ascontiguousarray(photos[0][:200, :200])
    away = []
    for amount in (0.0, 0.5, 1.0):
        spoilt = distortion.spoil(photo, amount, np.random.default_rng(3))
        assert spoilt.shape == photo.shape and spoilt.dtype == np.uint8
        away.append(np.abs(spoilt.astype(int) - photo).mean())
    assert 0 < away[0] < away[1] < away[2]


def test_every_defect_is_made_by_one_distortion():
    assert sorted(d.defect for d in DISTORTIONS) == sorted(DEFECTS)


def test_what_may_be_taken_for_the_defect_is_neither_asserted_nor_denied():
    blur = next(d for d in DISTORTIONS if d.defect == "blur")
    known = dict(zip(DEFECTS, labels((blur,)), strict=True))
    assert known["blur"] == 1 and known["low_resolution"] == UNKNOWN and known["noise"] == 0


def test_no_strength_of_training_is_tested():
    rng = np.random.default_rng(0)
    cells = [{int(strength(rng, unseen) * 5) for _ in range(200)} for unseen in (False, True)]
    assert cells[0] == {0, 2, 4} and cells[1] == {1, 3}


def test_the_same_photo_and_seed_give_the_same_examples(tmp_path, photos):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photos[0][..., ::-1])
    settings = TileSettings(32, 200)
    first, again, other = (
        list(examples(path, seed, unseen=False, settings=settings, graded=True)) for seed in (0, 0, 1)
    )
    assert len(first) == 1 + len(DISTORTIONS) + 2 and first[0].tiles.shape == (len(LAYOUT), 32, 32, 3)
    assert all(np.array_equal(a.tiles, b.tiles) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.tiles, b.tiles) for a, b in zip(first, other, strict=True))
    assert first[0].mdsi == pytest.approx(0, abs=1e-6) and all(e.mdsi > 0.01 for e in first[1:])
