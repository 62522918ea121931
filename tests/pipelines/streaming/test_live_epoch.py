"""The graph that is translated once and run for each epoch."""

import io
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from stream_parts import event

from pipelines.config import Config
from pipelines.job import open_job
from pipelines.streaming import live_epoch
from pipelines.streaming.live_epoch import LiveEpochs
from transforms.arrived import ARRIVED
from transforms.errors import UserError
from transforms.sinks.output import open_output
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
    with closing(LiveEpochs(open_job(Config(), open_output(str(tmp_path / "out"))), 2)) as made:
        yield made
    assert not any(thread.is_alive() for thread in made._threads)


def test_epochs_side_by_side_have_each_their_own_photos(epochs):
    refused = event(9, 1)
    ARRIVED[refused.event_id] = Bytes(b"no photo")
    begun = [epochs.begin(arrive(1, 2)), epochs.begin([*arrive(3), refused]), epochs.begin(arrive(4, 5, 6))]
    judged = [one.result(60) for one in begun]
    names = [sorted(row["event_id"] for row in one.rows) for one in judged]
    assert names == [["e-1-1", "e-2-1"], ["e-3-1"], ["e-4-1", "e-5-1", "e-6-1"]]
    assert [[letter.code for letter in one.dead_letters] for one in judged] == [[], ["not_an_image"], []]
    assert [(one.tally.records, one.tally.refused) for one in judged] == [(2, 0), (1, 1), (3, 0)]
    assert ARRIVED == {}


def test_an_epoch_is_told_though_its_run_goes_on(epochs):
    refused = event(9, 1)
    for number in range(3):
        ARRIVED[refused.event_id] = Bytes(b"no photo")
        judged = epochs.begin([*arrive(2 * number, 2 * number + 1), refused]).result(60)
        assert [len(judged.rows), len(judged.dead_letters)] == [2, 1]
        assert not judged.tally.seconds
        assert 0 < judged.core_s < 30
    counted = epochs.end()
    assert (counted.calls["assess"], counted.calls["fetch"]) == (6, 9) and counted.seconds["assess"] > 0


@pytest.mark.parametrize("gains", [False, True])
def test_all_is_judged_and_counted_once_over_several_runs(tmp_path, monkeypatch, gains):
    """The model that gains by batches fills them from several photos: a run ends with every epoch."""
    from models.scorer import Scorer

    monkeypatch.setattr(live_epoch, "RUN_PHOTOS", 4)
    monkeypatch.setattr(Scorer, "gains_by_batches", gains)
    with closing(LiveEpochs(open_job(Config(), open_output(str(tmp_path / "out"))), 1)) as epochs:
        calls = 0
        for number in range(4):
            judged = epochs.begin(arrive(3 * number, 3 * number + 1, 3 * number + 2)).result(60)
            assert len({row["event_id"] for row in judged.rows}) == 3
            calls += judged.tally.calls["assess"]
        assert calls + epochs.end().calls["assess"] == 12


def test_what_stops_the_work_comes_out_as_its_sentence(epochs, monkeypatch):
    from transforms import steps

    def full(*args, **other):
        raise UserError("the disk is full")

    monkeypatch.setattr(steps, "quality_row", full)
    try:
        with pytest.raises(UserError, match="the disk is full"):
            epochs.begin(arrive(1)).result(60)
    finally:
        STOPPED.clear()
