"""What is no photo of a thing: the model must neither praise it nor be sure of it."""

import cv2
import numpy as np
import pytest

from models.scorer import load
from models.tiles import cut

SIDE = 600
GOOD = 60.0
"""Where the band "good" begins."""


def text() -> np.ndarray:
    page = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for line in range(14):
        cv2.putText(page, "Brand new, free shipping", (20, 40 + 40 * line), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    return page


def solid(colour) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


ODD = {
    "black": solid(0),
    "grey": solid(128),
    "white": solid(255),
    "red": solid((200, 20, 30)),
    "text": text(),
    "text on black": 255 - text(),
    "ramp": np.broadcast_to(np.linspace(0, 255, SIDE).astype(np.uint8)[None, :, None], (SIDE, SIDE, 3)).copy(),
    "static": np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8),
    "chessboard": (np.indices((SIDE, SIDE)).sum(0) // 40 % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2),
}


@pytest.fixture(scope="module")
def scorer():
    return load(form="litert")


@pytest.fixture(scope="module")
def usual_width(scorer, tiles):
    """The widest interval of the sample photos."""
    return max(prediction.high - prediction.low for prediction in scorer.score(tiles))


@pytest.mark.parametrize("name", ODD)
def test_it_is_not_scored_high_and_its_interval_tells_that_it_is_like_no_photo(name, scorer, usual_width):
    (found,) = scorer.score(cut(ODD[name], scorer.tiles)[None])
    assert found.score < GOOD
    # An end that meets the scale's end hides how wide the interval is: the other half is looked at.
    assert 2 * max(found.high - found.score, found.score - found.low) > usual_width
