"""Beam's side of the model: the handler that `RunInference` batches for."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler

from models.gathering import Gathering
from models.scorer import ModelSettings, Scorer, load
from transforms.errors import RefusalError
from transforms.imaging.types import Prediction, Seen

Result = Prediction | RefusalError
"""What the model says of a photo, or why it could not be run on that one alone."""

_gatherings: dict[Scorer, Gathering[Seen, Result]] = {}
_lock = threading.Lock()


class QualityModelHandler(ModelHandler[Seen | None, Result | None, Scorer]):
    """Scores tiles (tiles x side x side x 3, uint8), with their photo's measures for a model that looks at them.

    Wrap it in `KeyedModelHandler` to carry a key along.

    None has nothing to score and gets None: a graph without splits sends every photo through.
    A photo on which the model cannot be run gets a `RefusalError` (score_failed) as its result; the others of its batch are scored.
    A model that gains by it is given the photos of several bundles at once (`models.gathering`).
    The model is loaded once in a process by `models.scorer`, since RunInference makes a new shared handle for each pipeline.
    """

    def __init__(self, settings: ModelSettings | None = None, *, batch: int = 4):
        """Take the settings of the model, and how many photos at most make a batch."""
        super().__init__()
        self.settings = settings or ModelSettings()
        self.batch = batch
        self._core_time = Metrics.distribution("vitrine", "score_us")

    def one_by_one(self) -> "QualityModelHandler":
        """Return a handler of the same model to which no photo waits for another."""
        return QualityModelHandler(self.settings, batch=1)

    def load_model(self) -> Scorer:
        """Load the model, or find it loaded, and make it ready."""
        model = load(self.settings.directory, self.settings.form, precision=self.settings.precision)
        model.warm_up()
        return model

    def run_inference(
        self, batch: Sequence[Seen | None], model: Scorer, inference_args: dict[str, Any] | None = None
    ) -> Iterable[Result | None]:
        """Score a batch: one result for each element, in order."""
        results: list[Result | None] = [None] * len(batch)
        sound: list[tuple[int, Seen]] = []
        for index, seen in enumerate(batch):
            if seen is None:
                continue
            try:
                model.check(seen.tiles)
                sound.append((index, seen))
            except ValueError as error:
                results[index] = _failure(error)
        core = time.thread_time()
        for (index, _), result in zip(sound, _scored([seen for _, seen in sound], model), strict=True):
            results[index] = result
        for _ in sound:
            self._core_time.update(round((time.thread_time() - core) / len(sound) * 1e6))
        return results

    def get_num_bytes(self, batch: Sequence[Seen | None]) -> int:
        """Count the bytes of the batch's tiles, for RunInference's metrics."""
        return sum(seen.tiles.nbytes for seen in batch if seen is not None)

    def get_metrics_namespace(self) -> str:
        """Name the metrics' namespace."""
        return "quality_model"

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        """Bound the batch by count alone: a time limit would need state, which a run without a shuffle does not have."""
        return {"min_batch_size": self.batch, "max_batch_size": self.batch}


def _scored(photos: Sequence[Seen], model: Scorer) -> list[Result]:
    """Score photos: with those of other bundles where the model gains by it, else at once."""
    if not (photos and model.gains_by_batches):
        return score_each(photos, model)
    with _lock:
        # The queue of a model lives as long as it: both are the process's own.
        gathering = _gatherings.setdefault(model, Gathering(partial(score_each, model=model)))
    return gathering(photos)


def score_each(photos: Sequence[Seen], model: Scorer) -> list[Result]:
    """Score photos together; where that fails, halve until what fails is one photo, which alone fails."""
    if not photos:
        return []
    try:
        return list(model.score(np.stack([photo.tiles for photo in photos]), [photo.measures for photo in photos]))
    except Exception as error:  # whatever a runtime raises on a photo is that photo's failure, told in its result
        if len(photos) == 1:
            return [_failure(error)]
    middle = len(photos) // 2
    return score_each(photos[:middle], model) + score_each(photos[middle:], model)


def _failure(error: Exception) -> RefusalError:
    return RefusalError("score_failed", f"{type(error).__name__}: {error}")
