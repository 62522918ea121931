from pathlib import Path

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.train import Kept


def test_what_was_computed_is_not_computed_again(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return np.arange(3), np.ones((2, 2))

    first = Kept(tmp_path, "key")("name", make)
    again = Kept(tmp_path, "key")("name", make)
    assert len(calls) == 1 and all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    Kept(tmp_path, "another network")("name", make)
    assert len(calls) == 2


def test_a_run_that_was_stopped_half_way_leaves_nothing_that_is_taken_for_whole(tmp_path):
    kept = Kept(tmp_path, "key")

    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept("name", stopped)
    assert kept("name", lambda: (np.zeros(1),))[0].tolist() == [0]


def test_without_the_photos_training_says_what_is_missing_and_where_it_goes(tmp_path, capsys):
    missing = tmp_path / "data"
    assert main(["train", "--data", str(missing), "--work", str(Path(tmp_path, "work"))]) == 2
    told = capsys.readouterr().err
    assert str(missing / "human-rated") in told and "--data" in told
