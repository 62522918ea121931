"""Score: the model's opinion of every photo, in batches, each photo's failure its own."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.typehints.decorators import no_annotations

from models.serving import QualityModelHandler
from transforms.case import Case
from transforms.errors import RefusalError
from transforms.imaging.types import Prediction, Seen
from transforms.stage import FAILURES, Outcome, refuse


class Score(beam.PTransform):
    """Fill `prediction` of each case that has tiles to score; any other goes by as it is.

    Those that go by stay in the same collection: a runner that flattens two collections may write both to a buffer, and
    photos are not to be copied.
    """

    def __init__(self, handler: QualityModelHandler, which: Callable[[Case], bool] = lambda case: True):
        super().__init__("Score")
        self.handler = handler
        self.which = which

    @no_annotations
    def expand(self, cases: beam.PCollection) -> Outcome:
        """Apply to a collection of assessed `Case`."""
        handler: Any = _CarryingCases(self.handler)
        pairs = cases | "With tiles" >> beam.Map(self._with_tiles)
        if self.handler.batch == 1:
            # Beam lets even a batch of one wait until the next one comes.
            handler, pairs = handler.with_no_batching(), pairs | "Alone" >> beam.Map(lambda pair: [pair])
        scored = (
            pairs
            | RunInference(handler)
            | "With prediction" >> beam.FlatMapTuple(_with_prediction).with_outputs(FAILURES, main="results")
        )
        return Outcome(scored.results, (scored[FAILURES],))

    @no_annotations
    def _with_tiles(self, case: Case) -> tuple[Case, Seen | None]:
        assert case.assessment is not None
        return case, case.assessment.seen if self.which(case) else None


class _CarryingCases(KeyedModelHandler):
    """Takes each case along as the key of its tiles."""

    def __init__(self, handler: QualityModelHandler):
        super().__init__(handler)
        self.handler = handler

    @no_annotations
    def get_num_bytes(self, batch: Sequence[tuple[Case, Seen | None]]) -> int:
        """Count what is scored; the default would pickle every case, photo and all, to count that too."""
        return self.handler.get_num_bytes([seen for _, seen in batch])


@no_annotations
def _with_prediction(case: Case, prediction: Prediction | RefusalError | None) -> list[Case | beam.pvalue.TaggedOutput]:
    if isinstance(prediction, RefusalError):
        return [beam.pvalue.TaggedOutput(FAILURES, refuse(case, "score", prediction))]
    return [case if prediction is None else dataclasses.replace(case, prediction=prediction)]
