import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models import dataset
from models.opinion import Kernel, distances, fit, gram_of, held_out

KERNEL = Kernel((0.3, 0.3), (0.3, 1.0), 0.05)


def made_up(photos=40, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(photos, 2, 6)).astype(np.float32)
    return features, 50 + 10 * features[:, 1, 0] + rng.normal(size=photos)


def test_a_smooth_opinion_is_learnt():
    features, mos = made_up(200)
    scores = fit(features[:150], mos[:150], KERNEL).predict(features[150:])
    assert np.corrcoef(scores, mos[150:])[0, 1] > 0.8


def test_the_folds_scores_are_those_of_a_model_fitted_without_them():
    features, mos = made_up()
    part, others = np.arange(10), np.arange(10, 40)
    expected = fit(features[others], mos[others], KERNEL).predict(features[part])
    gram = gram_of(distances(features, others), KERNEL)
    assert np.allclose(held_out(gram, mos, KERNEL.ridge, others, part), expected, atol=1e-3)


def test_one_wild_feature_moves_a_score_no_further_than_a_clipped_one():
    features, mos = made_up()
    opinion = fit(features, mos, KERNEL)
    wild, wilder = features[:1].copy(), features[:1].copy()
    wild[..., 3], wilder[..., 3] = 1e3, 1e9
    assert np.array_equal(opinion.predict(wild), opinion.predict(wilder))


@given(count=st.integers(5, 200), parts=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folds_share_no_photo_and_leave_none_out(count, parts, seed):
    dealt = dataset.folds(count, parts, seed)
    assert sorted(np.concatenate(dealt)) == list(range(count))
    assert np.ptp([len(part) for part in dealt]) <= 1
