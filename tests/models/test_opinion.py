import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models import dataset
from models.opinion import Kernel, Part, distances, fit, gram_of, held_out, interval, unknown

PARTS = (Part("first", 0, (slice(0, 6),)), Part("second", 1, (slice(0, 2), slice(2, 6))))
KERNEL = Kernel(0.3, (0.3, 1.0), 0.05)


def made_up(photos=40, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(photos, 2, 6)).astype(np.float32)
    return features, 50 + 10 * features[:, 1, 0] + rng.normal(size=photos)


def test_a_smooth_opinion_is_learnt():
    features, mos = made_up(200)
    scores = fit(features[:150], mos[:150], PARTS, KERNEL).predict(features[150:])
    assert np.corrcoef(scores, mos[150:])[0, 1] > 0.8


def test_the_folds_scores_are_those_of_a_model_fitted_without_them():
    features, mos = made_up()
    part, others = np.arange(10), np.arange(10, 40)
    expected = fit(features[others], mos[others], PARTS, KERNEL).predict(features[part])
    gram = gram_of(distances(features, PARTS, others), KERNEL)
    assert np.allclose(held_out(gram, mos, KERNEL.ridge, others, part), expected, atol=0.1)


def test_a_block_counts_alike_however_many_columns_it_has():
    narrow, wide = (Part("", 0, (slice(0, 1), slice(1, end))).scale() for end in (2, 6))
    assert np.isclose(np.square(narrow).sum(), 1) and np.isclose(np.square(wide).sum(), 1)
    assert np.isclose(np.square(wide[1:]).sum(), 0.5)


def test_one_wild_feature_moves_a_score_no_further_than_a_clipped_one():
    features, mos = made_up()
    opinion = fit(features, mos, PARTS, KERNEL)
    wild, wilder = features[:1].copy(), features[:1].copy()
    wild[..., 3], wilder[..., 3] = 1e3, 1e9
    assert np.array_equal(opinion.predict(wild), opinion.predict(wilder))


def test_less_is_known_of_a_photo_like_none_of_the_training_photos():
    features, _ = made_up()
    features[0] *= 30
    gram = gram_of(distances(features, PARTS, np.arange(1, 40)), KERNEL)
    strange, usual = (unknown(gram, KERNEL.ridge, np.arange(5, 40), np.array([i])) for i in (0, 3))
    assert strange > usual


def test_the_served_interval_knows_what_the_folds_knew():
    features, mos = made_up()
    served = interval(fit(features, mos, PARTS, KERNEL), KERNEL.ridge, 10.0)
    gram = gram_of(distances(features, PARTS, np.arange(40)), KERNEL)
    expected = unknown(gram, KERNEL.ridge, np.arange(40), np.arange(40)) ** 2
    assert np.allclose(1 - np.square(gram @ served.root.T).sum(1) + served.floor, expected, atol=0.01)


@given(count=st.integers(5, 200), parts=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folds_share_no_photo_and_leave_none_out(count, parts, seed):
    dealt = dataset.folds(count, parts, seed)
    assert sorted(np.concatenate(dealt)) == list(range(count))
    assert np.ptp([len(part) for part in dealt]) <= 1
