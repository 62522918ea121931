"""A measure and the model's probability together: what either adds, and what neither may do."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scorer import SHIPPED, read_card
from transforms.imaging import combined
from transforms.imaging.combined import log_odds, pairs
from transforms.imaging.policy import BOTH, RULES, Thresholds

WEIGHTS = Path(combined.__file__).parent / "measures" / "combined_weights.json"
FALLING = {"both_contrast"}
"""Lines whose measure is worse where it is less."""
evidence = st.floats(-100, 100)
probability = st.floats(0, 1)


def test_the_lines_were_fitted_with_the_model_that_is_shipped():
    assert json.loads(WEIGHTS.read_text())["model_version"] == read_card(SHIPPED)["model_version"]


@given(probability, probability)
def test_log_odds_rise_with_the_probability_and_are_finite_at_its_ends(one, other):
    low, high = sorted((one, other))
    assert -14 < log_odds(low) <= log_odds(high) < 14


@pytest.mark.parametrize("both", BOTH, ids=lambda both: both.curve)
@given(evidence, evidence, probability, probability)
def test_more_of_either_never_lowers_the_odds(both, one, other, less, more):
    pair = pairs()[both.curve]
    (less, more), (low, high) = sorted((less, more)), sorted((one, other))
    if both.curve in FALLING:
        low, high = high, low
    assert pair.odds(low, less) <= pair.odds(high, more) + 1e-9


@pytest.mark.parametrize("both", BOTH, ids=lambda both: both.curve)
def test_evidence_that_is_not_there_counts_as_that_of_an_average_photo(both):
    pair = pairs()[both.curve]
    assert pair.odds(math.nan, 0.5) == pytest.approx(pair.odds(pair.mean[0], 0.5))


def test_every_line_has_a_curve_and_rules_that_give_its_evidence():
    assert {both.curve for both in BOTH} == set(pairs())
    for both in BOTH:
        assert both.curve in Thresholds.__slots__
        assert any(rule.curve == both.of for rule in RULES)
