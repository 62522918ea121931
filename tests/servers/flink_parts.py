"""What the tests on Flink put in place of the pixels; the cluster's workers import it too."""

import sys
import time
from collections import Counter
from pathlib import Path

import apache_beam as beam

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines" / "streaming"))

from transforms.arrived import ARRIVED
from transforms.errors import RefusalError
from transforms.park import FetchOrPark, Parking
from transforms.stage import Outcome

SLOW_S = 8
PARKING = Parking(park_after_s=0.5, tries=3, retry_s=1.0, fetchers=4)
ASKED = Counter()


def read(event):
    """Take a photo out of its event, or fetch it as its host's name says."""
    if event.data is not None:
        return event.data
    ASKED[event.uri] += 1
    if "slow." in event.uri:
        time.sleep(SLOW_S)
    if "dead." in event.uri or ("late." in event.uri and ASKED[event.uri] == 1):
        raise RefusalError("fetch_failed", "503")
    return event.uri.encode()


def fetch():
    return FetchOrPark(read, PARKING)


class FakeRow(beam.DoFn):
    """Makes a row of an event that carries its photo."""

    def process(self, event):
        from stream_parts import row_of

        yield row_of(event, ARRIVED.pop(event.event_id, None) or read(event))


def judge(events):
    rows = events | "Judge" >> beam.ParDo(FakeRow())
    return Outcome(rows, (events | "None refused" >> beam.Filter(lambda event: False),))
