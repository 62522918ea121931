"""What crosses a grouping in an epoch of several workers arrives whole, however long it takes."""

import time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

import pipelines.epoch  # noqa: F401 - what it sets is what is tested


class Slow:
    """Takes its time to be encoded, and lets other threads work meanwhile."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        time.sleep(0.03)
        return type(self), (self.number,)


def test_an_element_that_is_encoded_for_long_is_not_cut_in_two():
    def check(groups):
        assert groups == [list(range(100))]

    options = PipelineOptions(["--direct_running_mode=multi_threading", "--direct_num_workers=2"])
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        slow = pipeline | beam.Create(list(range(100)), reshuffle=True) | beam.Map(lambda number: (0, Slow(number)))
        numbers = slow | beam.GroupByKey() | "Numbers" >> beam.Map(lambda group: sorted(one.number for one in group[1]))
        assert_that(numbers, check)
