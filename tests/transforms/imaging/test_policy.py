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
    TOLD_MOST,
    Thresholds,
    band,
    calibrate,
    conclude,
    judge,
    severities,
    severity,
)
from transforms.imaging.types import Assessment, Box, Header, Judgement, Prediction, Reason
from transforms.reasons import REASONS, advice

FINE = {
    "blur": -8.0, "blur_width": 0.5, "motion": 0.1, "enlarged": 0.1, "blur_400": -8.0, "blur_width_400": 0.5,
    "motion_400": 0.1, "enlarged_400": 0.1, "dim_stops": 0.2, "mean_stops": -0.6, "clipped": 0.0, "clipped_partly": 0.0,
    "clipped_border": 0.0,
    "clipped_centre": 0.0, "contrast": 0.8, "black_point": 0.05, "noise": 0.4, "blocks": 1.0, "cast": 4.0, "tint": 3.0, "lamp": 0.0,
    "light_fall": 0.3, "short_side": 800.0, "long_side": 1200.0, "blank": 0.3, "ground_plain": 1.0,
    "ground_lightness": 80.0, "fill": 0.6, "cut_off": 0.0, "cut_odds": -3.0, "overexposed": -4.0, "product_stops": 0.0,
    "burnt": -4.0, "enlarged_odds": -4.0, "clutter": 0.02, "border": 0.0, "seam": 0.1, "few_tones": 0.3,
    "overlay": -20.0, "overlay_cover": 0.0, "screen_bars": 0.0, "glare": 0.0,
}  # fmt: skip


def assessment(**changed):
    values = {m.name: math.nan for m in MEASURES} | FINE | changed
    return Assessment(Header("jpeg", 800, 1200, "RGB"), "", "", values, Box(0.1, 0.1, 0.8, 0.8), 0.9, None)


def test_a_fine_photo_is_accepted_without_a_reason():
    found = judge(assessment(), None)
    assert (found.verdict, found.reasons, found.mend, found.band) == ("accept", (), (), None)


def test_what_can_be_mended_is_listed_and_what_cannot_is_a_retake():
    dim = judge(assessment(dim_stops=2.0, mean_stops=1.0), None)
    assert (dim.verdict, dim.mend) == ("improve", ("dark",))
    lost = judge(assessment(dim_stops=5.0, mean_stops=4.0), None)
    assert lost.verdict == "retake"
    assert [reason.code for reason in lost.reasons] == ["too_dark"], "dark only repeats it"
    assert lost.mend == ("dark",), "a mend may still be tried, and is judged anew"


def test_blocks_weigh_more_where_the_file_names_a_coarse_quantization():
    assert "compression" not in judge(assessment(blocks=2.0), None).mend
    assert "compression" not in judge(assessment(blocks=2.0, jpeg_quality=80.0), None).mend
    assert "compression" in judge(assessment(blocks=2.0, jpeg_quality=12.0), None).mend


def test_a_lamp_beyond_doubt_asks_for_white_balance_without_a_neutral_pixel():
    assert judge(assessment(cast=math.nan, tint=math.nan, lamp=14.0), None).mend == ("cast",)


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
    many = judge(assessment(dim_stops=2.0, mean_stops=1.0, contrast=0.2, tint=20.0, noise=12.0, cut_odds=1.0), None)
    levels = [reason.severity for reason in many.reasons]
    assert len(levels) == MOST_REASONS
    assert levels == sorted(levels, reverse=True)


def test_a_size_chart_may_be_what_a_main_photo_may_not():
    chart = assessment(blank=0.999, contrast=0.2)
    assert judge(chart, None, role="main").verdict == "retake"
    assert judge(chart, None, role="size chart").verdict == "accept"
    assert judge(chart, None, role="size_chart").verdict == "accept"


def test_text_over_a_part_is_told_over_the_product_is_fatal_and_a_print_is_neither():
    stamped = judge(assessment(overlay=9.0, overlay_cover=0.01), None)
    assert (stamped.verdict, [r.code for r in stamped.reasons]) == ("accept", ["overlay"])
    covered = assessment(overlay=9.0, overlay_cover=0.2)
    assert judge(covered, None).verdict == "retake"
    assert judge(covered, None).reasons[0].amount == 20.0
    assert judge(covered, None, role="size chart").verdict == "accept"
    printed = judge(assessment(overlay=-1.0, overlay_cover=0.2), None)
    assert (printed.verdict, printed.reasons) == ("accept", ())


def test_without_the_text_detector_no_reason_speaks_of_text():
    found = judge(assessment(overlay=math.nan, overlay_cover=math.nan), None)
    assert (found.verdict, found.reasons) == ("accept", ())


def test_a_drawing_is_no_photo_of_a_product_but_a_size_chart_may_be_drawn():
    drawn = assessment(few_tones=0.96, burnt=4.0, overexposed=6.0, product_stops=1.0)
    assert [r.code for r in judge(drawn, None).reasons] == ["size_chart"]
    assert judge(drawn, None).verdict == "retake"
    assert judge(drawn, None, role="size chart").verdict == "accept"
    assert judge(assessment(few_tones=0.75), None).verdict == "accept", "a studio photo on pure white"


def test_a_detail_may_be_cut_off():
    assert judge(assessment(cut_odds=5.0), None).verdict == "retake"
    assert judge(assessment(cut_odds=5.0), None, role="detail").verdict == "accept"


def test_too_much_light_is_told_and_only_what_is_burnt_out_is_fatal():
    light = judge(assessment(overexposed=2.0), None)
    assert (light.verdict, [r.code for r in light.reasons]) == ("accept", ["bright"])
    burnt = judge(assessment(burnt=4.0, overexposed=6.0, product_stops=1.0), None)
    assert (burnt.verdict, [r.code for r in burnt.reasons]) == ("retake", ["burnt_out"]), "told once"
    dark_coat = judge(assessment(burnt=4.0, product_stops=-2.0), None)
    assert dark_coat.verdict == "accept", "its ground is burnt out, and is not what is sold"


def test_a_dark_scene_with_bright_highlights_is_no_retake():
    assert judge(assessment(dim_stops=0.8, mean_stops=5.0), None).verdict != "retake"
    assert judge(assessment(dim_stops=3.8, mean_stops=3.4), None).reasons[0].code == "too_dark"


def test_blur_at_full_view_is_told_and_only_blur_at_a_glance_is_fatal():
    slight = judge(assessment(blur=6.0, blur_width=1.2), None)
    assert (slight.verdict, [r.code for r in slight.reasons]) == ("accept", ["blur"])
    gross = {"blur": 8.0, "blur_width": 3.0, "blur_400": 8.0, "blur_width_400": 3.0}
    assert judge(assessment(**gross), None).verdict == "retake"
    shaken = judge(assessment(**gross, motion=0.9, motion_400=0.9), None)
    assert (shaken.verdict, [r.code for r in shaken.reasons]) == ("retake", ["motion"]), (
        "one kind of blur is told, not two"
    )
    assert shaken.reasons[0].amount == pytest.approx(3.0 * 12**0.5, abs=0.01)


def test_a_photo_that_was_surely_enlarged_is_told_so_and_accepted():
    told = judge(assessment(enlarged_odds=4.0, blur_width=1.0), None)
    assert (told.verdict, [r.code for r in told.reasons]) == ("accept", ["enlarged"])


def test_what_is_severe_is_no_echo_of_what_is_not():
    """Text over a third of a photo may be taken for a page in part: that is no reason to accept it."""
    covered = judge(assessment(overlay=9.0, overlay_cover=0.3, text_lines=12.0, text_cover=0.32), None)
    assert (covered.verdict, covered.reasons[0].code) == ("retake", "overlay")
    page = judge(assessment(overlay=9.0, overlay_cover=0.3, text_lines=30.0, text_cover=0.6), None)
    assert [r.code for r in page.reasons] == ["text_only"]


def test_a_severe_blur_is_fatal_whatever_kind_the_full_view_takes_it_for():
    """At 400 px defocused beyond doubt, at full view taken for a moved camera."""
    blurred = assessment(blur=9.0, motion=0.7, blur_width=4.0, blur_400=8.0, blur_width_400=3.0, motion_400=0.1)
    found = judge(blurred, None)
    assert (found.verdict, [r.code for r in found.reasons]) == ("retake", ["blur"])


SURE = {"blur": 0.999, "noise": 0.999, "low_contrast": 0.999, "uneven_light": 0.999}
"""What a model says of a photo that it takes for spoilt in these ways."""
FAINT = {
    "blur": {"blur": 0.5},
    "noise": {"noise": 7.0},
    "low_contrast": {"contrast": 0.45, "black_point": 0.15},
    "uneven_light": {"light_fall": 2.5},
}
"""A defect -> measures that alone do not tell it."""


def prediction(**defects):
    return Prediction(50.0, 40.0, 60.0, defects)


@pytest.mark.parametrize("code", FAINT)
def test_measure_and_model_together_tell_what_the_measure_alone_does_not(code):
    photo = assessment(**FAINT[code])
    alone, doubted, told = (judge(photo, p) for p in (None, prediction(**{code: 0.001}), prediction(**{code: 0.999})))
    assert code not in [r.code for r in alone.reasons + doubted.reasons]
    assert [r.code for r in told.reasons] == [code]
    assert SHOWN <= told.reasons[0].severity <= TOLD_MOST < ACT
    assert told.reasons[0].amount is not None


def test_what_model_and_measure_tell_of_a_blur_is_called_by_its_kind():
    moved = judge(assessment(blur=0.5, motion=0.9), prediction(blur=0.999))
    assert [r.code for r in moved.reasons] == ["motion"]
    slight = assessment(blur=0.5, enlarged_odds=4.0)
    assert [r.code for r in judge(slight, prediction(blur=0.999)).reasons] == ["enlarged"], "one kind is told, not two"


def test_a_defect_that_the_model_does_not_name_is_left_to_the_measures():
    assert judge(assessment(**FAINT["noise"]), prediction(blur=0.001)).reasons == ()


def test_evidence_that_is_not_there_leaves_the_word_to_the_model():
    unknown = assessment(blur=math.nan, light_fall=math.nan, noise=math.nan, contrast=math.nan)
    assert judge(unknown, prediction(**SURE)).verdict == "accept"


@given(
    st.fixed_dictionaries({name: st.floats(0, 1) for name in SURE}),
    st.fixed_dictionaries(
        {
            "blur": st.floats(-10, 30), "blur_400": st.floats(-10, 30), "blur_width_400": st.floats(0, 4),
            "noise": st.floats(0, 30), "contrast": st.floats(0, 1), "light_fall": st.floats(0, 9),
            "dim_stops": st.floats(-1, 5), "mean_stops": st.floats(-1, 5), "tint": st.floats(0, 60),
        }
    ),
)  # fmt: skip
def test_no_verdict_and_no_mend_depends_on_what_the_model_says(defects, measures):
    alone, both = (judge(assessment(**measures), p) for p in (None, prediction(**defects)))
    assert (alone.verdict, alone.mend, conclude(alone)) == (both.verdict, both.mend, conclude(both))
    assert [r for r in alone.reasons if r.severity >= ACT] == [r for r in both.reasons if r.severity >= ACT]


def test_calibration_lets_no_more_than_its_budget_of_spotless_photos_be_told_a_reason():
    spotless = [FINE | {"dim_stops": i / 100, "mean_stops": 0.0} for i in range(200)]
    found = calibrate(spotless, Thresholds())
    assert found.dark[0] < found.dark[1] < found.dark[2]
    told = [judge(assessment(**values), None, found).reasons for values in spotless]
    assert 0 < sum(any(r.code == "dark" for r in reasons) for reasons in told) <= 0.04 * len(spotless) + 1


def judgement(level, code="dark"):
    return Judgement("improve", None, (Reason(code, level),) if level else (), (code,))


def test_conclusion_after_a_mend():
    slight, severe, fine = judgement(0.5), judgement(0.9), judgement(0.0)
    assert conclude(slight) == "accept"
    assert conclude(severe) == "retake"
    assert conclude(severe, fine) == conclude(slight, fine) == "improve"
    assert conclude(severe, judgement(0.75)) == "retake"
    lost = Judgement("retake", None, (Reason("too_dark", 0.9),), ("dark",))
    assert conclude(lost, fine) == "retake", "what is lost is not brought back; the mend is a proposal"
    assert conclude(severe, judgement(SEVERE - 0.01)) == "retake", "too near the cut to be sure of"


@pytest.mark.parametrize("code", ["cut_off", "small", "collage", "overlay", "border", "screenshot"])
def test_what_a_mend_cannot_change_is_judged_on_the_photo_as_it_came(code):
    """Mended, the product is found anew, a little otherwise: that is no news of where it lies."""
    dim, severe = judgement(0.5), judgement(0.9)
    for level in (SEVERE - 0.01, 0.9):
        assert conclude(dim, judgement(level, code)) == conclude(severe, judgement(level, code)) == "improve"
    cut = Judgement("retake", None, (Reason(code, 0.9), Reason("dark", 0.5)), ("dark",))
    assert conclude(cut, judgement(0.0)) == "retake", "what was severe as it came stays so"


@pytest.mark.parametrize("code", ["blur", "enlarged", "burnt_out", "bright", "glare", "noise", "blank", "too_dark"])
def test_what_a_mend_may_spoil_is_judged_on_the_mended_photo(code):
    assert conclude(judgement(0.5), judgement(0.9, code)) == "accept"
    assert conclude(judgement(0.9), judgement(0.9, code)) == "retake"


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


@pytest.mark.parametrize("code", REASONS)
def test_without_an_amount_the_advice_is_what_to_do(code):
    english, chinese = advice(code, None)
    assert english.endswith(".") and english.count(".") == 1 and ":" not in english and "  " not in english
    assert chinese.endswith("。") and ":" not in chinese
    assert advice(code, 12.0)[0].startswith(english[:-1]) and advice(code, 12.0)[1].startswith(chinese[:-1])


def test_every_advice_names_an_amount_in_both_languages():
    for text in REASONS.values():
        assert text.advice_en.count("{amount}") == text.advice_zh.count("{amount}") == 1
        assert text.unit
