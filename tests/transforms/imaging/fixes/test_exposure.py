import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.imaging.fixes.exposure import expose, exposure_gain
from transforms.imaging.fixes.light import to_bytes, to_linear


def ramp(top: int = 255) -> np.ndarray:
    grey = np.tile(np.linspace(0, top, 200).astype(np.uint8), (50, 1))
    return np.stack([grey, grey // 2, grey // 3], axis=-1)


def test_undoes_a_loss_of_light():
    clean = ramp(200)
    dark = to_bytes(to_linear(clean) / 4)
    mended = expose(dark, 4.0)
    lit = clean.max(axis=2) > 60
    assert np.abs(mended[lit].astype(int) - clean[lit]).mean() < 4
    assert np.abs(dark[lit].astype(int) - clean[lit]).mean() > 40


def test_keeps_the_order_of_tones_and_never_burns_out():
    mended = expose(ramp(), 8.0)
    peak = mended.max(axis=2)[0].astype(int)
    assert (np.diff(peak) >= 0).all()
    clipped = to_bytes(to_linear(ramp()) * 8).max(axis=2)[0] == 255
    assert (peak == 255).mean() < 0.4 * clipped.mean()


def test_keeps_chromaticity_on_the_shoulder():
    photo = np.full((4, 4, 3), (200, 120, 60), np.uint8)
    before, after = to_linear(photo)[0, 0], to_linear(expose(photo, 3.0))[0, 0]
    assert np.allclose(after / after.sum(), before / before.sum(), atol=0.01)


def test_a_dark_product_on_a_light_ground_is_not_dark():
    photo = np.full((100, 100, 3), 245, np.uint8)
    photo[20:80, 20:80] = 20
    assert exposure_gain(photo) == 1.0


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_photos_have_no_gain(value: int):
    assert exposure_gain(np.full((1, 7, 3), value, np.uint8)) == 1.0


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_what_is_no_gain(gain: float):
    with pytest.raises(ValueError, match="gain"):
        expose(ramp(), gain)


@given(st.floats(1.0, 16.0), st.floats(0.3, 0.95), st.integers(0, 255))
def test_gain_never_darkens(gain: float, knee: float, value: int):
    photo = np.full((1, 1, 3), value, np.uint8)
    assert expose(photo, gain, knee)[0, 0, 0] >= value
