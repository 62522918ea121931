"""Pictures that are no photos are flagged and not scored; photos, spoilt ones too, are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.odd_pictures import ODD, drawn
from models.distortions import DISTORTIONS
from transforms.imaging.assess import assess, why_unscored
from transforms.imaging.measures import MEASURES
from transforms.imaging.policy import judge
from transforms.reasons import UNSCORED

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("*-*.jpg"))
FLAGS = {"blank", "text_only", "not_a_photo", "size_chart", "screenshot", "collage"}
UNSEEN = 5000
"""No fit has drawn these."""


def flags(data):
    assessment = assess(data)
    return {reason.code for reason in judge(assessment, None).reasons} & FLAGS, assessment


@pytest.mark.parametrize("kind", ODD)
def test_what_is_drawn_or_computed_is_flagged_and_hardly_ever_scored(kind):
    found = [flags(drawn(kind, UNSEEN + seed)) for seed in range(10)]
    assert sum(bool(codes) for codes, _ in found) >= 8
    assert all((assessment.tiles is None) == (assessment.unscored in UNSCORED) for _, assessment in found)


def test_a_page_of_text_is_told_as_such():
    pytest.importorskip("rapidocr")
    found = [flags(drawn("page", UNSEEN + seed)) for seed in range(10)]
    assert sum("text_only" in codes for codes, _ in found) >= 8
    assert sum(assessment.unscored == "text_only" for _, assessment in found) >= 8


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_photo_is_scored_and_so_is_a_spoilt_one(path):
    assert assess(path.read_bytes()).unscored is None
    pixels = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
    for distortion in DISTORTIONS:
        spoilt = distortion.spoil(pixels, 0.6, np.random.default_rng(0))
        data = cv2.imencode(".png", np.ascontiguousarray(spoilt[..., ::-1]))[1].tobytes()
        assert assess(data).unscored is None, distortion.defect


def test_a_chart_is_no_fault_where_the_role_is_a_size_chart():
    for kind in ("chart", "page", "drawing"):
        judgement = judge(assess(drawn(kind, UNSEEN)), None, role="size_chart")
        assert not FLAGS & {reason.code for reason in judgement.reasons} - {"blank"}


def test_without_the_packages_for_text_a_page_is_not_asserted():
    known = {declared.name: 0.0 for declared in MEASURES} | {"text_lines": float("nan"), "text_cover": float("nan")}
    assert why_unscored(known) is None
    assert why_unscored(known | {"text_lines": 30.0, "text_cover": 0.5}) == "text_only"
    assert why_unscored(known | {"text_lines": 1.0, "text_cover": 0.5}) is None
