import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000

from transforms.imaging.metrics.ciede2000 import ciede2000, mean_ciede2000

PUBLISHED = [  # from the table of Sharma, Wu and Dalal
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "difference"), PUBLISHED)
def test_published_pairs(first, second, difference):
    assert ciede2000(np.array(first), np.array(second)) == pytest.approx(difference, abs=1e-3)


colour = st.tuples(st.floats(0, 100), st.floats(-100, 100), st.floats(-100, 100))


@given(colour, colour)
def test_symmetric_and_agrees_with_an_independent_implementation(first, second):
    one, other = np.array(first), np.array(second)
    assert ciede2000(one, other) == pytest.approx(float(ciede2000(other, one)), abs=1e-3)
    assert ciede2000(one, other) == pytest.approx(float(deltaE_ciede2000(one, other)), rel=1e-3, abs=0.02)


def test_the_same_photo_is_at_no_distance():
    photo = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    assert mean_ciede2000(photo, photo) == 0.0
