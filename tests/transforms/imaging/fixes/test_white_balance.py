import numpy as np
import pytest

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.fixes.white_balance import balance, balance_gains, ground_light, shades_of_grey

CAST = np.array([1.0, 0.85, 0.6], np.float32)


def studio(ground: int = 225, product: tuple[int, int, int] = (180, 30, 40)) -> np.ndarray:
    photo = np.full((120, 100, 3), ground, np.uint8)
    photo[30:90, 25:75] = product
    return photo


def test_a_light_plain_ground_tells_the_cast_and_a_red_product_does_not_mislead_it():
    tinted = to_bytes(to_linear(studio()) * CAST)
    light = ground_light(tinted)
    assert light is not None
    mended = balance(tinted, balance_gains(light))
    assert np.ptp(mended[5, 5].astype(int)) <= 2
    error = np.abs(mended[60, 50] / mended[60, 50].sum() - np.array([180, 30, 40]) / 250)
    assert error.max() < 0.03


def test_a_busy_or_dark_border_is_no_ground():
    busy = np.random.default_rng(2).integers(0, 256, (60, 60, 3), np.uint8)
    assert ground_light(busy) is None
    assert ground_light(studio(ground=40)) is None


def test_shades_of_grey_finds_the_light_over_many_colours():
    colours = np.random.default_rng(3).integers(0, 230, (100, 100, 3), np.uint8)
    light = np.array(shades_of_grey(to_bytes(to_linear(colours) * CAST)))
    assert np.allclose(light / light[0], CAST / CAST[0], atol=0.12)


@pytest.mark.parametrize("value", [0, 255])
def test_black_or_burnt_out_says_nothing(value: int):
    assert shades_of_grey(np.full((20, 20, 3), value, np.uint8)) is None


def test_a_neutral_light_changes_nothing_and_gains_are_limited():
    assert np.allclose(balance_gains((0.5, 0.5, 0.5)), 1)
    assert max(balance_gains((1.0, 1.0, 0.001))) <= 2.0
    photo = studio()
    assert (balance(photo, (1.0, 1.0, 1.0)) == photo).all()


def test_refuses_what_is_no_gain():
    with pytest.raises(ValueError, match="gains"):
        balance(studio(), (1.0, float("nan"), 1.0))
