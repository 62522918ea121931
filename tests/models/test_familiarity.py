import numpy as np

from models.familiarity import limit, reach
from models.opinion import Kernel, Part, fit, interval
from models.scorer import SHIPPED, LiteRTScorer, load, read_card


def test_what_lies_far_from_all_training_photos_has_a_wider_interval():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 1, 8)).astype(np.float32)
    fitted = fit(features, rng.uniform(20, 80, 60), (Part("all", 0, (slice(0, 8),)),), Kernel(0.5, (1.0,), 0.02))
    told = interval(fitted, 0.02, 20.0)
    known, far = (reach(fitted, told, rows) for rows in (features, features + 50))
    assert known.max() < far.min()
    assert far.max() <= 20.0 * np.sqrt(1.02) + 1e-6


def test_fewer_than_one_real_photo_in_a_hundred_are_doubted():
    reaches = np.random.default_rng(0).normal(20, 2, 2000)
    assert 0 < (reaches > limit(reaches)).mean() < 0.01


def test_a_wider_interval_than_the_limit_is_doubted_and_a_model_without_a_limit_doubts_nothing(tiles):
    card = read_card(SHIPPED)
    shipped, bold = (LiteRTScorer(SHIPPED, card | {"familiar_within": within}) for within in (0.0, float("inf")))
    assert all(prediction.unfamiliar for prediction in shipped.score(tiles[:2], [{}] * 2))
    assert not any(prediction.unfamiliar for prediction in bold.score(tiles[:2], [{}] * 2))
    assert not any(prediction.unfamiliar for prediction in load(form="int8").score(tiles, [{}] * len(tiles)))
