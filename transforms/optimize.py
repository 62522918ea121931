"""Optimize: where a reason asks for it, mend; what would be delivered walks the same stages as any other photo."""

from functools import partial
from pathlib import Path

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations

from models.serving import QualityModelHandler
from transforms import steps
from transforms.score import Score
from transforms.stage import Outcome, Stage
from transforms.steps import Rules


class Optimize(beam.PTransform):
    """Give each judged case back as it is, or in its place the judged case of its mended photo."""

    def __init__(self, rules: Rules, handler: QualityModelHandler, journal: Path | None = None):
        super().__init__("Optimize")
        self.rules = rules
        self.handler = handler
        self.journal = journal

    @no_annotations
    def expand(self, cases: beam.PCollection) -> Outcome:
        """Apply to a collection of judged `Case`."""
        tried = cases | Stage("Mend", partial(steps.mend, rules=self.rules, journal=self.journal))
        scored = tried.results | Score(self.handler, steps.is_mended)
        judged = scored.results | Stage("Judge again", partial(steps.judge_mended, rules=self.rules))
        return Outcome(judged.results, tried.failures + scored.failures + judged.failures)
