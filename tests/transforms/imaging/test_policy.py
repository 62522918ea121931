"""The verdict: curves, order, what counts as hopeless, and how a kept mend changes it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.imaging.measures import MEASURES
from transforms.imaging.policy import (
    ACT,
    MOST_REASONS,
    RULES,
    SEVERE,
    SHOWN,
    Thresholds,
    band,
    conclude,
    judge,
    severities,
    severity,
)
from transforms.imaging.types import Assessment, Box, Header, Judgement, Prediction, Reason
from transforms.reasons import REASONS, advice

FINE = {
    "sharpness": 0.25, "sharpness_worst": 0.2, "dim_stops": 0.2, "product_stops": 0.0, "clipped": 0.0,
    "product_clipped": 0.0, "crushed": 0.0, "contrast": 0.8, "black_point": 0.05, "product_contrast": 0.6, "noise": 0.4,
    "cast": 4.0, "cast_a": 0.0, "cast_b": 4.0, "saturation": 20.0, "short_side": 800.0, "long_side": 1200.0,
    "blank": 0.3, "ground_plain": 1.0, "ground_lightness": 80.0, "ground_chroma": 3.0, "ground_unevenness": 5.0,
    "fill": 0.6, "cut_off": 0.0,
}  # fmt: skip


def assessment(**changed):
    values = {m.name: math.nan for m in MEASURES} | FINE | changed
    return Assessment(Header("jpeg", 800, 1200, "RGB"), "", "", values, Box(0.1, 0.1, 0.8, 0.8), 0.9, None)


def test_a_fine_photo_is_accepted_without_a_reason():
    found = judge(assessment(), None)
    assert (found.verdict, found.reasons, found.mend, found.band) == ("accept", (), (), None)


def test_what_can_be_mended_is_listed_and_what_cannot_is_a_retake():
    dim = judge(assessment(dim_stops=2.0), None)
    assert (dim.verdict, dim.mend) == ("improve", ("dark",))
    lost = judge(assessment(dim_stops=6.0), None)
    assert lost.verdict == "retake"
    assert [reason.code for reason in lost.reasons] == ["too_dark"], "dark only repeats it"


def test_a_measure_that_could_not_be_made_is_no_evidence():
    unknown = dict.fromkeys((m.name for m in MEASURES), math.nan)
    assert judge(assessment(**unknown), None).verdict == "accept"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_severity_never_falls_as_the_measure_gets_worse(one, other):
    low, high = sorted((one, other))
    assert 0 <= severity(low, (1.0, 2.0, 4.0)) <= severity(high, (1.0, 2.0, 4.0)) <= 1
    assert 0 <= severity(high, (4.0, 2.0, 1.0)) <= severity(low, (4.0, 2.0, 1.0)) <= 1


@pytest.mark.parametrize("points", [(1.0, 2.0, 4.0), (4.0, 2.0, 1.0)])
def test_severity_meets_its_three_points(points):
    assert [severity(p, points) for p in points] == pytest.approx([SHOWN, ACT, SEVERE])


def test_points_out_of_order_are_refused():
    with pytest.raises(ValueError, match="dark"):
        Thresholds(dark=(1.0, 3.0, 2.0))


def test_reasons_are_few_and_the_worst_comes_first():
    many = judge(assessment(dim_stops=2.0, contrast=0.2, cast=20.0, noise=12.0, cut_off=0.7), None)
    levels = [reason.severity for reason in many.reasons]
    assert len(levels) == MOST_REASONS
    assert levels == sorted(levels, reverse=True)


def test_a_size_chart_may_be_what_a_main_photo_may_not():
    chart = assessment(blank=0.999, contrast=0.2)
    assert judge(chart, None, role="main").verdict == "retake"
    assert judge(chart, None, role="size chart").verdict == "accept"
    assert judge(chart, None, role="size_chart").verdict == "accept"


def test_a_detail_may_be_cut_off():
    assert judge(assessment(cut_off=1.0), None).verdict == "retake"
    assert judge(assessment(cut_off=1.0), None, role="detail").verdict == "accept"


def test_a_white_ground_is_not_burnt_out():
    assert judge(assessment(product_clipped=0.9, ground_lightness=100.0), None).verdict == "accept"
    assert judge(assessment(product_clipped=0.9), None).reasons[0].code == "burnt_out"


def judgement(level, code="dark"):
    return Judgement("improve", None, (Reason(code, level),) if level else (), (code,))


def test_conclusion_after_a_mend():
    slight, severe, fine = judgement(0.5), judgement(0.9), judgement(0.0)
    assert conclude(slight) == "accept"
    assert conclude(severe) == "retake"
    assert conclude(severe, fine) == conclude(slight, fine) == "improve"
    assert conclude(severe, judgement(0.75)) == "retake"
    assert conclude(severe, judgement(SEVERE - 0.01)) == "retake", "too near the cut to be sure of"


@pytest.mark.parametrize(
    ("score", "name"),
    [(0, "bad"), (19.99, "bad"), (20, "poor"), (40, "fair"), (60, "good"), (80, "excellent"), (100, "excellent")],
)
def test_bands(score, name):
    assert band(score) == name
    assert judge(assessment(), Prediction(score, score, score)).band == name


def test_every_rule_has_a_curve_a_text_and_an_amount_that_fills_it():
    levels = severities(assessment().measures, Thresholds())
    for rule in RULES:
        assert rule.code in levels
        amount = rule.amount(assessment().measures)
        for text in advice(rule.code, amount):
            assert "{" not in text


def test_every_advice_names_an_amount_in_both_languages():
    for text in REASONS.values():
        assert text.advice_en.count("{amount}") == text.advice_zh.count("{amount}") == 1
        assert text.unit
