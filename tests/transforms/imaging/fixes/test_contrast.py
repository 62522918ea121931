import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.imaging.fixes.contrast import stretch, stretch_ends


def test_undoes_a_veil():
    clean = np.random.default_rng(1).integers(0, 256, (80, 80, 1), np.uint8).repeat(3, axis=2)
    veiled = (clean * 0.4 + 90).astype(np.uint8)
    low, high = stretch_ends(veiled)
    assert np.abs(stretch(veiled, low, high).astype(int) - clean).mean() < 6


def test_one_colour_has_nothing_to_stretch():
    photo = np.full((8, 8, 3), 77, np.uint8)
    low, high = stretch_ends(photo)
    with pytest.raises(ValueError, match="nothing to stretch"):
        stretch(photo, low, high)


@given(st.floats(0, 120), st.floats(130, 255))
def test_keeps_the_order_of_tones(low: float, high: float):
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert (np.diff(stretch(ramp, low, high)[0, :, 0].astype(int)) >= 0).all()
