"""What is told of a line's letters: level or not, in the scene's light or not, with an outline or without."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transforms.imaging.measures.lettering import NAMES, describe_lettering

HEIGHT, WIDTH = 60, 220
CORNERS = np.array([[18, 14], [202, 14], [202, 46], [18, 46]], np.float32)


def ink(tilt=0.0, thick=2):
    """Words as a share of ink, float 0..1, tilted by degrees about the middle."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(canvas, "HELLO 2024", (22, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.95, 255, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), tilt, 1.0)
    return cv2.warpAffine(canvas, turn, (WIDTH, HEIGHT)).astype(np.float32) / 255


def ground(shading=0.0):
    """Grey cloth, lighter to the right by `shading` levels."""
    cloth = 110 + np.random.default_rng(0).normal(0, 2, (HEIGHT, WIDTH, 1)) + np.zeros(3)
    return cloth + shading * (np.linspace(-0.5, 0.5, WIDTH)[None, :, None])


def described(pixels, angle=0.0):
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return dict(zip(NAMES, describe_lettering(pixels, CORNERS, angle), strict=True))


def laid(letters, below, colour=250.0):
    return below * (1 - letters[..., None]) + colour * letters[..., None]


@pytest.mark.parametrize("tilt", [-3.0, 3.0])
def test_letters_that_lie_level_have_their_tops_and_bases_on_one_row(tilt):
    level, tilted = described(laid(ink(), ground())), described(laid(ink(tilt), ground()), tilt)
    assert level["level"] > 0 > tilted["level"]
    assert level["bases"] < tilted["bases"] and level["tops"] < tilted["tops"]
    assert level["tilt"] < tilted["tilt"]


def test_a_print_shares_the_light_of_its_cloth_and_what_was_laid_over_does_not():
    cloth = ground(120.0)
    over, printed = described(laid(ink(thick=3), cloth)), described(cloth * (1 + 0.9 * ink(thick=3)[..., None]))
    assert abs(over["shaded_slope"]) < 0.1 < printed["shaded_slope"]
    assert printed["shaded_correlation"] > 0.5


def test_an_outline_is_seen_as_a_halo_and_a_label_by_its_edge():
    plain = described(laid(ink(), ground()))
    around = cv2.GaussianBlur(cv2.dilate(ink(), np.ones((7, 7))), (0, 0), 1.5)
    assert described(laid(ink(), laid(around, ground(), 0.0)))["halo"] > plain["halo"] + 0.1
    label = ground()
    label[12:49, 15:206] = 30
    patched = described(laid(ink(), label))
    assert patched["patch_gap"] > plain["patch_gap"] and patched["patch_edge"] > plain["patch_edge"]


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(2, 30), st.integers(2, 30), st.just(3))),
    arrays.arrays(np.float32, (4, 2), elements=st.floats(-10, 40, width=32)),
)
def test_any_crop_and_box_give_finite_numbers(crop, corners):
    numbers = describe_lettering(crop, corners, 0.0)
    assert len(numbers) == len(NAMES) and np.isfinite(numbers).all()
