import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.rounding import BITS, STEPS, eighth, half, steps_of

KERNELS = arrays(np.float32, (3, 4, 5), elements=st.floats(-(2.0**10), 2.0**10, width=32, allow_subnormal=False))


@given(KERNELS, st.integers(0, 2))
def test_a_rounded_number_lies_within_little_more_than_half_a_step(array, axis):
    others = tuple(place for place in range(3) if place != axis)
    step = np.abs(array).max(axis=others, keepdims=True) / STEPS
    assert np.all(np.abs(eighth(array, axis) - array) <= (0.5 + STEPS / 2**BITS) * step + 1e-30)


def test_rounded_weights_are_whole_steps_of_which_the_largest_is_127():
    array = np.random.default_rng(0).normal(size=(3, 3, 40, 24)).astype(np.float32)
    whole, step = steps_of(eighth(array, 3), 3)
    assert np.array_equal(whole.astype(np.float32) * step, eighth(array, 3))
    assert whole.dtype == np.int8 and np.all(np.abs(whole).max(axis=(0, 1, 2)) == STEPS)


def test_rounding_twice_changes_nothing():
    array = np.random.default_rng(1).normal(size=(40, 24)).astype(np.float32)
    assert np.array_equal(eighth(eighth(array, 1), 1), eighth(array, 1))
    assert np.array_equal(half(half(array)), half(array))


def test_numbers_that_are_no_steps_are_not_taken_for_them():
    array = np.random.default_rng(2).normal(size=(40, 24)).astype(np.float32)
    assert steps_of(array, 1) is None and steps_of(eighth(array, 1), 0) is None


def test_a_channel_of_zeros_stays_one():
    array = np.zeros((4, 3), np.float32)
    array[:, 1] = STEPS
    assert np.array_equal(eighth(array, 1), array)
