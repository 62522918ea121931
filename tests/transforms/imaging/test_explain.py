"""What is drawn over a photo: the product's box, the reasons' places, and a caption that grows with them."""

import importlib.util
import math

import cv2
import numpy as np
import pytest

from transforms.imaging import spoil
from transforms.imaging.explain import explain
from transforms.imaging.measures import MEASURES
from transforms.imaging.types import Assessment, Box, Header, Judgement, Reason

BOX = Box(0.25, 0.25, 0.5, 0.5)


def assessment(confidence):
    values = dict.fromkeys((m.name for m in MEASURES), math.nan)
    return Assessment(Header("jpeg", 200, 300, "RGB"), "", "", values, BOX, confidence, None)


def test_the_photo_is_kept_beside_its_frames():
    photo = np.full((300, 200, 3), 90, np.uint8)
    before = photo.copy()
    drawn = explain(photo, assessment(0.9), Judgement("accept", None, ()))
    assert np.array_equal(photo, before)
    assert drawn.shape[1] == 200
    assert drawn.shape[0] > 300
    changed = (drawn[:300] != photo).any(axis=2)
    assert changed[75, 60], "the product's frame runs along the top of its box"
    assert not changed[150, 100], "and leaves its middle free"


def test_the_products_own_outline_is_drawn_where_it_is():
    photo = np.full((300, 200, 3), 200, np.uint8)
    photo[100:220, 60:140] = (30, 60, 130)
    drawn = explain(photo, assessment(0.9), Judgement("accept", None, ()))
    changed = (drawn[:300] != photo).any(axis=2)
    assert changed[150, 50:72].any(), "along the product's left side"
    assert not changed[150, 80:120].any(), "and not across it"


def test_no_frame_is_drawn_where_no_product_was_found():
    photo = np.full((300, 200, 3), 90, np.uint8)
    assert np.array_equal(explain(photo, assessment(0.0), Judgement("accept", None, ()))[:300], photo)


def test_a_severe_reason_is_red_in_its_place_and_each_has_a_line():
    photo = np.full((300, 200, 3), 90, np.uint8)
    one = explain(photo, assessment(0.0), Judgement("retake", "poor", (Reason("cut_off", 0.9, BOX, 70.0),)), score=31.4)
    assert tuple(one[75, 100]) == (220, 30, 30)
    two = explain(
        photo, assessment(0.0), Judgement("retake", "poor", (Reason("cut_off", 0.9, BOX), Reason("dark", 0.4)))
    )
    assert two.shape[0] > one.shape[0]


@pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="the extra `text` is not installed",
)
def test_text_laid_over_is_framed_and_named_only_where_it_is_a_reason():
    photo = cv2.imread("samples/red-jacket.jpg")[..., ::-1]
    photo = spoil.write(np.ascontiguousarray(photo), 0.3, np.random.default_rng(3))
    height, red = photo.shape[0], (220, 30, 30)
    told = Judgement("retake", None, (Reason("overlay", 0.9, None, 30.0),))
    silent = explain(photo, assessment(0.0), Judgement("accept", None, ()))[:height]
    assert np.array_equal(silent, photo)
    drawn = explain(photo, assessment(0.0), told)[:height]
    changed = (drawn != photo).any(axis=2)
    assert (drawn[changed] == red).all(axis=1).sum() > 400, "several frames and the ground of a word"
    assert changed.mean() < 0.2, "the photo is still seen"


def test_a_large_photo_is_reduced_and_a_tiny_one_is_no_error():
    assert explain(np.zeros((3000, 100, 3), np.uint8), assessment(0.9), Judgement("accept", None, ())).shape[1] == 40
    assert explain(np.zeros((1, 1, 3), np.uint8), assessment(0.9), Judgement("accept", None, ())).shape[1] == 1
