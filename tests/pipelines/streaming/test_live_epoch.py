"""The graph that is translated once and run for each epoch."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import event, row_of, table_rows

from pipelines.config import Config
from pipelines.job import open_job
from pipelines.streaming.live_epoch import LiveEpochs
from transforms.arrived import ARRIVED
from transforms.errors import RefusalError, UserError
from transforms.records import dead_letter
from transforms.sinks.output import open_output
from transforms.sinks.tables import Tables
from transforms.stage import STOPPED


class Bytes(bytes):
    """A photo's bytes that may not come out of a copy. (Into one they may go: Beam samples sizes for its counters so.)"""

    def __reduce_ex__(self, protocol):
        return int, ("a photo was copied",)


def arrive(*numbers):
    events = [event(number, 1) for number in numbers]
    for one in events:
        file = io.BytesIO()
        random = np.random.default_rng(int(one.event_id.split("-")[1]))
        pixels = np.clip(random.normal(180, 30, (90, 120, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(file, "JPEG")
        ARRIVED[one.event_id] = Bytes(file.getvalue())
    return events


@pytest.fixture
def epochs(tmp_path):
    output = open_output(str(tmp_path / "out"))
    tables = Tables(output)
    yield output, LiveEpochs(open_job(Config(), output), 2, tables), tables
    tables.close()


def test_each_epoch_has_its_own_photos_rows_letters_and_position(epochs):
    from datetime import UTC, datetime

    output, run, tables = epochs
    letter = dead_letter(event(90, 1), "fetch", RefusalError("not_found", "gone"), datetime.now(UTC))
    tally, written = run(arrive(1, 2), [letter], {"source": 4}, [row_of(event(50, 1), b"known")])
    assert sorted(row["event_id"] for row in written.rows) == ["e-1-1", "e-2-1", "e-50-1"]
    assert (tally.records, tally.refused) == (3, 1)
    assert tables.position("source") == 4
    _, written = run(arrive(3), [], {"source": 5}, [])
    assert [row["event_id"] for row in written.rows] == ["e-3-1"] and written.dead_letters == []
    assert (len(table_rows(output)), tables.position("source"), ARRIVED) == (4, 5, {})


def test_what_stops_the_work_comes_out_as_its_sentence(epochs, monkeypatch):
    from transforms import steps

    def full(*args, **other):
        raise UserError("the disk is full")

    _, run, tables = epochs
    monkeypatch.setattr(steps, "quality_row", full)
    with pytest.raises(UserError, match="the disk is full"):
        run(arrive(1), [], {"source": 1}, [])
    assert tables.position("source") is None
    STOPPED.clear()
