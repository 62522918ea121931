import numpy as np

from models.detector import masked_cross_entropy, train
from models.examples import UNKNOWN


def nothing(*_):
    pass


def test_what_is_unknown_pulls_nowhere():
    labels = np.array([[1.0, UNKNOWN], [0.0, 1.0]], np.float32)
    one, other = (np.array([[0.3, wild], [-0.2, 0.5]], np.float32) for wild in (-50, 50))
    assert float(masked_cross_entropy(labels, one)) == float(masked_cross_entropy(labels, other))


def test_defects_that_show_in_the_features_are_learnt_and_the_seed_decides_all(monkeypatch):
    monkeypatch.setattr("models.detector.EPOCHS", 30)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 2, 8)).astype(np.float32)
    labels = (features[:, 0, :2] + features[:, 1, :2] > 0).astype(np.float32)
    detector = train(features[:500], labels[:500], 0, nothing)
    found = detector.predict(features[500:])
    assert ((found > 0.5) == labels[500:]).mean() > 0.8
    again = train(features[:500], labels[:500], 0, nothing)
    assert np.allclose(again.predict(features[500:]), found, atol=1e-4)
