"""What is no photo of a thing: the model must neither praise it nor be sure of it."""

import cv2
import numpy as np
import pytest

from models.scorer import load
from models.tiles import cut
from pipelines import config
from transforms import steps
from transforms.records import ImageEvent

SIDE = 600
POOR = 40.0
"""Where the band "poor" ends."""


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


@pytest.mark.parametrize("name", ODD)
def test_the_model_alone_neither_praises_it_nor_is_sure_of_it(name, scorer):
    (found,) = scorer.score(cut(ODD[name], scorer.tiles)[None], [{}])
    assert found.score < POOR or found.unfamiliar


@pytest.mark.parametrize("name", ODD)
def test_it_is_not_scored_or_its_score_is_doubted(name, scorer, tmp_path):
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), ODD[name][..., ::-1])
    settings = config.load(None, {})
    event = ImageEvent(event_id=name, uri=path.absolute().as_uri())
    case = steps.assess(steps.fetch(event, settings.fetch, settings.rules), settings.rules)
    assert case.assessment.unscored or steps.opine(case, scorer.opinion).prediction.unfamiliar
