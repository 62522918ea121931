"""Our quantiles are numpy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from transforms.imaging.quantiles import byte_quantiles, medians, quantiles

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=4)
PLANES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(arrays(np.float32, array_shapes(max_dims=2, max_side=12), elements=st.floats(-1e6, 1e6, width=32)), SHARES)
def test_quantiles_are_those_of_numpy(values, shares):
    assert quantiles(values, *shares) == pytest.approx(np.quantile(values.astype(float), shares), rel=1e-6, abs=1e-6)


@given(PLANES, SHARES)
def test_quantiles_of_bytes_are_those_of_numpy(plane, shares):
    assert byte_quantiles(plane, *shares) == pytest.approx(np.quantile(plane, shares))


@given(PLANES, SHARES, st.randoms(use_true_random=False))
def test_quantiles_of_bytes_under_a_mask_are_of_those_alone(plane, shares, random):
    mask = np.array([random.random() < 0.5 for _ in range(plane.size)]).reshape(plane.shape)
    mask.flat[random.randrange(plane.size)] = True
    found = byte_quantiles(plane, *shares, where=mask.view(np.uint8))
    assert found == pytest.approx(np.quantile(plane[mask], shares))


@given(arrays(np.float32, array_shapes(max_dims=2, max_side=12), elements=st.floats(-1e6, 1e6, width=32)))
def test_medians_are_those_of_numpy(values):
    assert medians(values) == pytest.approx(np.median(values, axis=0), rel=1e-6, abs=1e-6)
