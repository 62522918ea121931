import pickle
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.testing.util import assert_that

from models.scorer import ModelSettings
from models.serving import QualityModelHandler, score_each
from transforms.errors import RefusalError
from transforms.imaging.types import Prediction, Seen


class Touchy:
    """A model that cannot be run on a photo whose first number is 13, and notes how it was asked."""

    gains_by_batches = False

    def __init__(self):
        self.asked = []

    def check(self, tiles):
        if tiles.ndim != 4:
            raise ValueError("wrong shape")

    def score(self, tiles, measures=None):
        assert len(measures) == len(tiles)
        marks = [int(photo.flat[0]) for photo in tiles]
        self.asked.append(marks)
        if 13 in marks:
            raise RuntimeError("kernel failed")
        return [Prediction(float(mark), 0.0, 100.0) for mark in marks]


def photo(mark):
    return Seen(np.full((2, 4, 4, 3), mark, np.uint8), {})


@pytest.mark.parametrize("marks", [[1, 2, 3, 4], [13], [1, 13, 3, 4, 5, 6, 7], [13, 13, 1], [1, 2, 13], []])
def test_only_the_culprit_fails(marks):
    results = score_each([photo(mark) for mark in marks], Touchy())
    assert [r.code if isinstance(r, RefusalError) else r.score for r in results] == [
        "score_failed" if mark == 13 else mark for mark in marks
    ]


def test_an_unfit_element_is_told_before_the_batch_is_run():
    model = Touchy()
    results = list(QualityModelHandler().run_inference([photo(1), Seen(np.zeros(3, np.uint8), {}), photo(2)], model))
    assert isinstance(results[1], RefusalError) and [results[0].score, results[2].score] == [1.0, 2.0]
    assert model.asked == [[1, 2]]


def test_bundles_share_a_batch_where_the_model_gains_by_it():
    model = Touchy()
    model.gains_by_batches = True
    handler = QualityModelHandler()
    with ThreadPoolExecutor(2) as pool:
        bundles = [[photo(1), None, photo(13)], [photo(5)]]
        told = list(pool.map(lambda bundle: list(handler.run_inference(bundle, model)), bundles))
    assert told[0][0].score == 1 and told[0][1] is None and isinstance(told[0][2], RefusalError)
    assert told[1][0].score == 5


def test_a_model_that_gains_nothing_by_batches_waits_for_none(monkeypatch):
    monkeypatch.setattr("models.serving.Gathering", None)
    (result,) = QualityModelHandler().run_inference([photo(3)], Touchy())
    assert result.score == 3


def test_a_pipeline_keeps_keys_and_scores_as_alone(tiles):
    handler = QualityModelHandler(ModelSettings(form="litert"), batch=3)
    alone = [p.score for p in handler.load_model().score(tiles, [{}] * len(tiles))]

    def check(results):
        got = dict(results)
        assert isinstance(got.pop("bad"), RefusalError)
        assert all(abs(got[str(i)].score - score) <= 0.01 for i, score in enumerate(alone)) and len(got) == len(alone)

    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        keyed = [(str(i), Seen(photo, {})) for i, photo in enumerate(tiles)]
        keyed.append(("bad", Seen(np.zeros((1, 2, 3), np.uint8), {})))
        assert_that(pipeline | beam.Create(keyed) | RunInference(KeyedModelHandler(handler)), check)


def test_the_handler_travels_without_the_model():
    handler = QualityModelHandler()
    handler.load_model()
    assert len(pickle.dumps(handler)) < 10_000
