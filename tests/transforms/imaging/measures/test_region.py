"""Where the product is found: on grounds of one colour and of many, with a confidence that is low where nothing can be told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.imaging import spoil
from transforms.imaging.measures.region import WHOLE, find_region


def planks(height=400, width=300, seed=0):
    """A floor of planks in two browns with grain, which no single colour describes."""
    rng = np.random.default_rng(seed)
    rows = np.arange(height) // 40 % 2
    brown = np.where(rows[:, None, None] == 0, [150, 110, 75], [95, 70, 50])
    return np.clip(brown + rng.normal(0, 10, (height, width, 1)), 0, 255).astype(np.uint8)


def laid_on(ground, colour=(40, 90, 160)):
    """A cloth of one colour, with folds, in the middle: rows 100 to 300 and columns 80 to 220."""
    photo = ground.copy()
    folds = 25 * np.sin(np.arange(140) / 9)[None, :, None]
    photo[100:300, 80:220] = np.clip(np.array(colour) + folds, 0, 255)
    return photo


def overlap(region, photo):
    truth = np.zeros(photo.shape[:2], bool)
    truth[100:300, 80:220] = True
    return (region.mask & truth).sum() / (region.mask | truth).sum()


@pytest.mark.parametrize("colour", [(40, 90, 160), (235, 235, 230), (25, 25, 28)])
def test_a_product_is_found_on_a_floor_of_planks(colour):
    photo = laid_on(planks(), colour)
    region = find_region(photo)
    assert overlap(region, photo) > 0.8
    assert region.confidence > 0.5
    assert not region.plain


def test_the_confidence_falls_where_the_product_is_hard_to_tell_from_the_ground():
    like_the_floor = find_region(laid_on(planks(), (120, 90, 62)))
    assert like_the_floor.confidence < find_region(laid_on(planks())).confidence - 0.1


@pytest.mark.parametrize("size", [4, 0.5])
def test_the_size_of_the_photo_does_not_move_the_region(size):
    photo = laid_on(planks())
    other = photo.repeat(size, 0).repeat(size, 1) if size > 1 else photo[::2, ::2]
    one, two = find_region(photo).box, find_region(other).box
    assert (one.x, one.y, one.width, one.height) == pytest.approx((two.x, two.y, two.width, two.height), abs=0.04)


def test_a_product_that_the_frame_cuts_reaches_the_edge():
    region = find_region(spoil.cut_third(laid_on(planks()), 0, 0.4))
    assert region.mask[:, 0].mean() > 0.3
    assert region.box.x == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1), st.sampled_from([1, 40, 255]))
def test_any_pixels_give_a_mask_of_their_size_and_a_confidence_within_bounds(height, width, seed, span):
    photo = np.random.default_rng(seed).integers(0, span, (height, width, 3)).astype(np.uint8)
    region = find_region(photo)
    assert region.mask.shape == (height, width)
    assert region.mask.any()
    assert 0.0 <= region.confidence <= 1.0
    assert region.confidence > 0 or region.box == WHOLE
    assert 0 <= region.box.x < 1
    assert region.box.x + region.box.width <= 1 + 1e-9
