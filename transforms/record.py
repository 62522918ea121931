"""Record: the mended photo written, and one row for each photo."""

from functools import partial

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations

from transforms import steps
from transforms.records import Maker
from transforms.sinks.images import write_image
from transforms.sinks.output import Output
from transforms.stage import Outcome, Stage

EXTENSION = "jpg"


class Record(beam.PTransform):
    """Turn each judged case into its row of `quality`; a mended photo is written first, under the name of its content."""

    def __init__(self, maker: Maker, output: Output):
        super().__init__("Record")
        self.maker = maker
        self.output = output

    @no_annotations
    def expand(self, cases: beam.PCollection) -> Outcome:
        """Apply to a collection of judged `Case`."""
        return cases | Stage("Write", partial(steps.record, maker=self.maker, write_image=self._write))

    def _write(self, data: bytes) -> str:
        return write_image(self.output, data, EXTENSION)
