"""A photo on its way through the graph: what is known of it so far."""

from dataclasses import dataclass

from transforms.imaging.types import Assessment, Judgement, Mended, Prediction
from transforms.records import ImageEvent


@dataclass(frozen=True, slots=True)
class Case:
    """One photo's event and bytes, and each stage's finding; a stage returns a new case with its field filled.

    A mended photo is a case of its own: `data` are the bytes that would be delivered, `original` is the case that it came
    from, and it walks the same stages again. `seconds` is the work done on it so far: no waiting, and without the model's
    share of a batch.
    """

    event: ImageEvent
    data: bytes
    assessment: Assessment | None = None
    prediction: Prediction | None = None
    judgement: Judgement | None = None
    mended: Mended | None = None
    original: "Case | None" = None
    seconds: float = 0.0
