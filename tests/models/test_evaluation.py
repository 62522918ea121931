import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import evaluation
from transforms.imaging.types import Prediction


class Meter:
    """Scores by brightness alone: it sees light and nothing else."""

    from models.tiles import TileSettings

    tiles = TileSettings(32, 200)
    scalars = ()

    def score(self, tiles, measures=None):
        return [Prediction(float(photo.mean() / 2.55), 0, 100) for photo in tiles]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(rows):
    found, there = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if there.all() or not there.any():
        return
    pairs = [(p > n) + 0.5 * (p == n) for p in found[there] for n in found[~there]]
    assert evaluation.auc(found, there) == pytest.approx(np.mean(pairs))


def test_intervals_hold_the_figure_and_shrink_with_more_photos():
    rng = np.random.default_rng(0)
    mos = rng.uniform(0, 100, 400)
    scores = mos + rng.normal(0, 15, 400)
    few, many = (evaluation.correlations(scores[:n], mos[:n], rounds=200)["SRCC"] for n in (50, 400))
    assert few.low <= few.value <= few.high and many.high - many.low < few.high - few.low


def test_a_meter_of_light_keeps_the_order_of_exposure_alone(photos):
    kept = {row.defect: row for row in evaluation.order_kept([np.ascontiguousarray(photos[0][:160, :160])], Meter())}
    assert kept["under_exposure"].steps_down == 1 and kept["under_exposure"].rank_correlation == pytest.approx(-1)
    assert kept["over_exposure"].steps_down == 0


def test_each_band_tells_the_opinion_of_what_was_scored_into_it():
    rows = evaluation.calibration(np.array([10.0, 30, 35, 100]), np.array([12.0, 20, 40, 90]), [20, 40, 60, 80])
    assert rows == [(0, 20, 1, 10, 12), (20, 40, 2, 32.5, 30), (80, 100, 1, 100, 90)]
