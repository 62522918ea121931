"""The graph: the whole system on one screen. Each stage's work is the function of its name in `transforms/steps.py`."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam

from models.serving import QualityModelHandler
from transforms import steps
from transforms.fetch import FetchSettings
from transforms.optimize import Optimize
from transforms.record import Record
from transforms.records import Maker
from transforms.score import Score
from transforms.sinks.output import Output
from transforms.sinks.table_settings import TableSettings
from transforms.stage import Outcome, Stage
from transforms.steps import Rules


class Job(NamedTuple):
    """What the stages need besides their elements: rules, model, places, and the name of all that in the record."""

    rules: Rules
    fetch: FetchSettings
    handler: QualityModelHandler
    maker: Maker
    output: Output
    tables: TableSettings
    journal: Path | None = None


def build(events: beam.PCollection, job: Job) -> Outcome:
    """Build the graph from a collection of `ImageEvent` to rows of `quality`, with the dead letters of every stage."""
    fetched = events | Stage("Fetch", partial(steps.fetch, settings=job.fetch, rules=job.rules))
    assessed = fetched.results | Stage("Assess", partial(steps.assess, rules=job.rules, journal=job.journal))
    scored = assessed.results | Score(job.handler)
    judged = scored.results | Stage("Judge", partial(steps.judge, rules=job.rules))
    optimized = judged.results | Optimize(job.rules, job.handler, job.journal)
    recorded = optimized.results | Record(job.maker, job.output)

    stages = (fetched, assessed, scored, judged, optimized, recorded)
    return Outcome(recorded.results, tuple(failures for stage in stages for failures in stage.failures))
