"""Spoiling does what it says: by how much, where, and nothing else."""

import numpy as np
import pytest

from transforms.imaging import spoil
from transforms.imaging.types import Pixels


@pytest.fixture
def photo() -> Pixels:
    y, x = np.mgrid[0:120, 0:90]
    return np.stack([60 + x, 50 + y, 200 - x - y // 2], axis=-1).astype(np.uint8)


def test_exposure_is_counted_in_stops_of_linear_light():
    grey = np.full((20, 20, 3), 188, np.uint8)  # half of full light
    assert spoil.expose(grey, -1)[0, 0, 0] == pytest.approx(137, abs=1)  # a quarter
    assert (spoil.expose(grey, 1.1) == 255).all()


def test_shaking_blurs_along_its_direction_only():
    columns = np.zeros((60, 60, 3), np.uint8)
    columns[:, ::8] = 255
    along = spoil.shake(columns, 9, np.pi / 2)
    across = spoil.shake(columns, 9, 0.0)
    assert np.abs(along[20:40].astype(int) - columns[20:40]).max() <= 2
    assert np.ptp(across[30, 10:50]) < 60


def test_enlarging_keeps_the_size_and_loses_the_detail():
    fine = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (100, 100))[..., None].repeat(3, axis=2)
    enlarged = spoil.enlarge(fine, 50)
    assert enlarged.shape == fine.shape
    assert np.ptp(enlarged) < 40


@pytest.mark.parametrize("side", range(4))
def test_a_third_is_cut_off_at_the_side_named(photo, side):
    cut = spoil.cut_third(photo, side)
    kept = [photo[:, 30:], photo[:, :60], photo[40:], photo[:80]][side]
    assert np.array_equal(cut, kept)


def test_words_cover_about_the_share_asked_for(photo):
    large = np.kron(photo, np.ones((4, 4, 1), np.uint8))
    few, many = (
        (spoil.write(large, share, np.random.default_rng(3)) != large).any(axis=2).mean() for share in (0.05, 0.4)
    )
    assert 0.002 < few < many < 0.4, "letters fill a part of their boxes"
    assert (spoil.stamp(large, np.random.default_rng(1)) != large).any()


def test_a_frame_is_added_around_and_the_photo_is_kept(photo):
    framed = spoil.frame(photo, 0.1, np.random.default_rng(0))
    rows, columns = framed.shape[0] - 120, framed.shape[1] - 90
    assert rows + columns > 0
    assert np.array_equal(framed[rows // 2 : rows // 2 + 120, columns // 2 : columns // 2 + 90], photo)


def test_what_depends_on_chance_is_the_same_for_the_same_seed(photo):
    for make in (
        lambda r: spoil.write(photo, 0.2, r),
        lambda r: spoil.grain(photo, 5, r),
        lambda r: spoil.frame(photo, 0.1, r),
    ):
        assert np.array_equal(make(np.random.default_rng(7)), make(np.random.default_rng(7)))
