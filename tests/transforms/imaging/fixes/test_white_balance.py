import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.light import to_bytes, to_linear
from transforms.imaging.fixes.white_balance import (
    balance,
    balance_gains,
    common_light,
    ground_light,
    known_light,
    shades_of_grey,
    warmth,
)

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
    assert max(balance_gains((1.0, 1.0, 0.001))) <= 3.5
    photo = studio()
    assert (balance(photo, (1.0, 1.0, 1.0)) == photo).all()


def test_refuses_what_is_no_gain():
    with pytest.raises(ValueError, match="gains"):
        balance(studio(), (1.0, float("nan"), 1.0))


def several() -> np.ndarray:
    """Grey ground, things of many colours, soft edges."""
    rng = np.random.default_rng(8)
    photo = np.full((200, 200, 3), 150, np.uint8)
    for _ in range(60):
        top, left = rng.integers(0, 170, 2)
        photo[top : top + 30, left : left + 30] = rng.integers(20, 230, 3)
    return photo


def test_a_lamp_is_seen_in_surfaces_and_edges_alike():
    tinted = to_bytes(to_linear(several()) * np.array([1.0, 0.7, 0.45], np.float32))
    light = common_light(tinted)
    assert light is not None
    assert warmth(light) == pytest.approx(np.log2(1 / 0.45), abs=0.4)
    assert abs(warmth(common_light(several()))) < 0.4


def test_a_red_product_on_a_grey_ground_is_no_lamp():
    light, proven = known_light(studio())
    assert proven
    assert abs(warmth(light)) < 0.05


def test_a_coloured_paper_is_no_proof():
    paper = studio()
    paper[(paper == 225).all(axis=2)] = (240, 200, 60)
    cv2.circle(paper, (50, 60), 12, (250, 250, 250), -1)
    cv2.circle(paper, (50, 85), 6, (10, 10, 10), -1)
    _, proven = known_light(paper)
    assert not proven


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (40, 40)])
def test_one_colour_tells_nothing(shape):
    assert common_light(np.full((*shape, 3), 130, np.uint8)) is None
