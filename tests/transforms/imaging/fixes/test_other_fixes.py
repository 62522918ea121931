import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transforms.errors import UserError
from transforms.imaging.fixes.baselines import alpha_beta, clahe, equalize
from transforms.imaging.fixes.flat_field import level_light, light_field
from transforms.imaging.fixes.ground import straighten_and_crop, whiten_ground
from transforms.imaging.fixes.highlights import roll_off
from transforms.imaging.fixes.inpaint import inpaint_smooth, inpaint_telea
from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.fixes.median import impulse_share, remove_impulses
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo


def scene(height: int = 180, width: int = 240) -> np.ndarray:
    coarse = np.random.default_rng(4).integers(40, 180, (height // 20, width // 20, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def studio(ground: int = 215) -> np.ndarray:
    photo = np.full((300, 260, 3), ground, np.uint8)
    cv2.ellipse(photo, (130, 150), (60, 100), 0, 0, 360, (150, 40, 60), -1)
    return photo


def test_light_from_one_side_is_levelled():
    fall = 2.0 ** (-1.5 * np.linspace(0, 1, 240))[None, :, None]
    wall = np.full((180, 240, 3), 170, np.uint8)
    uneven = to_bytes(to_linear(wall) * fall.astype(np.float32))
    assert np.ptp(light_field(uneven)[90]) > 0.5
    levelled = level_light(uneven)[20:160, 20:220].astype(int)
    assert np.ptp(levelled) < 0.6 * np.ptp(uneven[20:160, 20:220].astype(int))


def test_levelling_burns_nothing_out():
    before = (scene() == 255).mean()
    assert (level_light(scene(), 1.0) == 255).mean() <= before + 0.01


def test_highlights_come_down_and_the_rest_stays():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    rolled = roll_off(ramp, 1.0)[0, :, 0].astype(int)
    assert (np.diff(rolled) >= 0).all()
    assert (rolled[:170] == np.arange(170)).all()
    assert rolled[230] < 225
    assert rolled[255] == 255
    assert (roll_off(ramp, 0.0) == ramp).all()


def test_impulses_go_and_lines_stay():
    photo = scene()
    cv2.line(photo, (0, 60), (239, 60), (250, 250, 250), 1)
    rng = np.random.default_rng(0)
    hit = rng.random(photo.shape[:2]) < 0.02
    spotted = photo.copy()
    spotted[hit] = rng.choice([0, 255], hit.sum())[:, None]
    assert impulse_share(spotted) > 10 * impulse_share(photo)
    mended = remove_impulses(spotted)
    assert np.square(mended.astype(float) - photo).mean() < 0.25 * np.square(spotted.astype(float) - photo).mean()
    assert (remove_impulses(photo) == photo).mean() > 0.999


@pytest.mark.parametrize("fill", [inpaint_smooth, inpaint_telea])
def test_a_scratch_is_filled_and_nothing_else_changes(fill):
    photo = scene()
    mask = np.zeros(photo.shape[:2], bool)
    mask[80:84, 40:200] = True
    damaged = photo.copy()
    damaged[mask] = 255
    mended = fill(damaged, mask)
    assert (mended[~mask] == photo[~mask]).all()
    assert np.abs(mended[mask].astype(int) - photo[mask]).mean() < 10


@pytest.mark.parametrize("fill", [inpaint_smooth, inpaint_telea])
@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (np.ones((5, 5), bool), "5x5"),
        (np.zeros((180, 240), bool), "nothing"),
        (np.ones((180, 240), bool), "whole"),
    ],
)
def test_masks_that_do_not_fit_are_refused(fill, mask, why):
    with pytest.raises(UserError, match=why):
        fill(scene(), mask)


def test_a_nearly_white_ground_turns_white_and_the_product_stays():
    whitened = whiten_ground(studio())
    assert (whitened[5, 5] >= 254).all()
    assert np.abs(whitened[150, 130].astype(int) - studio()[150, 130]).max() <= 1


def test_a_shadow_keeps_its_shape():
    photo = studio()
    cv2.ellipse(photo, (130, 265), (70, 12), 0, 0, 360, (196, 196, 196), -1)
    whitened = whiten_ground(photo)
    before = to_linear(photo[265, 190:191])[0, 0] / to_linear(photo[5, 5])[0]
    after = to_linear(whitened[265, 190:191])[0, 0] / to_linear(whitened[5, 5])[0]
    assert after == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("photo", [studio(90), scene(), np.full((40, 40, 3), 230, np.uint8)])
def test_any_other_ground_is_left(photo):
    assert (whiten_ground(photo) == photo).all()


def test_a_leaning_product_is_levelled_and_framed():
    photo = np.full((300, 300, 3), 235, np.uint8)
    box = cv2.boxPoints(((150, 150), (60, 140), 7)).astype(int)
    cv2.fillPoly(photo, [box], (120, 30, 40))
    framed = straighten_and_crop(photo, fill=0.8)
    rows, columns = np.nonzero((framed < 200).all(axis=2) | (framed[..., 1] < 120))
    assert np.ptp(rows) == pytest.approx(0.8 * 300, abs=12)
    left = [columns[rows == row].min() for row in (70, 150, 230)]
    assert max(left) - min(left) <= 6


@pytest.mark.parametrize("baseline", [alpha_beta, equalize, clahe])
def test_baselines_keep_size_and_widen_tones(baseline):
    dull = (scene() * 0.5 + 50).astype(np.uint8)
    assert baseline(dull).shape == dull.shape
    assert baseline(dull).std() > dull.std()


SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))


@settings(max_examples=15, deadline=None)
@given(arrays(np.uint8, SHAPES))
def test_every_operation_takes_any_photo_and_leaves_it_alone(pixels):
    before = pixels.copy()
    photo = Photo(pixels, Header("jpeg", pixels.shape[1], pixels.shape[0], "RGB"), (), 40)
    for name, (apply, _) in OPERATIONS.items():
        mended = apply(photo, 1.0)
        assert mended.dtype == np.uint8, name
        assert mended.shape == pixels.shape, name
        assert (pixels == before).all(), name
