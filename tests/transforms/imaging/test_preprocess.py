import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.imaging.preprocess import smooth_gaussian, smooth_median


def noisy(seed: int, level: float = 20.0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(128, level, (40, 50, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("smooth", [smooth_gaussian, smooth_median])
@given(seed=st.integers(0, 10_000), side=st.sampled_from([3, 5]))
def test_noise_falls_and_no_value_leaves_the_range(smooth, seed, side):
    pixels = noisy(seed)
    smoothed = smooth(pixels, side)
    assert smoothed.shape == pixels.shape and smoothed.std() < pixels.std()
    assert pixels.min() <= smoothed.min() and smoothed.max() <= pixels.max()


@pytest.mark.parametrize("smooth", [smooth_gaussian, smooth_median])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (9, 2, 3)])
def test_a_flat_photo_of_any_size_stays_as_it_is(smooth, shape):
    pixels = np.full(shape, 77, np.uint8)
    assert (smooth(pixels) == pixels).all()


def test_the_median_removes_an_impulse_and_keeps_an_edge_that_the_gaussian_softens():
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = 200
    spoilt = pixels.copy()
    spoilt[5, 5] = 255
    assert (smooth_median(spoilt) == pixels).all()
    assert smooth_gaussian(spoilt)[5, 5, 0] < 100 and 0 < smooth_gaussian(pixels)[10, 10, 0] < 200
