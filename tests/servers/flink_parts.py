"""What the tests on Flink put in place of the pixels; the cluster's workers import it too."""

import sys
from pathlib import Path

import apache_beam as beam

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines" / "streaming"))

from transforms.stage import Outcome


class FakeRow(beam.DoFn):
    """Makes a row of an event that carries its photo."""

    def process(self, event):
        from stream_parts import row_of

        yield row_of(event, event.data)


def judge(events):
    rows = events | "Judge" >> beam.ParDo(FakeRow())
    return Outcome(rows, (events | "None refused" >> beam.Filter(lambda event: False),))
